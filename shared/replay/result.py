"""From what happened to the result: the exact curve, why nothing was entered, and the counts."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from shared.core.calendar import utc_text
from shared.core.money import jpy_from_units
from shared.core.reasons import Reason
from shared.core.types import Candles, FloatArray, IntArray, PairRules, Purpose, Timeframe
from shared.exchanges.paper.account import Terms
from shared.replay import valuation
from shared.replay.hands import Snapshot
from shared.replay.rows import ReplayRows
from shared.replay.story import Story
from shared.replay.types import Curve, Inputs, Replayed


def gather_result(
    inputs: Inputs,
    *,
    rules: PairRules,
    path: Candles,
    known: ReplayRows,
    story: Story,
    snapshots: Sequence[Snapshot],
    terms: Terms,
    until_at: int,
    halted: Sequence[tuple[int, int]] = (),
) -> Replayed:
    """The result of what has happened by `until_at`; a person had `halted` the bot on rows [from,
    to).
    """
    settings = inputs.settings
    first, stop = np.searchsorted(known.as_of, (inputs.start_at, until_at), side="right").tolist()
    instants = np.concatenate(([inputs.start_at], known.as_of[first:stop]))
    last_at = max(
        until_at, story.fills[-1].at if story.fills else 0
    )  # a tick at the end trades when its candle is final
    if instants[-1] < last_at:
        instants = np.concatenate((instants, [last_at]))
    equity, close, lots = valuation.curve(
        snapshots, instants, path, kind=settings.account, terms=terms
    )
    close = np.where(close > 0.0, close, _closes_before(inputs.candles[Timeframe.M15], instants))
    return Replayed(
        start_at=inputs.start_at,
        end_at=until_at,
        resolution=inputs.resolution,
        settings_hash=settings.hash,
        profile=settings.profile,
        model=known.model,
        account=settings.account,
        rules=rules,
        start_equity_jpy=_yen_of_units(int(equity[0])),
        end_equity_jpy=_yen_of_units(int(equity[-1])),
        trades=tuple(story.trades),
        fills=tuple(story.fills),
        entries=tuple(story.entries),
        curve=Curve(at=instants, equity_units=equity, close=close, lots=lots),
        denials=_denials(known, story, lots[1 : 1 + stop - first], first, stop, halted),
        events=tuple(story.events),
        counts=_counts(story, stop - first),
        ticks=tuple(story.ticks),
        notes=(*inputs.notes, *_halted_for_good(inputs, story), *_assumption_notes(inputs)),
    )


COARSE = (
    "From 15m candles alone: entries pay for crossing and fill only where the candle trades through"
    " the touch. An approximation on the pessimistic side; with 1m candles the replay equals the"
    " bot."
)


LEVERED = (
    "With leverage above 1 the exchange closes a position by force when its margin is used up. That"
    " is not modelled: a gap may end deeper here than there."
)


def _halted_for_good(inputs: Inputs, story: Story) -> tuple[str, ...]:
    """A drawdown halt that nobody took back: what comes after it is the record of an
    empty account.
    """
    stopped = [event.at for event in story.events if event.reason is Reason.LIMIT_DRAWDOWN]
    resumed = max((halt.until_at or 0 for halt in inputs.schedule.halts), default=0)
    if not stopped or resumed > stopped[-1]:
        return ()
    day, limit = utc_text(stopped[-1])[:10], inputs.settings.risk.max_drawdown
    stood = (
        f"HALTED: the drawdown limit of {100 * limit:g} % stopped it on {day}, and here nobody"
        " resumes it:"
    )
    return (f"{stood} nothing is entered after that day.",)


def _assumption_notes(inputs: Inputs) -> tuple[str, ...]:
    """What the reader must know of how this was replayed."""
    levered = (LEVERED,) if inputs.settings.risk.max_leverage > 1.0 else ()
    return levered if inputs.resolution is Timeframe.M1 else (*levered, COARSE)


def _closes_before(quarters: Candles, instants: IntArray) -> FloatArray:
    """The last 15m close by each instant, 0 where there is none: 1m candles of a period begin after
    its start.
    """
    rows = quarters.closed_at.searchsorted(instants, side="right") - 1
    closes: FloatArray = (
        np.where(rows >= 0, quarters.close[np.maximum(rows, 0)], 0.0)
        if len(quarters)
        else np.zeros(len(rows))
    )
    return closes


def _yen_of_units(units: int) -> Decimal:
    return jpy_from_units(units)


def _denials(
    known: ReplayRows,
    story: Story,
    lots: IntArray,
    first: int,
    stop: int,
    halted: Sequence[tuple[int, int]],
) -> dict[Reason, int]:
    """Why nothing was entered, a reason a candle: what a tick decided; else what was held or
    denied; else the screen's rule.

    The screen knows nothing of ticks that were missed or late: there it names the rule that comes
    after.
    """
    codes = {why: code for code, why in enumerate(Reason)}
    reason = np.full(stop - first, -1, dtype=np.int16)
    for why, rows in known.denied_rows:
        reason[rows[first:stop]] = codes[why]
    for begin, end, why in (
        *story.blocks,
        *((begin, end, Reason.HALTED_BY_PERSON) for begin, end in halted),
    ):
        reason[max(0, begin - first) : max(0, min(end, stop) - first)] = codes[why]
    reason[lots != 0] = codes[Reason.POSITION_OPEN]
    for row, why in story.reasons.items():
        if first <= row < stop:
            reason[row - first] = codes[why]
    counts = np.bincount(reason[reason >= 0], minlength=len(codes)).tolist()
    found = {
        why: counts[code] for why, code in codes.items() if counts[code] and why is not Reason.OK
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _counts(story: Story, candles: int) -> dict[str, int]:
    entries = story.entries
    closing = [fill for fill in story.fills if fill.purpose is not Purpose.ENTRY]
    return {
        "candles": candles,
        "visits": story.visits,
        "entries": len(entries),
        "entries_filled": sum(entry.filled_lots > 0 for entry in entries),
        "second_attempts": sum(entry.attempt > 1 for entry in entries),
        "partial_entries": sum(0 < entry.filled_lots < entry.lots for entry in entries),
        "fills": len(story.fills),
        "positions": sum(trade.ends_position for trade in story.trades),
        "partial_closes": sum(not trade.ends_position for trade in story.trades),
        "stops": sum(fill.purpose is Purpose.STOP for fill in closing),
        "targets": sum(fill.purpose is Purpose.TARGET for fill in closing),
        "closes": sum(fill.purpose is Purpose.CLOSE for fill in closing),
    }
