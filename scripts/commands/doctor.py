"""Check everything that a tick will need, and say what is missing."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import click

from functions import wiring
from scripts.operation.bot import Here, opened, reason_option, who_asks, why_asked
from scripts.operation.damage import damage
from scripts.output.console import emit, json_option
from shared import features, risk
from shared.core.calendar import utc_second
from shared.core.errors import BotError, UserError
from shared.core.reasons import Reason
from shared.core.sentences.figures import duration, yen
from shared.core.settings import Settings
from shared.core.settings.original_variables import left_over
from shared.core.types import Issue, Level, Market, Timeframe
from shared.stores.ports import Write
from shared.turn.champion import Champion, permission, unproven
from shared.turn.state import State, capital_changed, trouble

PROBE = "doctor/probe"


class CheckOutcome(StrEnum):
    """How a check came out: a note is worth knowing and stops nothing."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorCheck:
    """One thing that was checked."""

    name: str
    verdict: CheckOutcome
    said: str
    remedy: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@click.command()
@click.option(
    "--mend",
    is_flag=True,
    help="Close the order intents that cannot be read, with a record in the audit.",
)
@reason_option
@click.option("--by", help="Who mends; the user of this machine unless told.")
@json_option
@click.pass_context
def command(
    context: click.Context, *, mend: bool, why: str | None, by: str | None, as_json: bool
) -> None:
    """Check settings, store, exchange, model and clock, and say what capital each stage needs.

    Places no order and leaves nothing behind. Exit code 0 where every check passed or is only a
    note, 1 otherwise. With --mend the order intents that no tick can read are closed first.
    """
    reason = why_asked(why, "the mending") if mend else ""
    with opened() as here:
        if mend:
            for one in damage(here):
                if one.intent:
                    here.bot.mend_intent(
                        one.path, who=by or who_asks(), why=reason, now_ms=here.clock.now_ms()
                    )
        checks = list(examine(here))
    bad = [check.name for check in checks if check.verdict is CheckOutcome.BAD]
    lines = [line for check in checks for line in _lines(check)]
    lines.append(f"not ready: {', '.join(bad)}" if bad else "ready: a tick has what it needs")
    emit({"ready": not bad, "checks": checks}, "\n".join(lines), as_json=as_json)
    context.exit(1 if bad else 0)


def examine(here: Here) -> Iterator[DoctorCheck]:
    """All checks, in the order in which a tick would meet them."""
    settings = here.settings
    profile = f", profile {settings.profile}" if settings.profile else ""
    said = (
        f"{settings.mode} mode, stage {settings.stage}, {settings.account},"
        f" {settings.sides}{profile}, hash {settings.hash}"
    )
    yield DoctorCheck(name="settings", verdict=CheckOutcome.OK, said=said)
    if found := left_over(here.environ):
        yield DoctorCheck(
            name="variables",
            verdict=CheckOutcome.NOTE,
            said="; ".join(found),
            remedy="take them away",
        )
    store = guarded("state", lambda: _state(here))
    yield store
    if store.verdict is not CheckOutcome.BAD:
        yield from _documents(here)
        yield guarded("account", lambda: _paper_capital(here))
        yield guarded("ticks", lambda: _ticks(here))
    yield guarded("bucket", lambda: _bucket(here))
    yield guarded("model", lambda: _model(here))
    yield _alerts(here)
    try:
        market = _market(here)
    except BotError as error:
        remedy = (
            error.remedy
            if isinstance(error, UserError)
            else "check the network and BOT_EXCHANGE__PUBLIC_URL"
        )
        yield DoctorCheck(name="exchange", verdict=CheckOutcome.BAD, said=str(error), remedy=remedy)
        return
    yield _exchange(market)
    yield _clock(here, market)
    yield _data(here, market)
    yield guarded("capital", lambda: _capital(here, market))


def guarded(name: str, check: Callable[[], DoctorCheck]) -> DoctorCheck:
    """Run a check; an error that this project names is its verdict."""
    try:
        return check()
    except BotError as error:
        remedy = error.remedy if isinstance(error, UserError) else ""
        return DoctorCheck(name=name, verdict=CheckOutcome.BAD, said=str(error), remedy=remedy)


def _state(here: Here) -> DoctorCheck:
    documents = here.bot.documents
    documents.commit([Write(kind="put", path=PROBE, data={"at": here.clock.now_ms()})])
    documents.commit([Write(kind="delete", path=PROBE)])
    return DoctorCheck(
        name="state", verdict=CheckOutcome.OK, said=f"{here.settings.state} can be read and written"
    )


