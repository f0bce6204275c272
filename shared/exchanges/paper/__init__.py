"""Execution: from a decision to orders and their outcomes; the fill rules and the paper account
that keeps to them.
"""
