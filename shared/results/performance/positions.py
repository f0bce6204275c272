"""Closed positions out of closing fills, with the entry that opened each, and what they say
together.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from shared.core.money import JPY_QUANTUM, UNITS_PER_JPY
from shared.core.reasons import Reason
from shared.core.types import Side, Trade
from shared.replay.types import Entered, Replayed
from shared.results.performance.series import units_of, yen_of_units
from shared.results.performance.types import Positions


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One closing fill in 0.0001 yen."""

    side: Side
    opened_at: int
    closed_at: int
    reason: Reason
    lots: int
    entry_price: float
    gross_units: int
    fee_units: int
    interest_units: int
    ends_position: bool

    @property
    def net_units(self) -> int:
        """Gross - fees - interest."""
        return self.gross_units - self.fee_units - self.interest_units


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A position from its opening to the end of its last part.

    `reason` is that of the last part; `entered` the order that opened it, None where the replay
    tells of none.
    """

    side: Side
    opened_at: int
    closed_at: int
    reason: Reason
    net_units: int
    parts: tuple[Part, ...]
    entered: Entered | None

    @property
    def r(self) -> float | None:
        """Net result as a multiple of the risk: distance from entry to first stop, times the size.

        None: not known.
        """
        lots = sum(part.lots for part in self.parts)
        if self.entered is None or lots == 0:
            return None
        price = sum(part.entry_price * part.lots for part in self.parts) / lots
        distance = (price - self.entered.stop_price) * self.side.sign
        return self.net_units / (distance * lots) if distance > 0.0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionBook:
    """All closed positions in the order of closing, and the parts of those that are still open with
    what opened them.
    """

    closed: tuple[Closed, ...]
    open_parts: tuple[tuple[Part, Entered | None], ...]


def part_of(trade: Trade) -> Part:
    """A trade in whole numbers."""
    return Part(
        side=trade.side,
        opened_at=trade.opened_at,
        closed_at=trade.closed_at,
        reason=trade.reason,
        lots=trade.lots,
        entry_price=float(trade.entry_price),
        gross_units=units_of(trade.gross_jpy),
        fee_units=units_of(trade.fees_jpy),
        interest_units=units_of(trade.interest_jpy),
        ends_position=trade.ends_position,
    )


def book_of(replayed: Replayed) -> PositionBook:
    """Join parts to positions and positions to the entry that opened them: the last one filled of
    those placed by then.
    """
    orders: dict[Side, list[Entered]] = defaultdict(list)
    for entry in sorted(replayed.entries, key=lambda one: one.placed_at):
        if entry.filled_lots > 0:
            orders[entry.side].append(entry)
    placed = {side: [entry.placed_at for entry in entries] for side, entries in orders.items()}

    def opener(first: Part) -> Entered | None:
        row = bisect_right(placed.get(first.side, []), first.opened_at) - 1
        return orders[first.side][row] if row >= 0 else None

    ended, left = position_parts(replayed.trades)
    return PositionBook(
        closed=tuple(_build_closed(parts, opener) for parts in ended),
        open_parts=tuple((part, opener(parts[0])) for parts in left for part in parts),
    )


def position_parts(trades: Iterable[Trade]) -> tuple[list[list[Part]], list[list[Part]]]:
    """The parts of every position that has ended, in the order of their ends, and those of
    positions that are still open.
    """
    ended: list[list[Part]] = []
    running: dict[Side, list[Part]] = defaultdict(list)
    for part in map(part_of, trades):
        running[part.side].append(part)
        if part.ends_position:
            ended.append(running.pop(part.side))
    return ended, list(running.values())


def _build_closed(parts: Sequence[Part], opener: Callable[[Part], Entered | None]) -> Closed:
    last = parts[-1]
    return Closed(
        side=last.side,
        opened_at=parts[0].opened_at,
        closed_at=last.closed_at,
        reason=last.reason,
        net_units=sum(part.net_units for part in parts),
        parts=tuple(parts),
        entered=opener(parts[0]),
    )


def position_statistics(book: PositionBook, *, held_at_end: bool) -> Positions:
    """Counts, averages and streaks of closed positions."""
    nets = [one.net_units for one in book.closed]
    wins, losses = [net for net in nets if net > 0], [net for net in nets if net < 0]
    known = [r for one in book.closed if (r := one.r) is not None]
    win, loss = _mean(wins), _mean(losses)
    return Positions(
        count=len(nets),
        parts=sum(len(one.parts) for one in book.closed) + len(book.open_parts),
        wins=len(wins),
        losses=len(losses),
        even=len(nets) - len(wins) - len(losses),
        win_rate=len(wins) / len(nets) if nets else None,
        profit_factor=sum(wins) / -sum(losses) if losses else None,
        payoff=float(win / -loss) if win is not None and loss else None,
        expectancy_jpy=_mean(nets),
        expectancy_r=sum(known) / len(known) if known else None,
        with_r=len(known),
        average_win_jpy=win,
        average_loss_jpy=loss,
        best_jpy=yen_of_units(max(nets)) if nets else None,
        worst_jpy=yen_of_units(min(nets)) if nets else None,
        longest_losing_streak=_streak(net < 0 for net in nets),
        longest_winning_streak=_streak(net > 0 for net in nets),
        average_held_ms=(
            sum(one.closed_at - one.opened_at for one in book.closed) // len(nets) if nets else None
        ),
        held_at_end=held_at_end,
    )


def _mean(units: Sequence[int]) -> Decimal | None:
    """Mean amount in yen, rounded once."""
    if not units:
        return None
    return (Decimal(sum(units)) / len(units) / UNITS_PER_JPY).quantize(
        JPY_QUANTUM, rounding=ROUND_HALF_EVEN
    )


def _streak(hits: Iterable[bool]) -> int:
    longest = run = 0
    for hit in hits:
        run = run + 1 if hit else 0
        longest = max(longest, run)
    return longest