def _documents(here: Here) -> Iterator[DoctorCheck]:
    """The documents that a tick reads: each damaged one by its name."""
    try:
        found = list(damage(here))
    except BotError as error:
        yield DoctorCheck(name="documents", verdict=CheckOutcome.BAD, said=str(error))
        return
    for one in found:
        yield DoctorCheck(
            name="documents",
            verdict=CheckOutcome.BAD,
            said=one.found,
            remedy=one.remedy,
            data={"path": one.path},
        )
    if not found:
        yield DoctorCheck(
            name="documents",
            verdict=CheckOutcome.OK,
            said="state, account, control and open intents can be read",
        )


def _paper_capital(here: Here) -> DoctorCheck:
    changed = capital_changed(
        wiring.ports(here.settings, here.environ, dry_run=True).exchange.holdings(
            here.clock.now_ms()
        ),
        here.settings,
    )
    if changed is None:
        return DoctorCheck(
            name="account",
            verdict=CheckOutcome.OK,
            said=f"its capital is the one that is set, {yen(here.settings.capital_jpy)}",
        )
    return DoctorCheck(name="account", verdict=CheckOutcome.NOTE, said=changed)


def _ticks(here: Here) -> DoctorCheck:
    stored = here.bot.peek()
    state = State.stored(
        (stored.data["state"] if stored is not None else None) or {}, here.settings
    )
    if not state.last_finished_at:
        return DoctorCheck(
            name="ticks", verdict=CheckOutcome.NOTE, said="none was ever run with this state"
        )
    why = trouble(state, now_ms=here.clock.now_ms(), settings=here.settings)
    if not why:
        return DoctorCheck(
            name="ticks",
            verdict=CheckOutcome.OK,
            said=f"the last one finished at {utc_second(state.last_finished_at)}",
        )
    in_time = state.late_in_a_row == 0 and state.last_finished_at <= here.clock.now_ms()
    remedy = (
        "start paper trading or the scheduler"
        if in_time
        else "look at the scheduler, and at this machine's clock"
    )
    return DoctorCheck(
        name="ticks",
        verdict=CheckOutcome.NOTE if in_time else CheckOutcome.BAD,
        said="; ".join(why),
        remedy=remedy,
    )


def _bucket(here: Here) -> DoctorCheck:
    bucket = wiring.bucket_for(here.settings)
    bucket.put(PROBE, b"probe")
    bucket.delete(PROBE)
    return DoctorCheck(
        name="bucket",
        verdict=CheckOutcome.OK,
        said=f"{here.settings.bucket} can be read and written",
    )


def _model(here: Here) -> DoctorCheck:
    champion = wiring.ports(here.settings, here.environ, dry_run=True).champions.serving()
    if champion.bundle is None:
        found = champion.issues[0].context.get("found", "")
        said = f"none that may serve ({found}): what is held is managed, nothing is entered"
        return DoctorCheck(
            name="model",
            verdict=CheckOutcome.BAD,
            said=said,
            remedy="scripts/bot collect, then scripts/bot train",
        )
    issues = (*champion.issues, *_allowed(champion, here.settings))
    if issues:
        found = "; ".join(f"{issue.reason}: {issue.context.get('found', '')}" for issue in issues)
        bad = any(issue.forbids_entry for issue in issues)
        said = f"{champion.bundle.version} serves, but {found}"
        remedy = "`scripts/bot models` lists what there is; scripts/bot train"
        return DoctorCheck(
            name="model",
            verdict=CheckOutcome.BAD if bad else CheckOutcome.NOTE,
            said=said,
            remedy=remedy,
        )
    said = f"{champion.bundle.version}, signature and golden rows are right"
    if unproven(champion.bundle, here.settings):
        said = (
            f"{said}; its edge is not proven: it trades on paper and would enter nothing in live"
            " mode"
        )
    named = here.settings.risk.overrule_model
    if named:
        remedy = (
            "`scripts/bot models` lists the versions; take BOT_RISK__OVERRULE_MODEL away, or name"
            " the one that serves"
        )
        said = f"{said}; risk.overrule_model names {named}, which does not serve"
        return DoctorCheck(name="model", verdict=CheckOutcome.NOTE, said=said, remedy=remedy)
    return DoctorCheck(name="model", verdict=CheckOutcome.OK, said=said)


def _allowed(champion: Champion, settings: Settings) -> tuple[Issue, ...]:
    return permission(champion.bundle, settings, answers_otherwise=champion.answers_otherwise)


def _alerts(here: Here) -> DoctorCheck:
    names = ["DISCORD_WEBHOOK_URL", *(f"DISCORD_WEBHOOK_{level.name}" for level in Level)]
    set_here = [name for name in names if here.environ.get(name)]
    if here.settings.alerts == "log" or not set_here:
        said = "are only logged"
        return DoctorCheck(
            name="alerts",
            verdict=CheckOutcome.NOTE,
            said=said,
            remedy="set DISCORD_WEBHOOK_URL to hear of them",
        )
    return DoctorCheck(
        name="alerts",
        verdict=CheckOutcome.OK,
        said=f"go to Discord ({', '.join(set_here)}); nothing was sent now",
    )


