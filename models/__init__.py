"""Learning: labels, splits, learners, calibration, export, evaluation.

Never on a tick's import path.
"""
