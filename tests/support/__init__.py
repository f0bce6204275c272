"""What tests share: worlds that run the real processes, stories that play them, invariants that
audit, and made things.
"""
