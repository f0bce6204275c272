"""The project on Google Cloud: what it should be as data, what it is, and the way from one to the
other through gcloud.
"""
