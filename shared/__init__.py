"""The trading system, in the order the data flows: market, features, votes, prediction, decision,
orders.
"""
