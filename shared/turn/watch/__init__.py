"""Whether the model that serves is still the one that was judged, and what its challenger would
have said. Pure.
"""
