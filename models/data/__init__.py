"""What is learned from: rows, labels, splits, and the tests that nothing in them knows
the future.
"""
