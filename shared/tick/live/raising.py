"""What a stage must have shown before the next one. Pure.

Going down needs nothing of this: the control document's `stage_at_most` is honoured by the next
tick.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.core.calendar import DAY_MS, jst_text
from shared.core.sentences import say
from shared.core.sentences.figures import number, rate_percent
from shared.core.settings import Settings
from shared.core.types import Purpose
from shared.risk import policy_of
from shared.tick.live.records import ParityResults
from shared.tick.live.stages import is_above, next_stage
from shared.tick.live.standing import LiveStanding

DAYS_OF_A_STAGE = 14
TICKS_DONE_SHARE = 0.995


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightCheck:
    """One thing that must agree: what was found, and what mends it where it does not.

    `is_note`: worth knowing, and nothing that must be mended.
    """

    name: str
    is_met: bool
    said: str
    remedy: str = ""
    is_note: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEvidence:
    """What the present stage has shown.

    Attributes:
        since: Since when the bot is in it, ms UTC.
        now_ms: When this was read.
        expected_ticks: How many ticks were due in the last 14 days of it.
        done_ticks: How many of them were done.
        seen: The kinds of orders that were taken with real money, by what they are for.
        parity: The comparisons with a replay.
        open_critical: Titles of critical alerts of the last day.
    """

    since: int
    now_ms: int
    expected_ticks: int = 0
    done_ticks: int = 0
    seen: frozenset[str] = frozenset()
    parity: ParityResults = field(default_factory=ParityResults)
    open_critical: Sequence[str] = ()


def needed_kinds(settings: Settings) -> tuple[Purpose, ...]:
    """The kinds of orders that the bot sends, by what they are for.

    >>> from shared.core.settings import load_settings
    >>> [str(kind) for kind in needed_kinds(load_settings({"BOT_ACCOUNT": "spot"}))]
    ['entry', 'stop', 'close']
    """
    rests = not policy_of(settings).has_goal and not settings.account.has_locks
    return (Purpose.ENTRY, Purpose.STOP, *([Purpose.TARGET] if rests else []), Purpose.CLOSE)


def is_going_up(standing: LiveStanding, settings: Settings) -> bool:
    """Whether a start with these settings would leave a lower stage behind."""
    record = standing.record
    return record is not None and is_above(settings.stage, present_stage(standing) or "")


def raising_checks(
    standing: LiveStanding, settings: Settings, evidence: StageEvidence | None
) -> Iterator[PreflightCheck]:
    """Whether the stage that is set may be begun."""
    present, wanted = present_stage(standing), settings.stage
    if present is not None and not is_above(wanted, present):
        said = say("going.stage", stage=wanted, present=present)
        yield PreflightCheck(name="stage", is_met=True, said=said)
        return
    following = next_stage(present)
    if wanted != following:
        yield PreflightCheck(
            name="stage",
            is_met=False,
            said=say("going.stage_skipped", stage=wanted, present=present or say("going.none")),
            remedy=say("going.named.stage_next", stage=following or ""),
        )
        return
    if present is None:
        yield PreflightCheck(name="stage", is_met=True, said=say("going.stage_first", stage=wanted))
        return
    proof = StageEvidence(since=0, now_ms=0) if evidence is None else evidence
    for name, is_met, said in _proofs(proof, settings):
        remedy = "" if is_met else say(f"going.remedy.up_{name}")
        yield PreflightCheck(name=f"up-{name}", is_met=is_met, said=said, remedy=remedy)


def present_stage(standing: LiveStanding) -> str | None:
    """The stage that the bot has come to; None before its first start."""
    record = standing.record
    if record is None:
        return None
    lowered = standing.cap is not None and is_above(record.stage, standing.cap.stage)
    return standing.cap.stage if lowered and standing.cap is not None else record.stage


def _proofs(proof: StageEvidence, settings: Settings) -> Iterator[tuple[str, bool, str]]:
    days = (proof.now_ms - proof.since) / DAY_MS
    said = say("going.up_days", days=number(round(days, 1)), needed=DAYS_OF_A_STAGE)
    yield "days", days >= DAYS_OF_A_STAGE, said
    share = proof.done_ticks / proof.expected_ticks if proof.expected_ticks else 0.0
    said = say(
        "going.up_ticks",
        done=proof.done_ticks,
        expected=proof.expected_ticks,
        share=rate_percent(share),
        needed=rate_percent(TICKS_DONE_SHARE),
    )
    yield "ticks", share >= TICKS_DONE_SHARE, said
    needed = needed_kinds(settings)
    unseen = [str(kind) for kind in needed if kind not in proof.seen]
    names = ", ".join(unseen or map(str, needed))
    said = say("going.up_kinds_unseen" if unseen else "going.up_kinds", kinds=names)
    yield "kinds", not unseen, said
    yield _parity_proof(proof)
    criticals = "; ".join(proof.open_critical)
    calm = say("going.up_calm")
    said = say("going.up_critical", titles=criticals) if criticals else calm
    yield "critical", not criticals, said


def _parity_proof(proof: StageEvidence) -> tuple[str, bool, str]:
    """Compared lately, and nothing of it unexplained."""
    since_ms = proof.now_ms - DAYS_OF_A_STAGE * DAY_MS
    recent = [one for one in proof.parity.results if one.at >= since_ms]
    if not recent:
        return "parity", False, say("going.up_parity_none", days=DAYS_OF_A_STAGE)
    count = sum(one.unexplained for one in proof.parity.open_results(since_ms=since_ms))
    said = say("going.up_parity", at=jst_text(recent[-1].at), count=count)
    return "parity", not count, said
