"""The weekly retraining: one service for the function and the command, claimed, resumable, and the same bytes every time."""

from models.retrain.asked import Asked, BadField, OtherRetrain, parse
from models.retrain.place import ArchiveHistory, CandleHistory, FileHistory, Place
from models.retrain.service import Retrains

__all__ = [
    "ArchiveHistory",
    "Asked",
    "BadField",
    "CandleHistory",
    "FileHistory",
    "OtherRetrain",
    "Place",
    "Retrains",
    "parse",
]
