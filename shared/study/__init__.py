"""Studies: many settings on many periods at once. Features are computed once, votes once for all runs that share them."""

from shared.study.given import Given, data_hashes, given
from shared.study.places import Workers
from shared.study.points import Period, Point, Run, grid, periods, runs, sample, varied
from shared.study.result import Judged, Luck, Measured, Outcome, judged, trial_of
from shared.study.work import study

__all__ = [
    "Given",
    "Judged",
    "Luck",
    "Measured",
    "Outcome",
    "Period",
    "Point",
    "Run",
    "Workers",
    "data_hashes",
    "given",
    "grid",
    "judged",
    "periods",
    "runs",
    "sample",
    "study",
    "trial_of",
    "varied",
]
