"""The weekly retraining: one service for the function and the command, claimed, resumable, and the same bytes every time."""

from models.retrain.asked import Asked, Fields, OtherRetrain
from models.retrain.place import ArchiveHistory, CandleHistory, FileHistory, Place
from models.retrain.service import Retrains

__all__ = [
    "ArchiveHistory",
    "Asked",
    "CandleHistory",
    "Fields",
    "FileHistory",
    "OtherRetrain",
    "Place",
    "Retrains",
]
