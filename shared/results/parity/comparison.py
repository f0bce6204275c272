"""The words of a comparison: facts that differ, the cause, the price, and what they add up to."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from shared.core.money import ZERO
from shared.core.sentences import say


class Cause(StrEnum):
    """Why bot and replay differ.

    >>> Cause("missed tick").name
    'MISSED_TICK'
    """

    MISSED_TICK = "missed tick"
    LATE_TICK = "late tick"
    TICK_BY_HAND = "tick by hand"
    SPREAD = "spread"
    LATENCY = "latency"
    DATA = "data"
    EXCHANGE = "exchange"
    ACCOUNT = "account"
    FILLS = "fills"
    SETTINGS = "settings changed"
    MODEL = "model changed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One value that differs: where it stands in the report, and what the two say.

    >>> Fact(what="decision.action", bot="deny", replay="enter").replay
    'enter'
    """

    what: str
    bot: str
    replay: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TickDifference:
    """Everything that differs in one tick.

    >>> difference = TickDifference(
    ...     at=180_000, cause=Cause.DATA, began_at=0, facts=(), price_jpy=Decimal(0)
    ... )
    >>> difference.cause.value
    'data'

    Attributes:
        at: The tick's schedule time.
        began_at: The schedule time of the tick in which the cause arose: `at`, or earlier where
            this one only follows.
        price_jpy: What the bot gained (lost, where negative) against the replay since the tick
            before.
        in_both: Whether both have this tick; a price of it shows in the ticks that follow
            otherwise.
    """

    at: int
    cause: Cause
    began_at: int
    facts: tuple[Fact, ...]
    price_jpy: Decimal
    in_both: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseEpisode:
    """One cause from the tick in which it arose to the last one that follows from it.

    `facts` are those of its first tick.

    >>> episode = CauseEpisode(
    ...     began_at=0,
    ...     until_at=180_000,
    ...     cause=Cause.SPREAD,
    ...     ticks=2,
    ...     price_jpy=Decimal("-12.5"),
    ...     facts=(Fact(what="book.ask", bot="9801000", replay="9800980"),),
    ... )
    >>> episode.facts[0].what
    'book.ask'
    """

    began_at: int
    until_at: int
    cause: Cause
    ticks: int
    price_jpy: Decimal
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What one cause did in all: how often it arose, in how many ticks it showed, and its price.

    >>> Total(times=1, ticks=3, price_jpy=Decimal("-12.5")).ticks
    3
    """

    times: int
    ticks: int
    price_jpy: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All differences of a period.

    >>> Comparison(
    ...     ticks=2, missed=(), late=(), equal_decisions=2, differences=(), gap_jpy=Decimal(0)
    ... ).is_equal
    True

    Attributes:
        ticks: How many ticks both have.
        missed: Schedule times at which no tick of the bot ran.
        late: Ticks that were received `LATE_MS` or more after their schedule time.
        equal_decisions: Ticks in which both decided the same action, for the same reason, on the
            same side.
        gap_jpy: The bot's equity minus the replay's at the end; of a real account, what its trades
            brought minus what the replay's did.
    """

    ticks: int
    missed: tuple[int, ...]
    late: tuple[int, ...]
    equal_decisions: int
    differences: tuple[TickDifference, ...]
    gap_jpy: Decimal

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs in any tick."""
        return not self.differences

    @property
    def episodes(self) -> tuple[CauseEpisode, ...]:
        """The differences put together by what they follow from, in the order of time."""
        roots: dict[tuple[int, Cause], list[TickDifference]] = {}
        for difference in self.differences:
            roots.setdefault((difference.began_at, difference.cause), []).append(difference)
        return tuple(
            CauseEpisode(
                began_at=began_at,
                until_at=mine[-1].at,
                cause=cause,
                ticks=len(mine),
                price_jpy=sum((difference.price_jpy for difference in mine), ZERO),
                facts=mine[0].facts,
            )
            for (began_at, cause), mine in roots.items()
        )

    @property
    def totals(self) -> dict[Cause, Total]:
        """What each cause did, the dearest first."""
        found = {}
        for cause in {episode.cause for episode in self.episodes}:
            mine = [episode for episode in self.episodes if episode.cause is cause]
            price = sum((episode.price_jpy for episode in mine), ZERO)
            found[cause] = Total(
                times=len(mine), ticks=sum(episode.ticks for episode in mine), price_jpy=price
            )
        return dict(sorted(found.items(), key=lambda item: (-abs(item[1].price_jpy), item[0])))

    @property
    def sentence(self) -> str:
        """The comparison in one sentence."""
        told = say(
            "parity.counts",
            ticks=self.ticks,
            missed=len(self.missed),
            late=len(self.late),
            equal=self.equal_decisions,
        )
        if self.is_equal:
            return say("parity.all_equal", counts=told)
        causes = ", ".join(
            f"{cause} {total.price_jpy:+,.2f}" for cause, total in self.totals.items()
        )
        alike = self.ticks - sum(1 for difference in self.differences if difference.in_both)
        return say(
            "parity.partly_equal",
            counts=told,
            alike=alike,
            gap=f"{self.gap_jpy:+,.2f}",
            causes=causes,
        )
