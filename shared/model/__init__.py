"""Features, votes and a signed model bundle -> calibrated probabilities."""

from shared.model.bundle import Bundle, load_bundle
from shared.model.manifest import Manifest, Verdict
from shared.model.predict import predict, predict_rows, volatility_rows, vote_rows

__all__ = [
    "Bundle",
    "Manifest",
    "Verdict",
    "load_bundle",
    "predict",
    "predict_rows",
    "volatility_rows",
    "vote_rows",
]
