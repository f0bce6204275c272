"""The bot's ticks beside those of a replay: every difference, its cause and its price. Pure.

The price of a difference is how far the bot's equity moved against the replay's from the tick
before to this one: so all prices add up to the gap at the end, and what follows from an earlier
difference is counted under that one's cause.

A real account is protected otherwise than one on paper, learns of a fill at another tick, and is
marked at another second. There the ticks are compared by what they decided, and the money by what
was earned until then, whenever that was told; why it is another amount is said order by order
(`weighing`).
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate

from shared.core.money import ZERO
from shared.core.types import Purpose, Side, TickReport
from shared.replay.types import Schedule
from shared.results.parity.causes import LATE_MS, decided_cause, fresh_cause, quiet_cause
from shared.results.parity.comparison import Cause, Comparison, Fact, TickDifference
from shared.results.parity.facts import decided_facts, facts_of

BY_HAND = "manual-"


def compare_reports(
    reports: Sequence[TickReport],
    replayed: Sequence[TickReport],
    *,
    schedule: Schedule | None = None,
    is_real: bool = False,
) -> Comparison:
    """Compare tick by tick, by schedule time.

    Not compared: what names a run (ids of orders, numbers of fills and trades, fencing counters),
    what it took (times, counts) and what it told (alerts).

    >>> from shared.core.types import TickStatus
    >>> report = TickReport(
    ...     tick="default~0",
    ...     bot="default",
    ...     status=TickStatus.DONE,
    ...     scheduled_at=0,
    ...     received_at=900,
    ...     finished_at=1_900,
    ...     mode="paper",
    ...     stage="paper",
    ...     settings_hash="0" * 16,
    ...     equity_jpy=Decimal(1_000_000),
    ...     cash_jpy=Decimal(1_000_000),
    ... )
    >>> compare_reports([report], [report]).sentence
    '1 ticks, 0 missed, 0 late: decisions equal in 1, and so is everything else, to 0.0001 yen.'

    Args:
        reports: What the bot did.
        replayed: The reports of a replay with `every_tick`.
        schedule: What `schedule_from` found; only to name the ticks that were missed.
        is_real: Whether the bot's account is at an exchange; the replay's never is.
    """
    bot = _index_reports(reports)
    replay = _index_reports(replayed)
    follow = _FollowReal(reports, replayed) if is_real else _Follow()
    # By schedule, not by arrival: what a tick found first because it overtook another follows from
    # that one's lateness.
    names = sorted({*bot, *replay})
    differences = tuple(
        found
        for name in names
        if (found := follow.step(name[0], bot.get(name), replay.get(name))) is not None
    )
    both = [(bot[name], replay[name]) for name in names if name in bot and name in replay]
    missed = {name[0] for name in replay if name not in bot and not name[1]}
    missed |= schedule.missed if schedule is not None else frozenset()
    return Comparison(
        ticks=len(both),
        missed=tuple(sorted(missed)),
        late=tuple(report.scheduled_at for report, _ in both if _is_late(report)),
        equal_decisions=sum(_gist(one) == _gist(other) for one, other in both),
        differences=differences,
        gap_jpy=follow.gap,
    )


def _index_reports(reports: Sequence[TickReport]) -> dict[tuple[int, str], TickReport]:
    """Reports by schedule time; one by hand by its name too."""
    return {
        (report.scheduled_at, report.tick if report.tick.startswith(BY_HAND) else ""): report
        for report in reports
    }


def _is_late(report: TickReport) -> bool:
    return report.received_at - report.scheduled_at >= LATE_MS


def _gist(report: TickReport) -> tuple[object, ...]:
    told = report.decision
    return (
        report.status,
        *((told.action, told.reason, told.side, told.as_of) if told is not None else ()),
    )


class _Follow:
    """Goes from tick to tick and remembers from which cause the two have not recovered yet."""

    def __init__(self) -> None:
        self.gap = ZERO
        self._cash_gap = ZERO
        self._root: tuple[Cause, int] | None = None

    def step(
        self, at: int, bot: TickReport | None, replay: TickReport | None
    ) -> TickDifference | None:
        if bot is None or replay is None:
            return self._alone(at, bot, replay)
        price, facts = self._compare(bot, replay)
        if not facts:
            if self._has_recovered():
                self._root = None
            return None
        cause, began_at = self._root = self._find_root(at, bot, replay, facts)
        return TickDifference(
            at=at, cause=cause, began_at=began_at, facts=tuple(facts), price_jpy=price
        )

    def _has_recovered(self) -> bool:
        """Whether nothing is left of earlier differences where a tick differs in nothing."""
        return self.gap == ZERO

    def _compare(self, bot: TickReport, replay: TickReport) -> tuple[Decimal, list[Fact]]:
        """The price of this tick, and everything that differs in it."""
        price, facts = self._gap_change(bot, replay)
        return price, [*facts_of(bot, replay), *facts]

    def _find_root(
        self, at: int, bot: TickReport, replay: TickReport, facts: Sequence[Fact]
    ) -> tuple[Cause, int]:
        fresh = fresh_cause(bot, replay, facts)
        if fresh is not None:
            return fresh, at
        return self._root or (quiet_cause(bot, replay, facts), at)

    def _alone(self, at: int, bot: TickReport | None, replay: TickReport | None) -> TickDifference:
        """A tick that only one of them has. Its price shows in the ticks that follow."""
        self._root = (Cause.MISSED_TICK if bot is None else Cause.TICK_BY_HAND, at)
        fact = Fact(what="tick", bot=_did(bot), replay=_did(replay))
        return TickDifference(
            at=at, cause=self._root[0], began_at=at, facts=(fact,), price_jpy=ZERO, in_both=False
        )

    def _gap_change(self, bot: TickReport, replay: TickReport) -> tuple[Decimal, list[Fact]]:
        """How far the equities moved apart since the tick before; a gap that only stays is no
        difference.
        """
        price = ZERO
        facts: list[Fact] = []
        if abs(bot.received_at - replay.received_at) >= LATE_MS:
            return price, facts  # at another instant everything has another price
        if bot.equity_jpy is not None and replay.equity_jpy is not None:
            before, self.gap = self.gap, bot.equity_jpy - replay.equity_jpy
            price = self.gap - before
        if price:
            facts.append(
                Fact(what="equity_jpy", bot=str(bot.equity_jpy), replay=str(replay.equity_jpy))
            )
        if bot.cash_jpy is not None and replay.cash_jpy is not None:
            before, self._cash_gap = self._cash_gap, bot.cash_jpy - replay.cash_jpy
            if self._cash_gap != before:
                facts.append(
                    Fact(what="cash_jpy", bot=str(bot.cash_jpy), replay=str(replay.cash_jpy))
                )
        return price, facts


class _FollowReal(_Follow):
    """The same of a real account: by what was decided, and by what was earned."""

    def __init__(self, reports: Sequence[TickReport], replayed: Sequence[TickReport]) -> None:
        super().__init__()
        self._bot, self._replay = _Told(reports), _Told(replayed)
        self._holds_alike = True

    def _has_recovered(self) -> bool:
        return self._holds_alike

    def _compare(self, bot: TickReport, replay: TickReport) -> tuple[Decimal, list[Fact]]:
        self._holds_alike = self._bot.lots_begun_with(bot) == self._replay.lots_begun_with(replay)
        mine, theirs = self._bot.earned_jpy(bot), self._replay.earned_jpy(bot)
        before, self.gap = self.gap, mine - theirs
        facts = decided_facts(bot, replay)
        price = self.gap - before
        if price:
            facts.append(Fact(what="earned_jpy", bot=str(mine), replay=str(theirs)))
        return price, facts

    def _find_root(
        self, at: int, bot: TickReport, replay: TickReport, facts: Sequence[Fact]
    ) -> tuple[Cause, int]:
        fresh = fresh_cause(bot, replay, facts)
        if fresh is not None:
            return fresh, at
        is_earned = any(fact.what == "earned_jpy" for fact in facts)
        is_apart = is_earned or not self._holds_alike or self.gap != ZERO
        cause = Cause.FILLS if is_apart else decided_cause(facts)
        if self._root is not None and self._root[0] in {cause, Cause.UNKNOWN}:
            return self._root
        return cause, at


class _Told:
    """What reports tell of an account: what it held when a tick began, and what it had earned."""

    def __init__(self, reports: Sequence[TickReport]) -> None:
        trades = sorted(
            (trade.closed_at, trade.net_jpy) for report in reports for trade in report.trades
        )
        self._closed_at = [at for at, _ in trades]
        self._earned = [ZERO, *accumulate(net for _, net in trades)]
        self._ends_at = max(
            (at for at, by_hand in _index_reports(reports) if not by_hand), default=0
        )
        self._held = dict(_held_by_tick(reports))

    def earned_jpy(self, report: TickReport) -> Decimal:
        """What had been earned by the trades that were closed by a tick of the bot; at the last
        one, all of it.
        """
        if report.scheduled_at >= self._ends_at:
            return self._earned[-1]
        return self._earned[bisect_right(self._closed_at, report.received_at)]

    def lots_begun_with(self, report: TickReport) -> Mapping[Side, int]:
        """How much was held when this tick began, by side."""
        return self._held[report.tick]


def _held_by_tick(reports: Sequence[TickReport]) -> Iterator[tuple[str, Mapping[Side, int]]]:
    """By each tick's name what was held when it began: at the end of the one before, and what was
    filled since.
    """
    lots: Mapping[Side, int] = {}
    for report in sorted(reports, key=lambda report: report.received_at):
        held = Counter(lots)
        for fill in report.fills:
            if fill.at < report.received_at:
                held[fill.side] += fill.lots if fill.purpose is Purpose.ENTRY else -fill.lots
        yield report.tick, {side: amount for side, amount in held.items() if amount}
        if report.equity_jpy is not None:
            lots = {position.side: position.lots for position in report.positions}


def _did(report: TickReport | None) -> str:
    if report is None:
        return "none"
    told = report.decision
    return f"{report.status}" if told is None else f"{report.status}: {told.action}, {told.reason}"
