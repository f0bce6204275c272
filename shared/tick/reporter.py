"""The reports of a tick: of its work, and of why it did none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from shared.alerts import sentence
from shared.core.clock import BoundedClock
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import Issue, OrderRecord, TickReport, TickStatus
from shared.tick.loaded import Loaded
from shared.tick.meter import Meter
from shared.tick.request import TickRequest
from shared.turn.report import build_report
from shared.turn.state import State
from shared.turn.turn import Ending, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """What every report of a tick needs. `strange`: a time of its request that was not believed."""

    request: TickRequest
    settings: Settings
    clock: BoundedClock
    meter: Meter
    strange: tuple[Issue, ...]

    def report(
        self,
        turn: Turn,
        *,
        loaded: Loaded,
        model: str | None,
        orders: Sequence[OrderRecord],
        bare_ms: int | None = None,
    ) -> TickReport:
        """The report of a turn as it is known now; `model` is the one that it asked, `orders` what
        it sent, `bare_ms` the longest time from a fill to its stop.
        """
        issues = (*self._time_issues(turn, loaded), *turn.issues)
        return build_report(
            turn,
            tick=self.request.tick,
            received_at=self.request.received_at,
            finished_at=self.clock.now_ms(),
            settings=self.settings,
            settings_hash=self.settings.hash,
            before=loaded.before.counted_account,
            model=model,
            orders=orders,
            issues=(*issues, *self._overruled_issues(issues, model=model or loaded.before.model)),
            detail=_detail(turn.ending),
            timings_ms=self.meter.all_timings(gap_ms=turn.gap_ms, bare_ms=bare_ms),
            counts=self.meter.counts(),
        )

    def report_undone(self, ending: Ending) -> TickReport:
        """The report of a tick that never held the account."""
        nothing = Loaded(
            before=State(mode=self.settings.mode, stage=self.settings.stage), intents={}
        )
        turn = nothing.turn(self.request.tick, scheduled_at=self.request.scheduled_at)
        return self.report(turn.end_with(ending), loaded=nothing, model=None, orders=())

    def report_duplicate(self, stored: Mapping[str, Any]) -> TickReport:
        """The report of a tick that is finished, told again."""
        try:
            return replace(TickReport.read(stored), status=TickStatus.DUPLICATE)
        except msgspec.ValidationError as error:
            detail = f"done before; its stored report cannot be read ({error})"
            return self.report_undone(
                Ending(status=TickStatus.DUPLICATE, reason=Reason.OK, detail=detail)
            )

    def _time_issues(self, turn: Turn, loaded: Loaded) -> tuple[Issue, ...]:
        """What is wrong with the time: that of this machine, and what was stored by another."""
        off_ms, strange = self.clock.off_ms, (*self.strange, *loaded.strange)
        if not off_ms or any(issue.reason is Reason.CLOCK_SKEW for issue in turn.issues):
            return strange
        return (
            Issue(reason=Reason.CLOCK_SKEW, forbids_entry=True, context={"ahead_ms": str(off_ms)}),
            *strange,
        )

    def _overruled_issues(self, issues: Sequence[Issue], *, model: str | None) -> tuple[Issue, ...]:
        """Where a person's word lets the model enter, every report says so, whatever the tick came
        to.
        """
        overruled = self.settings.risk.overrule_model
        is_said = any(issue.reason is Reason.MODEL_OVERRULED for issue in issues)
        if is_said or not overruled or overruled != model:
            return ()
        found = f"risk.overrule_model lets {overruled} enter, whatever its gate said"
        return (
            Issue(reason=Reason.MODEL_OVERRULED, forbids_entry=False, context={"found": found}),
        )


def _detail(ending: Ending | None) -> str:
    """An ending in words; where something of the market could not be read, in those of the feed, if
    it has any.
    """
    if ending is None or ending.issue is None:
        return "" if ending is None else ending.detail
    return ending.issue.context.get("detail") or sentence(ending.issue.reason, ending.issue.context)
