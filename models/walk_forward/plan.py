"""Which retrainings there are, and everything that each of them is given: only what was known at
its instant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.data.splits import Window, walk_forward_folds
from models.fit.recipe import known_at, parts_of, training_embargo_ms
from shared import strategies
from shared.core.errors import UserError
from shared.core.settings import Settings
from shared.core.types import BoolArray, Features, Votes

VOLATILITY = ("atr_rate", "realised_16", "realised_96", "realised_672")
"""The features that know nothing but how much the price moved; the last three are
`Dataset.volatility_past`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One retraining: what it learns from, and the rows that it decides, with what stands beside
    them.

    `known` are the labelled rows of its past, `asked` and `votes` the features and votes of the
    decisions [from_at, to_at).
    """

    number: int
    from_at: int
    to_at: int
    closed_at: int
    known: Dataset
    asked: Features
    votes: Votes
    settings: Settings
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The retrainings of a walk-forward that have enough to learn from, in the order of time."""

    dataset: Dataset
    computed: Features
    votes: Votes
    windows: tuple[Window, ...]
    settings: Settings
    seed: int

    def __len__(self) -> int:
        """How many retrainings."""
        return len(self.windows)

    def tasks(self, numbers: Sequence[int] | None = None) -> Iterator[Task]:
        """Those with these numbers (None: all), each with its own rows, cut when it is
        asked for.
        """
        for number in range(len(self.windows)) if numbers is None else numbers:
            window = self.windows[number]
            closed_at = last_close(self.computed, window.at)
            first, last = np.searchsorted(
                self.computed.as_of, [window.from_at, window.to_at]
            ).tolist()
            yield Task(
                number=number,
                from_at=window.from_at,
                to_at=window.to_at,
                closed_at=closed_at,
                known=known_at(self.dataset, self.settings, closed_at=closed_at),
                asked=_feature_rows(self.computed, first, last),
                votes=_vote_rows(self.votes, first, last),
                settings=self.settings,
                seed=self.seed,
            )


def last_close(computed: Features, at: int) -> int:
    """The close of the last candle that a training at `at` knows."""
    known = int(np.searchsorted(computed.as_of, at, side="right"))
    return int(computed.as_of[known - 1]) if known else at


def plan_walk(
    dataset: Dataset,
    computed: Features,
    settings: Settings,
    *,
    first_at: int,
    end_at: int,
    seed: int,
) -> Plan:
    """Plan the retrainings for the decisions in [first_at, end_at).

    Where a retraining would have had too little to learn from (a long hole), the model before it
    goes on deciding, as live.

    Args:
        dataset: Labelled rows of the whole history.
        computed: Features of the same candles, one row each.
        settings: `learning` and `retrain.every_days`.
        first_at: The first decision.
        end_at: After the last.
        seed: Of every fit.

    Raises:
        UserError: No retraining before the first decision would have had enough to learn from, or
            there is nothing to decide.
    """
    learning = settings.learning
    windows = walk_forward_folds(
        first_at=first_at,
        end_at=end_at,
        days=learning.days,
        every_days=settings.retrain.every_days,
        calibration_share=learning.validation_share,
        embargo_ms=training_embargo_ms(settings),
    )
    kept: list[Window] = []
    for window in windows:
        refusal = _refusal(dataset, settings, closed_at=last_close(computed, window.at))
        if refusal is None:
            kept.append(window)
        elif not kept:
            raise UserError(
                f"the first retraining of the walk-forward cannot learn: {refusal}",
                remedy=(
                    "begin later, give candles that reach further back, or change learning.days or"
                    " learning.row_step"
                ),
            ) from refusal
        else:
            kept[-1] = replace(kept[-1], to_at=window.to_at)
    votes = strategies.vote(computed, settings.strategies, settings.consensus)
    return Plan(
        dataset=dataset.with_votes(votes) if learning.meta_head else dataset,
        computed=_wanted_columns(computed, dataset),
        votes=votes,
        windows=tuple(kept),
        settings=settings,
        seed=seed,
    )


def _refusal(dataset: Dataset, settings: Settings, *, closed_at: int) -> UserError | None:
    try:
        parts_of(known_at(dataset, settings, closed_at=closed_at), settings)
    except UserError as error:
        return error
    return None


def _wanted_columns(computed: Features, dataset: Dataset) -> Features:
    """Only the columns that a fold asks for."""
    names = tuple(dict.fromkeys((*dataset.names, *VOLATILITY)))
    columns = [computed.names.index(name) for name in names]
    return Features(as_of=computed.as_of, names=names, values=computed.values[:, columns])


def _feature_rows(computed: Features, first: int, last: int) -> Features:
    return Features(
        as_of=computed.as_of[first:last], names=computed.names, values=computed.values[first:last]
    )


def _vote_rows(votes: Votes, first: int, last: int) -> Votes:
    return Votes(
        as_of=votes.as_of[first:last],
        names=votes.names,
        sides=votes.sides[first:last],
        confidences=votes.confidences[first:last],
        consensus=votes.consensus[first:last],
        strength=votes.strength[first:last],
    )


def finite_rows(features: Features, names: Sequence[str]) -> tuple[NDArray[np.float32], BoolArray]:
    """Columns as trees see them, (n, k) float32, and which rows (n,) are warm."""
    with np.errstate(
        over="ignore"
    ):  # what does not fit into float32 is not finite, and so not warm
        rows = features.values[:, [features.names.index(name) for name in names]].astype(np.float32)
    warm = np.asarray(np.isfinite(rows).all(axis=1))
    return rows, warm
