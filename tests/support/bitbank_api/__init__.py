"""The third reader of bitbank's private API: a table written from its documentation, and what it
says of a request, of an answer, and of the official mock's shapes.
"""
