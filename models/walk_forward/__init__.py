"""Retrain on the schedule that live would have had, and predict out of sample only."""
