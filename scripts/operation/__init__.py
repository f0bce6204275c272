"""The bot that the settings name, for whoever runs it: how it stands, which models it knows, what
of it is damaged.
"""
