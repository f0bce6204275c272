"""The report of a turn, for the tick that was and for the one that a replay works out. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import Counted, Holdings, Issue, OrderRecord, TickReport, TickStatus
from shared.turn.turn import Turn


def build_report(
    turn: Turn,
    *,
    tick: str,
    received_at: int,
    finished_at: int,
    settings: Settings,
    settings_hash: str,
    before: Counted,
    model: str | None,
    orders: Sequence[OrderRecord],
    issues: tuple[Issue, ...],
    detail: str = "",
    timings_ms: Mapping[str, float] | None = None,
    counts: Mapping[str, int] | None = None,
) -> TickReport:
    """What a tick saw, decided and did.

    >>> from shared.core.settings import load_settings
    >>> from shared.turn.state import State
    >>> from shared.turn.turn import Occasion
    >>> settings = load_settings({})
    >>> turn = Turn(
    ...     occasion=Occasion(name="t1", scheduled_at=0),
    ...     state=State(mode="paper", stage="paper"),
    ... )
    >>> told = build_report(
    ...     turn,
    ...     tick="default~0",
    ...     received_at=900,
    ...     finished_at=1_900,
    ...     settings=settings,
    ...     settings_hash=settings.hash,
    ...     before=Counted(),
    ...     model=None,
    ...     orders=(),
    ...     issues=(),
    ... )
    >>> told.status.value, told.finished_at
    ('done', 1900)

    Args:
        turn: What was known at its end.
        tick: Its name.
        received_at: When it began.
        finished_at: When it ended.
        settings: Those of the tick.
        settings_hash: Their hash, worked out once for many reports.
        before: What the state before it had counted.
        model: The version of the model that it asked.
        orders: What was sent, in order.
        issues: What is wrong.
        detail: Its ending in words.
        timings_ms: What each step took.
        counts: What was read, written and asked for.
    """
    ending, ledger = turn.ending, turn.state.ledger
    draft = TickReport(
        tick=tick,
        bot=settings.id,
        status=TickStatus.DONE if ending is None else ending.status,
        scheduled_at=turn.occasion.scheduled_at,
        received_at=received_at,
        finished_at=finished_at,
        mode=settings.mode,
        stage=settings.stage,
        settings_hash=settings_hash,
        reason=Reason.OK if ending is None else ending.reason,
        detail=detail,
        profile=settings.profile,
        decision=turn.decision,
        signal=turn.state.signal if turn.decision is not None else None,
        issues=issues,
        orders=tuple(orders),
        plan=turn.state.plan,
        model=model,
        timings_ms=timings_ms or {},
        counts=counts or {},
        book_opened_at=0 if ledger is None else ledger.opened_at,
    )
    if turn.holdings is None:
        return draft
    book = turn.market.book if turn.market is not None else None
    after = turn.state.counted_account if turn.occasion.readable else before
    return _with_account(
        draft, turn.holdings, mid=None if book is None else book.mid, before=before, after=after
    )


def _with_account(
    draft: TickReport, holdings: Holdings, *, mid: Decimal | None, before: Counted, after: Counted
) -> TickReport:
    """With what is held, and with the fills and the trades that no saved state had counted `before`
    it.

    The mark is the one at which the equity was computed; where nothing is held, the middle of the
    book, where one was read.
    """
    return copy_with(
        draft,
        fills=tuple(fill for fill in holdings.fills if fill.sequence > before.fills),
        trades=tuple(
            trade for trade in holdings.trades if before.trades < trade.sequence <= after.trades
        ),
        positions=holdings.positions,
        resting=holdings.orders,
        equity_jpy=holdings.equity_jpy,
        cash_jpy=holdings.cash_jpy,
        mark_price=holdings.mark_price if holdings.positions else mid,
    )
