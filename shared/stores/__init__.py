"""Where things are kept: `ports` says what a store is, one module an adapter.

Nothing is imported here: a tick pays for it.
"""
