"""The heads beside the vote: a forecast of volatility, and whether the consensus' own
trade pays.
"""

from models.fit.heads.fit import Heads, fit_heads

__all__ = ["Heads", "fit_heads"]
