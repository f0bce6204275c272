"""Work that is asked for over HTTP and done in slices: its records, and the keys that sign what
comes of it.
"""
