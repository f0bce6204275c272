"""What came of it: performance, the page of a replay, and what the bot did beside a replay of the
same period.
"""
