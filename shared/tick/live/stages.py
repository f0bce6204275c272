"""The stages of real money, in their order. Pure."""

from collections.abc import Iterable

LIVE_STAGES = ("stage-10", "stage-50", "live")
"""A bot begins at the first, and goes on from one to the next."""


def is_live_stage(stage: str) -> bool:
    """Whether a stage is one of real money.

    >>> is_live_stage("stage-10"), is_live_stage("paper")
    (True, False)
    """
    return stage in LIVE_STAGES


def lowest_stage(stages: Iterable[str]) -> str:
    """The one that gives the least of the capital. Raises `ValueError` for another stage, and where
    there is none.

    >>> lowest_stage(["live", "stage-10"])
    'stage-10'
    """
    return LIVE_STAGES[min(LIVE_STAGES.index(stage) for stage in stages)]


def is_above(stage: str, other: str) -> bool:
    """Whether a stage gives more of the capital than another one.

    >>> is_above("live", "stage-50"), is_above("stage-50", "stage-50")
    (True, False)
    """
    return LIVE_STAGES.index(stage) > LIVE_STAGES.index(other)


def next_stage(stage: str | None) -> str | None:
    """The one after a stage, the first one after None; None where there is no more.

    >>> next_stage(None), next_stage("stage-50"), next_stage("live")
    ('stage-10', 'live', None)
    """
    if stage is None:
        return LIVE_STAGES[0]
    place = LIVE_STAGES.index(stage) + 1
    return LIVE_STAGES[place] if place < len(LIVE_STAGES) else None
