"""What a tick and a replay do alike, step by step, and the model that may decide in it.

No input or output.
"""
