"""What the orders of a real account brought beside those of a replay, and whether that is all by
which the two differ. Pure.

    cash of the bot - cash of the replay        the gap
      = the amounts by cause                    orders that have ended, in both
      + what is booked of all the rest          orders that have not ended, positions taken over
      + what no order tells                     nothing, unless the reports contradict themselves
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.core.money import ZERO, notional_jpy
from shared.core.types import AccountKind, Fill, Purpose, TickReport, Trade
from shared.core.types.ledger import is_same_money
from shared.results.parity.shortfall import FillCause, amounts_by_cause
from shared.results.parity.stories import Stories, pairs_of, stories_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Fills:
    """What orders brought beside those of a replay, in yen.

    >>> brought = Fills(amounts={FillCause.QUEUE: Decimal("-3.5")}, gap_jpy=Decimal("-3.5"))
    >>> brought.is_explained
    True

    Attributes:
        orders: How many that open the bot sent.
        replayed: How many the replay did.
        shared: How many both did, in one tick and on one side.
        entries: The bot's fills that opened.
        exits: Those that closed.
        amounts: What its orders brought more (less, where negative), by cause.
        still_open: How many orders of the two are not weighed: they still hold something, or their
            trades lie outside the stretch.
        open_jpy: What is booked, of the bot less of the replay, that belongs to none of the orders
            that were weighed.
        gap_jpy: The bot's cash at the end less the replay's.
        untold_jpy: What of the gap neither says.
    """

    amounts: Mapping[FillCause, Decimal]
    orders: int = 0
    replayed: int = 0
    shared: int = 0
    entries: int = 0
    exits: int = 0
    still_open: int = 0
    open_jpy: Decimal = ZERO
    gap_jpy: Decimal = ZERO
    untold_jpy: Decimal = ZERO

    @property
    def is_explained(self) -> bool:
        """Whether each yen has a cause."""
        return FillCause.UNEXPLAINED not in self.amounts and is_same_money(self.untold_jpy, ZERO)


def weigh_orders(
    reports: Sequence[TickReport], replayed: Sequence[TickReport], *, kind: AccountKind
) -> Fills:
    """What the bot's orders brought beside those of its replay.

    >>> weigh_orders([], [], kind=AccountKind.MARGIN).amounts
    {}

    Args:
        reports: In the order of their ticks, from one on before which nothing was held.
        replayed: From the same tick on, with the same cash.
        kind: The account's: on spot coins are paid when they are bought.
    """
    mine, other = stories_of(reports), stories_of(replayed)
    pairs = pairs_of(mine.closed, other.closed)
    amounts = amounts_by_cause(pairs)
    gap = _cash_jpy(reports) - _cash_jpy(replayed)
    left = _left_jpy(reports, mine, kind) - _left_jpy(replayed, other, kind)
    sent, repeated = _orders_sent(reports), _orders_sent(replayed)
    fills = [fill for report in reports for fill in report.fills]
    entries = sum(fill.purpose is Purpose.ENTRY for fill in fills)
    return Fills(
        amounts=amounts,
        orders=len(sent),
        replayed=len(repeated),
        shared=len({*sent} & {*repeated}),
        entries=entries,
        exits=len(fills) - entries,
        still_open=mine.still_open + other.still_open,
        open_jpy=left,
        gap_jpy=gap,
        untold_jpy=gap - left - sum(amounts.values(), ZERO),
    )


def _orders_sent(reports: Sequence[TickReport]) -> list[tuple[int, str]]:
    """The orders that open, by tick and side."""
    return [
        (report.scheduled_at, record.intent.side)
        for report in reports
        for record in report.orders
        if record.what == "place" and record.intent.is_opening
    ]


def _cash_jpy(reports: Sequence[TickReport]) -> Decimal:
    """The cash of the last report that says it."""
    told = [report.cash_jpy for report in reports if report.cash_jpy is not None]
    return told[-1] if told else ZERO


def _left_jpy(reports: Sequence[TickReport], stories: Stories, kind: AccountKind) -> Decimal:
    """How all that was booked but the stories moved the cash."""
    fills = [fill for report in reports for fill in report.fills]
    trades = [trade for report in reports for trade in report.trades]
    closed = sum((_booked_jpy(one.fills, one.trades, kind) for one in stories.closed), ZERO)
    return _booked_jpy(fills, trades, kind) - closed


def _booked_jpy(fills: Sequence[Fill], trades: Sequence[Trade], kind: AccountKind) -> Decimal:
    """How fills and trades moved the cash, as `shared.orders.booking` has it."""
    if kind.has_debt:
        return sum((trade.net_jpy for trade in trades), ZERO)
    return sum((_paid_jpy(fill) for fill in fills), ZERO)


def _paid_jpy(fill: Fill) -> Decimal:
    value = notional_jpy(fill.price, fill.lots)
    return (-value if fill.purpose is Purpose.ENTRY else value) - fill.fee_jpy
