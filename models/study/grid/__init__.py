"""A grid: the same replay under many settings, on many periods at once.

Features are computed once, votes once for all runs that share them.
"""

from models.study.grid.given import Given, data_hashes, given
from models.study.grid.places import Workers
from models.study.grid.points import Period, Point, Run, grid, periods, runs, sample, varied
from models.study.grid.result import JudgedOutcome, Luck, Measured, RunOutcome, judged, trial_of
from models.study.grid.work import replay_runs

__all__ = [
    "Given",
    "JudgedOutcome",
    "Luck",
    "Measured",
    "Period",
    "Point",
    "Run",
    "RunOutcome",
    "Workers",
    "data_hashes",
    "given",
    "grid",
    "judged",
    "periods",
    "replay_runs",
    "runs",
    "sample",
    "trial_of",
    "varied",
]
