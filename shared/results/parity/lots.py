"""What came of one order, lot by lot: the first lot that came in is the first that goes. Pure.

    entered   |-- fill 1 --|---- fill 2 ----|
    left      |------ stop ------|- close --|
    parts     |     1      |  2  |     3    |      every lot with one way in and one way out

Amounts are counted in units of 0.0001 yen: price x lots is a whole number of them, and a fee that
belongs to several parts is shared so that the shares add up to it.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.core.money import jpy_units
from shared.core.types import Fill, Purpose, Side, Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Rested:
    """When an order was in the market: after `since_at`, and up to `until_at` (None: it still is).

    >>> stop = Rested(purpose=Purpose.STOP, lots=12, since_at=1_000, until_at=None)
    >>> stop.is_live_at(1_000), stop.is_live_at(1_001)
    (False, True)
    """

    purpose: Purpose
    lots: int
    since_at: int
    until_at: int | None = None

    def is_live_at(self, at: int) -> bool:
        """Whether a price at `at` could meet it."""
        return self.since_at < at and (self.until_at is None or at <= self.until_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStory:
    """An order that opens, and what came of it until nothing was held again.

    `at` is the schedule time of its tick. `trades` are those of the fills that close, in their
    order; `rested` are the orders at the exchange, the entry among them.

    >>> OrderStory(at=0, side=Side.LONG, fills=(), trades=(), rested=()).lots
    0
    """

    at: int
    side: Side
    fills: tuple[Fill, ...]
    trades: tuple[Trade, ...]
    rested: tuple[Rested, ...]

    @property
    def entry_fills(self) -> list[Fill]:
        """The fills that opened."""
        return [fill for fill in self.fills if fill.purpose is Purpose.ENTRY]

    @property
    def exit_fills(self) -> list[Fill]:
        """The fills that closed."""
        return [fill for fill in self.fills if fill.purpose is not Purpose.ENTRY]

    @property
    def lots(self) -> int:
        """How much was opened."""
        return sum(fill.lots for fill in self.entry_fills)

    @property
    def asked_lots(self) -> int | None:
        """How large the order was; None where it never came into the market."""
        asked = [one.lots for one in self.rested if one.purpose is Purpose.ENTRY]
        return max(asked, default=None)

    def live_lots(self, purpose: Purpose, at: int) -> int:
        """How much orders of this purpose were in the market for at `at`."""
        mine = [one for one in self.rested if one.purpose is purpose and one.is_live_at(at)]
        return sum(one.lots for one in mine)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRun:
    """The lots `first` to `end` (without it) of a story: their way in, their way out, and what each
    cost, in units of 0.0001 yen.

    >>> from shared.core.reasons import Reason
    >>> def fill(purpose: Purpose, price: int) -> Fill:
    ...     return Fill(
    ...         sequence=1, order_id=1, purpose=purpose, side=Side.SHORT, at=0, price=price, lots=2,
    ...         maker=True, fee_jpy=Decimal(0),
    ...     )
    >>> trade = Trade(
    ...     sequence=1, side=Side.SHORT, opened_at=0, closed_at=0, lots=2,
    ...     entry_price=Decimal(110), exit_price=100, reason=Reason.EXIT_TARGET,
    ...     gross_jpy=Decimal("0.0020"), fees_jpy=Decimal(0), interest_jpy=Decimal(0),
    ... )
    >>> LotRun(
    ...     first=0, end=2, entered=fill(Purpose.ENTRY, 110), left=fill(Purpose.TARGET, 100),
    ...     trade=trade, entry_fee_units=3, exit_fee_units=2, interest_units=1,
    ... ).net_units
    14
    """

    first: int
    end: int
    entered: Fill
    left: Fill
    trade: Trade
    entry_fee_units: int
    exit_fee_units: int
    interest_units: int

    @property
    def net_units(self) -> int:
        """What these lots brought."""
        price = (self.left.price - self.entered.price) * self.entered.side.sign
        costs = self.entry_fee_units + self.exit_fee_units + self.interest_units
        return price * (self.end - self.first) - costs


def boundaries_of(story: OrderStory) -> set[int]:
    """Where a fill begins or ends, counted in lots.

    >>> boundaries_of(OrderStory(at=0, side=Side.LONG, fills=(), trades=(), rested=()))
    set()
    """
    return {
        bound
        for fills in (story.entry_fills, story.exit_fills)
        for start, end, _ in _spans(fills)
        for bound in (start, end)
    }


def lot_runs(story: OrderStory, bounds: Sequence[int] = ()) -> list[LotRun]:
    """The parts of a story that has ended, cut at `bounds` too.

    Raises `ValueError` where not all that was opened was closed.

    >>> def fill(purpose: str, price: int, lots: int) -> Fill:
    ...     return Fill(
    ...         sequence=1, order_id=1, purpose=Purpose(purpose), side=Side.LONG, at=0,
    ...         price=price, lots=lots, maker=True, fee_jpy=Decimal("0.0003"),
    ...     )
    >>> from shared.core.reasons import Reason
    >>> trade = Trade(
    ...     sequence=1, side=Side.LONG, opened_at=0, closed_at=0, lots=2,
    ...     entry_price=Decimal(100), exit_price=110, reason=Reason.EXIT_TARGET,
    ...     gross_jpy=Decimal("0.0020"), fees_jpy=Decimal("0.0006"), interest_jpy=Decimal(0),
    ... )
    >>> story = OrderStory(
    ...     at=0, side=Side.LONG, fills=(fill("entry", 100, 2), fill("target", 110, 2)),
    ...     trades=(trade,), rested=(),
    ... )
    >>> [(part.first, part.end, part.net_units) for part in lot_runs(story, [1])]
    [(0, 1, 8), (1, 2, 6)]
    """
    entered, left = _spans(story.entry_fills), _spans(story.exit_fills)
    if sum(fill.lots for fill in story.exit_fills) != story.lots or len(story.trades) != len(left):
        raise ValueError(f"the order of {story.at} is not closed whole")
    cuts = sorted({*boundaries_of(story), *(cut for cut in bounds if 0 <= cut <= story.lots)})
    parts = []
    for first, end in itertools.pairwise(cuts):
        begun, ended = _covering(entered, first), _covering(left, first)
        trade = story.trades[left.index(ended)]
        parts.append(
            LotRun(
                first=first,
                end=end,
                entered=begun[2],
                left=ended[2],
                trade=trade,
                entry_fee_units=_share(begun[2].fee_jpy, begun, first, end),
                exit_fee_units=_share(ended[2].fee_jpy, ended, first, end),
                interest_units=_share(trade.interest_jpy, ended, first, end),
            )
        )
    return parts


def _spans(fills: Sequence[Fill]) -> list[tuple[int, int, Fill]]:
    return list(_walk(fills))


def _walk(fills: Sequence[Fill]) -> Iterator[tuple[int, int, Fill]]:
    start = 0
    for fill in fills:
        yield start, start + fill.lots, fill
        start += fill.lots


def _covering(spans: Sequence[tuple[int, int, Fill]], lot: int) -> tuple[int, int, Fill]:
    return next(span for span in spans if span[0] <= lot < span[1])


def _share(amount: Decimal, span: tuple[int, int, Fill], first: int, end: int) -> int:
    """The part of an amount of a whole fill that some of its lots bear; all parts add up to it."""
    units, (start, stop, _) = jpy_units(amount), span
    lots = stop - start
    return units * (end - start) // lots - units * (first - start) // lots
