"""What a live tick may do by what people have written down. Pure.

A tick whose word is missing or of something else reconciles and protects like any other, and enters
nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from shared.core.reasons import Reason
from shared.core.sentences import say
from shared.core.settings import Settings
from shared.core.types import Issue, Ledger
from shared.tick.control import StageCap
from shared.tick.live.records import LiveRecord, SideClaims
from shared.tick.live.stages import is_above, is_live_stage, lowest_stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStanding:
    """What a live tick found: the person's word, who has the account, the stage that people allow
    at most; `damage` says what of it cannot be read.
    """

    record: LiveRecord | None = None
    claims: SideClaims = field(default_factory=SideClaims)
    cap: StageCap | None = None
    damage: str = ""

    def stage(self, settings: Settings) -> str:
        """The stage that the tick is in: the lowest of what is set, started and allowed."""
        if not is_live_stage(settings.stage):
            return settings.stage
        known = [settings.stage]
        known += [] if self.record is None else [self.record.stage]
        known += [] if self.cap is None else [self.cap.stage]
        return lowest_stage(known)

    @property
    def stage_since(self) -> int:
        """Since when the bot is in that stage, ms UTC; 0 where it never started."""
        if self.record is None:
            return 0
        since = self.record.stage_since
        is_lowered = self.cap is not None and is_above(self.record.stage, self.cap.stage)
        return max(since, self.cap.at) if is_lowered and self.cap is not None else since

    def issues(self, settings: Settings, *, key: str, ledger: Ledger | None) -> tuple[Issue, ...]:
        """Why nothing is entered; nothing where the word stands and is of this."""
        others = self.claims.others(settings)
        if others:
            side, bot = next(iter(others.items()))
            return (_issue(Reason.ACCOUNT_CLAIMED, say("going.claimed", side=side, bot=bot)),)
        if self.damage:
            return (_issue(Reason.LIVE_NOT_STARTED, self.damage),)
        record = self.record
        if record is None or record.stopped_at:
            found = say("going.never_started" if record is None else "going.stopped")
            return (_issue(Reason.LIVE_NOT_STARTED, found),)
        if ledger is None:
            return (_issue(Reason.LIVE_NOT_STARTED, say("going.first_look")),)
        apart = [*record_differences(record, settings, key=key, ledger=ledger)]
        if not apart and not self.claims.has_all(settings):
            apart.append(say("going.unclaimed"))
        return (_issue(Reason.LIVE_DIFFERS, "; ".join(apart)),) if apart else ()


def record_differences(
    record: LiveRecord, settings: Settings, *, key: str, ledger: Ledger
) -> Iterable[str]:
    """In what the word is not of this key, stage, account and book, a sentence each."""
    pairs = (
        ("key", record.key, key or say("going.none")),
        ("stage", record.stage, settings.stage),
        ("account", record.account, str(settings.account)),
        ("pair", record.pair, settings.pair),
        ("sides", record.sides, settings.sides),
    )
    for name, started, now in pairs:
        if started != now:
            yield say("going.differs", name=name, started=started, now=now)
    if settings.capital_jpy > record.capital_jpy:
        started, now = f"{record.capital_jpy:,}", f"{settings.capital_jpy:,}"
        yield say("going.differs", name="capital_jpy", started=started, now=now)
    if record.book_opened_at != ledger.opened_at:
        yield say("going.other_book")


def lower_stage(settings: Settings, stage: str) -> Settings:
    """The settings with the stage that the tick is in.

    >>> from shared.core.settings import load_settings
    >>> lower_stage(load_settings({"BOT_STAGE": "live"}), "stage-10").stage
    'stage-10'
    """
    return settings if stage == settings.stage else replace(settings, stage=cast("Any", stage))


def without_confirmed(issues: tuple[Issue, ...], confirmed: Iterable[int]) -> tuple[Issue, ...]:
    """The issues without another writer's orders that the owner has named.

    >>> found = Issue(
    ...     reason=Reason.ANOTHER_WRITER, forbids_entry=True, context={"orders": "7, 9"}
    ... )
    >>> without_confirmed((found,), (7, 9))
    ()
    >>> [issue.context["orders"] for issue in without_confirmed((found,), (7,))]
    ['9']
    """
    known = {str(number) for number in confirmed}
    kept = []
    for issue in issues:
        if issue.reason is Reason.ANOTHER_WRITER and known:
            orders = [one for one in issue.context["orders"].split(", ") if one not in known]
            if not orders:
                continue
            context = {**issue.context, "orders": ", ".join(orders)}
            kept.append(replace(issue, context=context))
            continue
        kept.append(issue)
    return tuple(kept)


def _issue(reason: Reason, found: str) -> Issue:
    remedy = say("going.remedy.look")
    return Issue(reason=reason, forbids_entry=True, context={"found": found, "remedy": remedy})
