"""Statistics that the libraries do poorly or not at all, by hand, each checked against published
values.
"""
