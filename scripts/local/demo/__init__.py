"""The demo: a bitbank of its own, a model trained on its past, and days of scheduled ticks in
seconds.
"""
