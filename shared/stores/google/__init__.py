"""Stores of Google Cloud, through Google's own clients: these are imported by the first request."""
