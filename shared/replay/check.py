"""The machine's proof that nothing looks ahead, for one configuration: data, settings, model and
rules as they are.

At seeded instants ("cuts") the future is taken away in two ways, everything is computed again, and
what was known before the cut must be the same, to the last bit:

* *truncated*: the candles end at the cut. What reads the whole frame (its length, its mean, the
  next row, the rest of a 4h candle that is not closed, a model that is fitted on it) tells another
  story about the past.
* *perturbed*: the candles go on, but wildly. Of the candle that begins at the cut only the open is
  kept, which a tick at the cut has seen. So the decision made *at* the cut is compared too: a stop
  or a size that peeks moves with the future.

Beside the cuts, every row of the period is asked whether it knows the candle after it
(`replay.peeks`), and once every candle is replaced by another: a column that does not change at all
reads something else than what it was given.

Half of the cuts lie on the candles that led to an entry, where a peek would pay. Each is judged in
a section of its own, from thirty days before it to two days after it, with all the history that the
stages want: years cost little more than a month.

What neither way can see is a model that learned from the period before it was written to disk; its
own manifest tells (see `replay.honesty`). A rule that listens to its candles and to a copy of its
own as well would escape: the stages are pure, and the import contracts keep files, stores and
clocks out of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from shared.core.calendar import DAY_MS
from shared.core.errors import UserError
from shared.core.settings import Settings
from shared.core.types import Candles, Targets, Timeframe
from shared.model.bundle import Bundle
from shared.replay.differences import KINDS, Cut, Difference, deaf, of_replays, of_stages
from shared.replay.engine import replay as replay_whole
from shared.replay.falsified import slope_candles, wild
from shared.replay.honesty import refuse_training
from shared.replay.peeks import MOST_ROWS, NOT_ASKED, Peeked, peeks
from shared.replay.types import Entered, Inputs, Replayed
from shared.turn import pipeline
from shared.turn.pipeline import Stages

__all__ = ["Checked", "Difference", "check_look_ahead"]

MOST_DIFFERENCES = 50
SHARE_OF_CUTS = 0.5
"""Of the work, for whoever watches."""
BEFORE_MS, AFTER_MS = 30 * DAY_MS, 2 * DAY_MS
"""How much of a period is replayed around a cut."""


class Compute(Protocol):
    """`pipeline.stages`, or something that must be as honest."""

    def __call__(
        self, candles: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
    ) -> Stages:
        """The array stages over exactly these candles."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was compared, and what differed.

    Attributes:
        cuts: The instants, ms UTC, ascending.
        compared: How many numbers of the stages and how many entries, fills, trades, events, points
            and ticks were compared.
        differences: The first ones, at the earliest cuts; empty where nothing looks ahead.
        peeked: What came of asking row by row.
        refused: Why the model may not be asked about this period; empty where it may.
        remedy: What to do about `refused`.
        notes: What must stand on the result's face (see `refuse_training`).
    """

    cuts: tuple[int, ...]
    compared: Mapping[str, int]
    differences: tuple[Difference, ...] = ()
    peeked: Peeked = NOT_ASKED
    refused: str = ""
    remedy: str = ""
    notes: tuple[str, ...] = ()

    @property
    def has_passed(self) -> bool:
        """Whether nothing looked ahead and the model may be asked."""
        return not self.differences and not self.refused

    def lines(self) -> tuple[str, ...]:
        """The verdict for people, a sentence a line."""
        seen = ", ".join(f"{count:,} {kind}" for kind, count in self.compared.items() if count)
        found = len(self.differences)
        verdict = f"something looks ahead, {found} differences" if found else "nothing looks ahead"
        refused = [f"{self.refused}; {self.remedy}"] if self.refused else []
        first = f"compared {seen or 'nothing'} at {len(self.cuts)} cuts: {verdict}"
        rows = [self.peeked.sentence] if self.peeked.rows else []
        return (
            first,
            *rows,
            *(str(difference) for difference in self.differences),
            *refused,
            *self.notes,
        )


def check_look_ahead(
    inputs: Inputs,
    bundle: Bundle | None,
    *,
    cuts: int = 20,
    seed: int = 7,
    compute: Compute | None = None,
    replay: Callable[[Inputs], Replayed] = replay_whole,
    inside_training: bool = False,
    most_rows: int = MOST_ROWS,
    on_progress: Callable[[float], None] | None = None,
) -> Checked:
    """Check one configuration for look-ahead. What it finds is told, not raised.

    Args:
        inputs: As for a replay, with stages that `compute` made. With `every_tick` each tick's
            decision is compared as well.
        bundle: The model, as for `compute`; None where there is none.
        cuts: How many instants; each costs two computations of the stages and three short replays.
        seed: Of the cuts and of the wild futures.
        compute: What makes the stages. None: `pipeline.stages`, asking the model for its section
            only.
        replay: What makes the result.
        inside_training: Allow the model's own training period, with a note.
        most_rows: How many rows are computed at the most to ask row by row; see `replay.peeks`.
        on_progress: Told the share that is done.
    """
    tell = on_progress or (lambda _share: None)
    tell(0.0)
    random = np.random.default_rng(seed)
    chosen = _cuts(inputs, replay(inputs).entries, count=cuts, random=random)
    compared = dict.fromkeys(KINDS, 0)
    found: list[Difference] = []
    for number, at in enumerate(chosen):
        section = _section(inputs, at)
        computed = compute or partial(pipeline.stages, since=section.start_at)
        whole = replay(section)
        for cut, changed in (
            (Cut(at, "truncated"), _until(section, at)),
            (Cut(at, "perturbed"), _perturb_inputs(section, at, random)),
        ):
            stages = computed(changed.candles, bundle=bundle, settings=inputs.settings)
            found += of_stages(section.stages, stages, cut, compared)
            if not np.array_equal(stages.features.as_of, changed.candles[Timeframe.M15].closed_at):
                continue  # told already: these are not the stages of the candles given
            found += of_replays(whole, replay(replace(changed, stages=stages)), cut, compared)
        tell(SHARE_OF_CUTS * (number + 1) / len(chosen))
    found += _replaced_differences(
        inputs, bundle, compute or partial(pipeline.stages, since=inputs.start_at), random
    )
    peeked = peeks(
        inputs.candles,
        lambda market: (compute or pipeline.stages)(market, bundle=None, settings=inputs.settings),
        start_at=inputs.start_at,
        end_at=inputs.end_at,
        random=random,
        most_rows=most_rows,
        on_progress=lambda share: tell(SHARE_OF_CUTS + (1.0 - SHARE_OF_CUTS) * share),
    )
    tell(1.0)
    refused, remedy, notes = _model(inputs, bundle, inside_training=inside_training)
    return Checked(
        cuts=chosen,
        compared=compared,
        differences=(*peeked.differences, *found)[:MOST_DIFFERENCES],
        peeked=peeked,
        refused=refused,
        remedy=remedy,
        notes=notes,
    )


def _replaced_differences(
    inputs: Inputs, bundle: Bundle | None, compute: Compute, random: np.random.Generator
) -> list[Difference]:
    """Every candle is another, three times: what changes with none of these markets reads something
    else.

    One market is not enough: a column of two answers that is warm in a few rows may give the same
    ones by chance.
    """
    whole = compute(inputs.candles, bundle=bundle, settings=inputs.settings)
    markets = (
        {
            timeframe: wild(part, _first_of(part), random)
            for timeframe, part in inputs.candles.items()
        },
        *(
            {
                timeframe: slope_candles(part, rising=way)
                for timeframe, part in inputs.candles.items()
            }
            for way in (True, False)
        ),
    )
    others = [compute(market, bundle=bundle, settings=inputs.settings) for market in markets]
    if not all(np.array_equal(whole.features.as_of, other.features.as_of) for other in others):
        return []
    accused = [{(one.kind, one.name): one for one in deaf(whole, other)} for other in others]
    return [
        one for column, one in accused[0].items() if all(column in more for more in accused[1:])
    ]


def _first_of(part: Candles) -> int:
    return int(part.opened_at[0]) if len(part) else 0


def _model(
    inputs: Inputs, bundle: Bundle | None, *, inside_training: bool
) -> tuple[str, str, tuple[str, ...]]:
    try:
        notes = refuse_training(
            start_at=inputs.start_at,
            end_at=inputs.end_at,
            manifest=None if bundle is None else bundle.manifest,
            settings=inputs.settings,
            inside_training=inside_training,
        )
    except UserError as error:
        return str(error), error.remedy, ()
    return "", "", notes


def _cuts(
    inputs: Inputs, entries: tuple[Entered, ...], *, count: int, random: np.random.Generator
) -> tuple[int, ...]:
    """Closes of 15m candles within the period: half of those that led to an entry, the rest
    anywhere.
    """
    closes = inputs.candles[Timeframe.M15].closed_at
    closes = closes[(closes > inputs.start_at) & (closes < inputs.end_at)]
    decided = np.intersect1d(
        np.array([entered.as_of for entered in entries], dtype=np.int64), closes
    )
    some = random.choice(decided, min(len(decided), count // 2), replace=False)
    others = np.setdiff1d(closes, some)
    more = random.choice(others, min(len(others), count - len(some)), replace=False)
    return tuple(sorted(int(at) for at in (*some, *more)))


def _section(inputs: Inputs, at: int) -> Inputs:
    """The part of the period around a cut, its beginning in step with the period's own."""
    start_at = (
        inputs.start_at
        + max(0, at - BEFORE_MS - inputs.start_at) // Timeframe.M15.ms * Timeframe.M15.ms
    )
    known = min(inputs.end_at, at + AFTER_MS)
    return replace(_until(inputs, known), start_at=start_at, stages=_first(inputs.stages, known))


