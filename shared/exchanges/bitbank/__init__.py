"""Bitbank: its public and private REST over ccxt's transport, its answers, codes and errors, and
the candles that it said last.
"""
