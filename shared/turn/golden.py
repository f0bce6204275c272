"""Golden candles: a bundle carries some of the candles before its training, and what code and model
said of them. Pure.

They begin where a tick begins: features, votes, predictions and decisions are worked out from
candles alone. Whoever comes to another answer runs other code (or on a processor that computes
otherwise) than what was judged.
"""

import math
from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from shared.core.calendar import utc_text
from shared.core.errors import BadSettings, BotError
from shared.core.settings import Settings
from shared.core.types import (
    Account,
    Book,
    Candles,
    Decision,
    Features,
    IntArray,
    Market,
    PairRules,
    Timeframe,
    Votes,
)
from shared.model.arrays import pack, unpack
from shared.model.bundle import Bundle
from shared.model.manifest import Answers
from shared.model.proven import proof_terms, under
from shared.turn import pipeline

KEPT = {Timeframe.M15: 700, Timeframe.H4: 600}
"""So many candles warm every feature of a model, and every signal of the trend."""
ROWS = 12
LAST_ROWS = 200
_CAPITAL_JPY = Decimal(1_000_000)
_TOUCH = 0.0001  # of the price: the book around it
_TOLERANCE = 1e-9  # of a feature's size: below what any rule could notice
_PROBABILITY_TOLERANCE = 2e-6  # they are rounded to six digits
_COLUMNS = ("opened_at", "open", "high", "low", "close", "volume")


def cut(candles: Mapping[Timeframe, Candles]) -> dict[Timeframe, Candles]:
    """The last candles of each timeframe, as many as are kept."""
    return {frame: candles[frame].tail(count) for frame, count in KEPT.items()}


def pack_candles(candles: Mapping[Timeframe, Candles]) -> bytes:
    """The file of them. The same candles give the same bytes."""
    return pack(
        {
            f"{frame.value}_{name}": getattr(candles[frame], name)
            for frame in KEPT
            for name in _COLUMNS
        }
    )


def unpack_candles(data: bytes) -> dict[Timeframe, Candles]:
    """Read the file. Raises `BadBundle`."""
    names = [f"{frame.value}_{name}" for frame in KEPT for name in _COLUMNS]
    found = unpack(data, names, what="golden.npz")
    return {
        frame: Candles(
            timeframe=frame, **{name: found[f"{frame.value}_{name}"] for name in _COLUMNS}
        )
        for frame in KEPT
    }


def answers(
    candles: Mapping[Timeframe, Candles],
    bundle: Bundle,
    settings: Settings,
    *,
    at: IntArray | None = None,
) -> Answers:
    """What is said of some rows of these candles; `at` (m,) are their instants, None chooses them.

    Raises:
        BadBundle: The bundle wants a feature that is not there.
        BadData: The candles are none.
    """
    done = pipeline.stages(candles, bundle=bundle, settings=settings)
    rows = _choose_rows(done.votes) if at is None else np.searchsorted(done.features.as_of, at)
    probabilities = None if done.prediction is None else done.prediction.probabilities
    return Answers(
        settings=proof_terms(settings),
        at=tuple(done.features.as_of[rows].tolist()),
        names=done.features.names,
        features=tuple(_warm(done.features, row) for row in rows.tolist()),
        sides=tuple(tuple(row) for row in done.votes.sides[rows].tolist()),
        confidences=tuple(tuple(row) for row in done.votes.confidences[rows].tolist()),
        probabilities=tuple(
            (
                None
                if probabilities is None or not np.isfinite(probabilities[row]).all()
                else tuple(probabilities[row].tolist())
            )
            for row in rows.tolist()
        ),
        decisions=tuple(_decision_text(candles, done, row, settings) for row in rows.tolist()),
    )


def golden_difference(data: bytes | None, bundle: Bundle, settings: Settings) -> str | None:
    """In words: the first answer that is another one than the bundle promises; None where all are
    the same.

    Asked is under the settings that the answers were given for: only code and model can make a
    difference.
    """
    promised = bundle.manifest.answers
    if promised is None or data is None:
        return "the bundle holds no golden candles"
    try:
        asked = under(promised.settings, settings)
    except BadSettings as error:
        return f"this code has other settings than the golden answers were given for ({error})"
    try:
        found = answers(
            unpack_candles(data), bundle, asked, at=np.array(promised.at, dtype=np.int64)
        )
    except BotError as error:
        return f"the golden candles give no answer: {error}"
    return _difference(found, promised)