def _market(here: Here) -> Market:
    return wiring.ports(here.settings, here.environ, dry_run=True).feed.fetch(here.clock.now_ms())


def _exchange(market: Market) -> DoctorCheck:
    rules = market.rules
    wrong = [
        issue
        for issue in market.issues
        if issue.reason is not Reason.CLOCK_SKEW and issue.forbids_entry
    ]
    fees = f"maker {float(rules.maker_fee_rate):.3%}, taker {float(rules.taker_fee_rate):.3%}"
    spread = f", spread {market.book.spread_rate:.3%}" if market.book is not None else ""
    said = (
        f"answers in {market.latency_ms:.0f} ms: {rules.status}, circuit break"
        f" {rules.circuit_break_mode}, {fees}{spread}"
    )
    if market.book is None or wrong:
        told = "; ".join(
            f"{issue.reason} {' '.join(issue.context.values())}".strip() for issue in wrong
        )
        return DoctorCheck(
            name="exchange",
            verdict=CheckOutcome.NOTE,
            said=f"{said}; entries are forbidden now: {told or 'no book'}",
        )
    return DoctorCheck(name="exchange", verdict=CheckOutcome.OK, said=said)


def _clock(here: Here, market: Market) -> DoctorCheck:
    skew = market.clock_skew_ms
    allowed = here.settings.market.max_clock_skew_ms
    if skew is None:
        return DoctorCheck(
            name="clock",
            verdict=CheckOutcome.NOTE,
            said="the exchange's answers carried no usable time to compare with",
        )
    data = {"ahead_ms": skew}
    if abs(skew) > allowed:
        said = (
            f"differs from the exchange's by {skew / 1000:+.1f} s; {allowed / 1000:g} s are allowed"
        )
        remedy = "let this machine keep its time (timedatectl set-ntp true)"
        return DoctorCheck(
            name="clock", verdict=CheckOutcome.BAD, said=said, remedy=remedy, data=data
        )
    return DoctorCheck(
        name="clock",
        verdict=CheckOutcome.OK,
        said=f"{utc_second(market.as_of)}, as the exchange's to its header's second",
        data=data,
    )


def _data(here: Here, market: Market) -> DoctorCheck:
    counts = {str(timeframe): len(candles) for timeframe, candles in market.candles.items()}
    least = {"15m": here.settings.market.min_history_15m, "4h": here.settings.market.min_history_4h}
    short = [name for name, needed in least.items() if counts.get(name, 0) < needed]
    said = ", ".join(f"{count} closed {name} candles" for name, count in counts.items())
    if short:
        return DoctorCheck(
            name="candles",
            verdict=CheckOutcome.BAD,
            said=f"{said}: too few to decide on",
            remedy="wait, or see `exchange`",
            data=counts,
        )
    newest = int(market.candles[Timeframe.M15].closed_at[-1])
    age = duration(max(0, market.as_of - newest) / 1000)
    return DoctorCheck(
        name="candles",
        verdict=CheckOutcome.OK,
        said=f"{said}; the newest closed {age} ago",
        data=counts,
    )


def _capital(here: Here, market: Market) -> DoctorCheck:
    columns = features.compute(market.candles)
    price, atr = columns.column("close")[-1:], columns.column("atr_14")[-1:]
    if not len(price) or not math.isfinite(atr[0]):
        return DoctorCheck(
            name="capital",
            verdict=CheckOutcome.NOTE,
            said="the smallest capital cannot be told from so few candles",
        )
    needed = risk.smallest_capital(
        price=int(price[0]), atr_jpy=float(atr[0]), rules=market.rules, settings=here.settings
    )
    has, mine = here.settings.capital_jpy, needed.get(here.settings.stage)
    stages = ", ".join(f"{yen(least)} at stage {stage}" for stage, least in needed.items())
    said = f"one order needs {stages}; BOT_CAPITAL_JPY is {yen(has)}"
    if mine is None or mine > has:
        remedy = "raise BOT_CAPITAL_JPY, or choose a stage that may use more of it"
        return DoctorCheck(
            name="capital", verdict=CheckOutcome.BAD, said=said, remedy=remedy, data=needed
        )
    return DoctorCheck(name="capital", verdict=CheckOutcome.OK, said=said, data=needed)


def _lines(check: DoctorCheck) -> list[str]:
    lines = [f"{check.verdict:<5} {check.name:<9} {check.said}"]
    if check.remedy and check.verdict is not CheckOutcome.OK:
        lines.append(f"{'':<15} remedy: {check.remedy}")
    return lines
