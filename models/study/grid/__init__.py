"""A grid: the same replay under many settings, on many periods at once.

Features are computed once, votes once for all runs that share them.
"""

from models.study.grid.given import Given, build_given, data_hashes
from models.study.grid.places import Workers
from models.study.grid.points import (
    Period,
    Point,
    Run,
    grid_points,
    parse_variation,
    periods,
    runs,
    sample,
)
from models.study.grid.result import (
    JudgedOutcome,
    Luck,
    Measured,
    RunOutcome,
    grid_trial,
    judge_outcomes,
)
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
    "build_given",
    "data_hashes",
    "grid_points",
    "grid_trial",
    "judge_outcomes",
    "parse_variation",
    "periods",
    "replay_runs",
    "runs",
    "sample",
]
