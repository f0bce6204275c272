"""The weekly retraining: one service for the function and the command, claimed, resumable, and the
same bytes every time.
"""

from models.retrain.asked import OtherRetrain, RetrainFields, RetrainRequest
from models.retrain.place import ArchiveHistory, CandleHistory, FileHistory, RetrainPorts
from models.retrain.service import Retrains

__all__ = [
    "ArchiveHistory",
    "CandleHistory",
    "FileHistory",
    "OtherRetrain",
    "RetrainFields",
    "RetrainPorts",
    "RetrainRequest",
    "Retrains",
]
