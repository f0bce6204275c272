"""Bitbank: its public REST interface over ccxt, its answers and errors, and the candles that it
said last.
"""
