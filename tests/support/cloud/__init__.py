"""A Google Cloud of our own for tests: a loopback server which the real gcloud takes for it, and
which checks every request against Google's discovery documents.
"""
