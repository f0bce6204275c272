"""What is wrong with candles, as values. Pure.

Flat candles without volume are normal: nobody traded.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from statistics import median

import numpy as np

from shared.core.money import rate
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import Candles, IntArray, Issue, Market, Timeframe
from shared.market.spikes import MinutesOf, spikes, spikes_text

RANGE_CANDLES = 14


def newest_final(timeframe: Timeframe, now_ms: int, settle_seconds: float) -> int:
    """When the newest candle opened that is final at `now_ms`: closed at least `settle_seconds`
    ago.
    """
    return (now_ms - int(settle_seconds * 1000)) // timeframe.ms * timeframe.ms - timeframe.ms


def inspect_candles(
    candles: Mapping[Timeframe, Candles],
    as_of: int,
    settings: Settings,
    *,
    minutes_of: MinutesOf | None = None,
    quiet: bool = False,
) -> tuple[Issue, ...]:
    """What is wrong with `candles` at `as_of`: nothing there, the last one stale, a hole near the
    end, a price that cannot be.

    `minutes_of`: see `spikes`. `quiet`: whoever asks knows that nothing in them may be a spike. A
    short history is no issue here: rows that are not warm say so themselves.

    >>> from shared.core.settings import load_settings
    >>> from shared.market.candles import empty_candles
    >>> nothing = {Timeframe.M15: empty_candles(Timeframe.M15)}
    >>> issues = inspect_candles(nothing, 0, load_settings({}))
    >>> [(issue.reason.value, issue.forbids_entry) for issue in issues]
    [('data_missing', True)]
    """
    issues: list[Issue] = []
    for timeframe, have in candles.items():
        if not len(have):
            issues.append(_issue(Reason.DATA_MISSING, timeframe, forbids=True, what="candles"))
            continue
        due = newest_final(timeframe, as_of, settings.tick.settle_seconds)
        last = int(have.opened_at[-1])
        if last < due:
            late = (due - last) // timeframe.ms
            issues.append(
                _issue(
                    Reason.DATA_STALE,
                    timeframe,
                    forbids=True,
                    what="candles",
                    last_at=str(last),
                    missing=str(late),
                )
            )
        holes = _holes(have, settings)
        if holes:
            forbids = holes > settings.market.max_hole_candles
            issues.append(
                _issue(
                    Reason.DATA_HOLE, timeframe, forbids=forbids, what="candles", missing=str(holes)
                )
            )
        found = () if quiet else spikes(have, minutes_of)
        if found:
            context = {
                "found": spikes_text(found),
                "at": str(found[0].opened_at),
                "field": found[0].field,
            }
            context |= {"factor": f"{found[0].factor:g}", "candles": str(len(found))}
            issues.append(_issue(Reason.DATA_SPIKE, timeframe, forbids=True, **context))
    return tuple(issues)


def believe_book(market: Market, *, mark: Decimal | None, settings: Settings) -> Market:
    """The market without a book that cannot be: one far from the last candle's close forbids
    entries.

    Far is more than `risk.book_far_atr` times the median range of the last candles (so that one bad
    candle among them does not excuse a bad book) and more than `risk.book_far_rate` of the price.
    Nothing is closed at such a book either, unless it is near `mark`, the last price of the path
    while something is held (None: unknown): then the market has moved indeed.
    """
    book, candles = market.book, market.candles.get(Timeframe.M15)
    if book is None or candles is None or not len(candles):
        return market
    close, middle = Decimal(int(candles.close[-1])), book.mid
    away, limit = abs(middle - close), close * rate(settings.risk.book_far_rate)
    if away <= limit:
        return market
    usual = _usual_range(candles.tail(RANGE_CANDLES + 1))
    limit = max(limit, rate(max(usual * settings.risk.book_far_atr, 0.0)))
    if away <= limit:
        return market
    context = {"book": f"{middle:f}", "close": f"{close:f}", "limit": f"{limit:.0f}"}
    issues = (*market.issues, Issue(reason=Reason.BOOK_FAR, forbids_entry=True, context=context))
    moved = mark is not None and abs(middle - mark) <= limit
    return replace(market, book=book if moved else None, issues=issues)


def _usual_range(near: Candles) -> float:
    """The median range of the last candles, with the gap before each.

    So few numbers are quicker without arrays.
    """
    closes = near.close.tolist()
    candles = zip(near.high.tolist(), near.low.tolist(), [closes[0], *closes], strict=False)
    ranges = [max(high, before) - min(low, before) for high, low, before in candles]
    usual: float = median(ranges[-RANGE_CANDLES:])
    return usual


def _holes(candles: Candles, settings: Settings) -> int:
    """How many candles are missing in the stretch that ends with the last one.

    The stretch is `hole_lookback_15m` quarters of an hour long, and two candles of a coarser
    timeframe at the least.
    """
    step = candles.timeframe.ms
    slots = max(2, settings.market.hole_lookback_15m * Timeframe.M15.ms // step)
    begin = int(candles.opened_at[-1]) - (slots - 1) * step
    if begin <= int(
        candles.opened_at[0]
    ):  # a history that begins inside the stretch has no hole before its beginning
        slots = (int(candles.opened_at[-1]) - int(candles.opened_at[0])) // step + 1
    present = len(candles) - int(candles.opened_at.searchsorted(begin, side="left"))
    return slots - present


def holes_before(candles: Candles, settings: Settings) -> IntArray:
    """`_holes` of every row at once, shape (n,): how many candles are missing in the stretch that
    ends with it.
    """
    step = candles.timeframe.ms
    slots = max(2, settings.market.hole_lookback_15m * Timeframe.M15.ms // step)
    begin = candles.opened_at - (slots - 1) * step
    first = candles.opened_at[:1]
    expected = np.where(begin <= first, (candles.opened_at - first) // step + 1, slots)
    present = np.arange(1, len(candles) + 1) - np.searchsorted(
        candles.opened_at, begin, side="left"
    )
    missing: IntArray = expected - present
    return missing


def _issue(reason: Reason, timeframe: Timeframe, *, forbids: bool, **context: str) -> Issue:
    return Issue(
        reason=reason, forbids_entry=forbids, context={"timeframe": timeframe.value, **context}
    )
