"""What each side, exit reason and strategy contributed.

Every table adds up to the whole, to 0.0001 yen.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from shared.replay.types import Entered
from shared.results.performance.positions import Part, PositionBook
from shared.results.performance.series import yen_of_units
from shared.results.performance.types import Attribution

UNKNOWN = "unknown"
"""The name of what no strategy is known for: the replay tells of no entry, or of no strategy that
voted for it."""


def by_side(book: PositionBook) -> tuple[Attribution, ...]:
    """Long and short."""
    return _by_part(book, lambda part: part.side.value)


def by_reason(book: PositionBook) -> tuple[Attribution, ...]:
    """By why it was closed: amounts by the reason of each part, positions by that of their last."""
    return _by_part(book, lambda part: part.reason.value)


def by_strategy(book: PositionBook) -> tuple[Attribution, ...]:
    """By the strategies that voted for the entry, amounts in proportion to their confidence."""
    table: dict[str, _Sum] = defaultdict(_Sum)
    for one in book.closed:
        shares = shares_of(one.entered)
        _divide(table, one.parts, shares)
        for name in shares:
            table[name].count(won=one.net_units > 0)
    for part, entered in book.open_parts:
        _divide(table, (part,), shares_of(entered))
    return _build_attributions(table)


def shares_of(entered: Entered | None) -> Mapping[str, float]:
    """The part of a position that each agreeing strategy answers for; they add up to 1."""
    agreeing = (
        {}
        if entered is None
        else {name: max(0.0, told) for name, told in sorted(entered.agreeing.items())}
    )
    total = sum(agreeing.values())
    if not agreeing:
        return {UNKNOWN: 1.0}
    return {
        name: told / total if total > 0.0 else 1.0 / len(agreeing)
        for name, told in agreeing.items()
    }


def split(units: int, shares: Mapping[str, float]) -> list[int]:
    """Divide a whole number by shares that add up to 1; what rounding leaves goes to the last, so
    that nothing is lost.
    """
    parts = [round(units * share) for share in shares.values()]
    parts[-1] += units - sum(parts)
    return parts


@dataclass(slots=True)
class _Sum:
    """One row while it is added up."""

    positions: int = 0
    wins: int = 0
    gross: int = 0
    fees: int = 0
    interest: int = 0

    def add(self, gross: int, fees: int, interest: int) -> None:
        self.gross += gross
        self.fees += fees
        self.interest += interest

    def count(self, *, won: bool) -> None:
        self.positions += 1
        self.wins += won


def _by_part(book: PositionBook, name_of: Callable[[Part], str]) -> tuple[Attribution, ...]:
    table: dict[str, _Sum] = defaultdict(_Sum)
    for part in chain(
        (part for one in book.closed for part in one.parts), (part for part, _ in book.open_parts)
    ):
        table[name_of(part)].add(part.gross_units, part.fee_units, part.interest_units)
    for one in book.closed:
        table[name_of(one.parts[-1])].count(won=one.net_units > 0)
    return _build_attributions(table)


def _divide(table: dict[str, _Sum], parts: Sequence[Part], shares: Mapping[str, float]) -> None:
    gross = split(sum(part.gross_units for part in parts), shares)
    fees = split(sum(part.fee_units for part in parts), shares)
    interest = split(sum(part.interest_units for part in parts), shares)
    for name, *amounts in zip(shares, gross, fees, interest, strict=True):
        table[name].add(*amounts)


def _build_attributions(table: Mapping[str, _Sum]) -> tuple[Attribution, ...]:
    return tuple(
        Attribution(
            name=name,
            positions=total.positions,
            wins=total.wins,
            win_rate=total.wins / total.positions if total.positions else None,
            gross_jpy=yen_of_units(total.gross),
            fees_jpy=yen_of_units(total.fees),
            interest_jpy=yen_of_units(total.interest),
            net_jpy=yen_of_units(total.gross - total.fees - total.interest),
        )
        for name, total in sorted(table.items())
    )
