"""Retrain on the schedule that live would have had, and predict out of sample only."""

from models.walk_forward.shuffled import shuffled_skills
from models.walk_forward.types import Walked, WalkFold
from models.walk_forward.unasked import empty_walk
from models.walk_forward.walk import walk_forward

__all__ = ["WalkFold", "Walked", "empty_walk", "shuffled_skills", "walk_forward"]