def _choose_rows(votes: Votes) -> IntArray:
    """Some of the last rows: half of them where the strategies agree, as far as there are such."""
    first = max(0, len(votes.as_of) - LAST_ROWS)
    agreed = np.flatnonzero(votes.consensus[first:]) + first
    some = (
        agreed[np.unique(np.linspace(0, len(agreed) - 1, ROWS // 2).astype(np.int64))]
        if len(agreed)
        else agreed
    )
    even = np.linspace(first, len(votes.as_of) - 1, ROWS - len(some)).astype(np.int64)
    return np.unique(np.concatenate([some, even]))


def _warm(features: Features, row: int) -> tuple[float | None, ...]:
    return tuple(value if math.isfinite(value) else None for value in features.values[row].tolist())


def _decision_text(
    candles: Mapping[Timeframe, Candles], done: pipeline.Stages, row: int, settings: Settings
) -> str:
    """The decision on an account that holds nothing, beside a book around the close, in
    one line.
    """
    at = int(done.features.as_of[row])
    slow = candles[Timeframe.H4].closed_by(at)
    signal = pipeline.signal_at(
        done,
        row,
        candles_before={Timeframe.M15: row + 1, Timeframe.H4: len(slow)},
        slow_until=int(slow.closed_at[-1]) if len(slow) else 0,
        settings=settings,
    )
    half = max(1, round(signal.close * _TOUCH / 2))
    market = Market(
        as_of=at,
        candles=candles,
        book=Book(
            as_of=at,
            bid=signal.close - half,
            ask=signal.close + half,
            bid_lots=10_000,
            ask_lots=10_000,
        ),
        rules=PairRules(),
    )
    decision, _ = pipeline.decide(
        signal,
        market=market,
        account=Account(
            equity_jpy=_CAPITAL_JPY,
            capital_jpy=_CAPITAL_JPY,
            available_jpy=_CAPITAL_JPY,
            equity_peak_jpy=_CAPITAL_JPY,
            day_start_equity_jpy=_CAPITAL_JPY,
            is_staged=True,  # whatever stage answers, of the whole of it
        ),
        now_ms=at,
        settings=settings,
    )
    return _in_words(decision)


def _in_words(decision: Decision) -> str:
    side = "" if decision.side is None else f" {decision.side.value}"
    goal = "" if decision.goal is None else f" goal {decision.goal.lots}"
    return (
        f"{decision.action.value} {decision.reason.value}{side} {decision.lots} lots"
        f" stop {decision.stop_price} target {decision.target_price}{goal}"
    )


def _difference(found: Answers, promised: Answers) -> str | None:
    if found.at != promised.at:
        return "the golden candles have other rows than were promised"
    known = {name: place for place, name in enumerate(found.names)}
    for row, at in enumerate(promised.at):
        when = utc_text(at)[:16]
        for place, name in enumerate(promised.names):
            now = found.features[row][known[name]] if name in known else None
            was = promised.features[row][place]
            if not _is_close(now, was, _TOLERANCE):
                return (
                    f"the feature {name} of {when} is {_value_text(now)} and was {_value_text(was)}"
                )
        sure = zip(found.confidences[row], promised.confidences[row], strict=False)
        if found.sides[row] != promised.sides[row] or not all(
            _is_close(now, was, _TOLERANCE) for now, was in sure
        ):
            return f"the votes of {when} are {_votes(found, row)} and were {_votes(promised, row)}"
        said, meant = found.probabilities[row], promised.probabilities[row]
        if (said is None) != (meant is None) or any(
            abs(now - was) > _PROBABILITY_TOLERANCE
            for now, was in zip(said or (), meant or (), strict=True)
        ):
            return f"the prediction of {when} is {said} and was {meant}"
        if found.decisions[row] != promised.decisions[row]:
            return (
                f"the decision of {when} is {found.decisions[row]!r} and was"
                f" {promised.decisions[row]!r}"
            )
    return None


def _is_close(now: float | None, was: float | None, tolerance: float) -> bool:
    if now is None or was is None:
        return now is was
    return math.isclose(now, was, rel_tol=tolerance, abs_tol=tolerance)


def _value_text(value: float | None) -> str:
    return "not warm" if value is None else f"{value:.6g}"


def _votes(said: Answers, row: int) -> str:
    return ", ".join(
        f"{side:+d} at {sure:.3g}"
        for side, sure in zip(said.sides[row], said.confidences[row], strict=True)
    )
