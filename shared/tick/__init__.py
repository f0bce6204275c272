"""One tick with its input and output: claim, lease, documents, orders sent, and what is left
behind.
"""
