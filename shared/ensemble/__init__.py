"""Features, votes and a signed model bundle -> calibrated probabilities."""

from shared.ensemble.bundle import Bundle, load
from shared.ensemble.manifest import Manifest, Verdict
from shared.ensemble.predict import predict, predict_rows, volatility_rows, vote_rows

__all__ = ["Bundle", "Manifest", "Verdict", "load", "predict", "predict_rows", "volatility_rows", "vote_rows"]
