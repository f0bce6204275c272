"""Retrain on the schedule that live would have had, and predict out of sample only."""

from models.walk_forward.shuffled import shuffled_skills
from models.walk_forward.types import Walked, WalkFold
from models.walk_forward.unasked import unasked
from models.walk_forward.walk import walk_forward

__all__ = ["WalkFold", "Walked", "shuffled_skills", "unasked", "walk_forward"]
