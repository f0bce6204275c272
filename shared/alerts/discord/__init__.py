"""Discord's webhooks.

A webhook's address is a secret: it is registered with the log's mask, and no error, log line or
repr of ours carries it; not even the text of an HTTP library's exception, which would.
"""
