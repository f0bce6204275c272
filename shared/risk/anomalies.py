"""What is wrong with the market right now, and whether that forbids entries. Pure.

What is wrong with the *data* the market stage has found already (`market.issues`); it is not said
twice.
"""

from collections.abc import Iterator

from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import Book, Issue, Market, Signal


def anomalies(*, market: Market, signal: Signal, settings: Settings) -> tuple[Issue, ...]:
    """All that is unusual, those that forbid entries first.

    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import PairRules
    >>> book = Book(as_of=0, bid=9_700_000, ask=9_900_000)
    >>> market = Market(as_of=0, candles={}, book=book, rules=PairRules())
    >>> signal = Signal(as_of=0, close=9_800_000, atr_jpy=24_500.0, side=None, strength=0.0)
    >>> found = anomalies(market=market, signal=signal, settings=load_settings({}))
    >>> [issue.reason.value for issue in found]
    ['spread_critical']
    """
    found = [
        *_exchange(market),
        *_book(market.book, settings),
        *_candle(signal, settings),
        *_connection(market, settings),
    ]
    if not found:
        return ()
    known = {issue.reason for issue in market.issues}
    if known & {Reason.BOOK_STALE, Reason.BOOK_FAR}:
        known.add(Reason.BOOK_MISSING)  # it is not missing: it was not believed
    fresh = [issue for issue in found if issue.reason not in known]
    return tuple(sorted(fresh, key=lambda issue: not issue.forbids_entry))


def _issue(reason: Reason, *, forbids: bool = True, **context: object) -> Issue:
    return Issue(
        reason=reason,
        forbids_entry=forbids,
        context={name: str(value) for name, value in context.items()},
    )


def _exchange(market: Market) -> Iterator[Issue]:
    rules = market.rules
    if rules.circuit_break_mode != "NONE":
        yield _issue(Reason.CIRCUIT_BREAK, mode=rules.circuit_break_mode)
    if not rules.enabled:
        yield _issue(Reason.EXCHANGE_HALTED, why="the pair is disabled")
    elif rules.status in {"BUSY", "VERY_BUSY"}:
        yield _issue(Reason.EXCHANGE_BUSY, forbids=rules.status == "VERY_BUSY", status=rules.status)
    elif rules.status != "NORMAL":
        yield _issue(Reason.EXCHANGE_HALTED, status=rules.status)
    if rules.enabled and not (rules.stop_orders and rules.market_orders):
        yield _issue(
            Reason.EXCHANGE_HALTED,
            why="a position could not be protected: stop or market orders are suspended",
        )


def _book(book: Book | None, settings: Settings) -> Iterator[Issue]:
    risk = settings.risk
    if book is None:
        yield _issue(Reason.BOOK_MISSING)
    elif book.is_crossed:
        yield _issue(Reason.BOOK_CROSSED, bid=book.bid, ask=book.ask)
    elif book.spread_rate >= risk.spread_critical:
        yield _issue(
            Reason.SPREAD_CRITICAL, spread=f"{book.spread_rate:.6f}", limit=risk.spread_critical
        )
    elif book.spread_rate >= risk.spread_warning:
        yield _issue(
            Reason.SPREAD_WARNING,
            forbids=False,
            spread=f"{book.spread_rate:.6f}",
            limit=risk.spread_warning,
        )


def _candle(signal: Signal, settings: Settings) -> Iterator[Issue]:
    risk = settings.risk
    if abs(signal.price_z) >= risk.price_z:
        yield _issue(Reason.PRICE_JUMP, z=f"{signal.price_z:.3f}", limit=risk.price_z)
    if abs(signal.volume_z) >= risk.volume_z:
        yield _issue(Reason.VOLUME_SPIKE, z=f"{signal.volume_z:.3f}", limit=risk.volume_z)


def _connection(market: Market, settings: Settings) -> Iterator[Issue]:
    if market.latency_ms >= settings.risk.max_latency_ms:
        yield _issue(
            Reason.LATENCY_HIGH,
            latency_ms=f"{market.latency_ms:.0f}",
            limit=settings.risk.max_latency_ms,
        )
    skew = market.clock_skew_ms
    if skew is not None and abs(skew) > settings.market.max_clock_skew_ms:
        yield _issue(
            Reason.CLOCK_SKEW, skew_ms=f"{skew:.0f}", limit=settings.market.max_clock_skew_ms
        )