def _first(stages: Stages, known: int) -> Stages:
    """The rows that are known at an instant."""
    features, votes, prediction, targets = (
        stages.features,
        stages.votes,
        stages.prediction,
        stages.targets,
    )
    rows = int(np.searchsorted(features.as_of, known, side="right"))
    if prediction is not None:
        prediction = replace(
            prediction,
            as_of=prediction.as_of[:rows],
            probabilities=prediction.probabilities[:rows],
            unasked=None if prediction.unasked is None else prediction.unasked[:rows],
            volatility=None if prediction.volatility is None else prediction.volatility[:rows],
            p_vote=None if prediction.p_vote is None else prediction.p_vote[:rows],
        )
    return Stages(
        features=replace(features, as_of=features.as_of[:rows], values=features.values[:rows]),
        votes=replace(
            votes,
            as_of=votes.as_of[:rows],
            sides=votes.sides[:rows],
            confidences=votes.confidences[:rows],
            consensus=votes.consensus[:rows],
            strength=votes.strength[:rows],
        ),
        prediction=prediction,
        targets=(
            None
            if targets is None
            else Targets(
                as_of=targets.as_of[:rows],
                weight=targets.weight[:rows],
                volatility=targets.volatility[:rows],
            )
        ),
    )


def _until(inputs: Inputs, at: int) -> Inputs:
    """Nothing after an instant, and no decision."""
    return replace(
        inputs,
        candles={timeframe: part.closed_by(at) for timeframe, part in inputs.candles.items()},
        minutes=None if inputs.minutes is None else inputs.minutes.closed_by(at),
        end_at=at,
    )


def _perturb_inputs(inputs: Inputs, at: int, random: np.random.Generator) -> Inputs:
    return replace(
        inputs,
        candles={timeframe: wild(part, at, random) for timeframe, part in inputs.candles.items()},
        minutes=None if inputs.minutes is None else wild(inputs.minutes, at, random),
    )
