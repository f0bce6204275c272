"""The function that tells people."""
