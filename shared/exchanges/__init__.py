"""The exchanges, a folder each: bitbank, the paper account, and a bitbank of our own.

Only wiring and scripts name them.
"""
