"""Mutation testing of the money rules: cosmic-ray makes the mutants, forks of one pytest session
try them.
"""
