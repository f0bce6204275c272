"""The bot's ticks beside those of a replay: every difference, its cause and its price. Pure.

The price of a difference is how far the bot's equity moved against the replay's from the tick
before to this one: so all prices add up to the gap at the end, and what follows from an earlier
difference is counted under that one's cause.
"""

from collections.abc import Sequence
from decimal import Decimal

from shared.core.money import ZERO
from shared.core.types import TickReport
from shared.replay.types import Schedule
from shared.results.parity.causes import LATE_MS, fresh_cause, quiet_cause
from shared.results.parity.comparison import Cause, Comparison, Fact, TickDifference
from shared.results.parity.facts import facts_of

BY_HAND = "manual-"


def compare_reports(
    reports: Sequence[TickReport],
    replayed: Sequence[TickReport],
    *,
    schedule: Schedule | None = None,
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
    """
    bot = _index_reports(reports)
    replay = _index_reports(replayed)
    follow = _Follow()
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
        price, facts = self._gap_change(bot, replay)
        facts = [*facts_of(bot, replay), *facts]
        if not facts:
            if self.gap == ZERO:
                self._root = None
            return None
        fresh = fresh_cause(bot, replay, facts)
        if fresh is not None:
            self._root = (fresh, at)
        elif self._root is None:
            self._root = (quiet_cause(bot, replay, facts), at)
        cause, began_at = self._root
        return TickDifference(
            at=at, cause=cause, began_at=began_at, facts=tuple(facts), price_jpy=price
        )

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


def _did(report: TickReport | None) -> str:
    if report is None:
        return "none"
    told = report.decision
    return f"{report.status}" if told is None else f"{report.status}: {told.action}, {told.reason}"
