"""bitbank's private endpoints: one account of spot and margin, played by the paper account's rules.

Keys and limits, requests and refusals, the account walked point by point, and views of it that lag.
"""
