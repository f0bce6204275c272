"""The channels beside Discord: an e-mail, a command of the user's, and a line of the log by which
Cloud Monitoring writes an e-mail.

Each tells one text that names everything: they are asked at most once in five minutes.
"""
