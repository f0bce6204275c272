"""Check everything that a tick will need, and say what is missing."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import click

from functions import wiring
from scripts.operation.bot import Here, open_bot, reason_option, who_asks, why_asked
from scripts.operation.damage import damage
from scripts.operation.going import look_before_start
from scripts.operation.open_orders import open_order_line, open_orders, settle_line
from scripts.operation.probing import readings_path, unfinished_probe
from scripts.output.console import emit, json_option
from shared import features, risk
from shared.core.errors import BotError, UserError
from shared.core.reasons import Reason
from shared.core.sentences import say
from shared.core.sentences.figures import duration, number, utc_second, yen
from shared.core.settings import Settings
from shared.core.settings.original_variables import left_over
from shared.core.types import Issue, Level, Market, Timeframe
from shared.stores.ports import Write
from shared.tick.live.preflight import preflight
from shared.turn.champion import Champion, permission, unproven_reason
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
    with open_bot() as here:
        if mend:
            for one in damage(here):
                if one.intent:
                    here.bot.mend_intent(
                        one.path, who=by or who_asks(), why=reason, now_ms=here.clock.now_ms()
                    )
        checks = list(examine(here))
    bad = [check.name for check in checks if check.verdict is CheckOutcome.BAD]
    lines = [line for check in checks for line in _lines(check)]
    lines.append(say("doctor.not_ready", checks=", ".join(bad)) if bad else say("doctor.ready"))
    emit({"ready": not bad, "checks": checks}, "\n".join(lines), as_json=as_json)
    context.exit(1 if bad else 0)


def examine(here: Here) -> Iterator[DoctorCheck]:
    """All checks, in the order in which a tick would meet them."""
    settings = here.settings
    said = say(
        "doctor.settings",
        mode=settings.mode,
        stage=settings.stage,
        account=str(settings.account),
        sides=str(settings.sides),
        profile=say("status.profile", profile=settings.profile) if settings.profile else "",
        hash=settings.hash,
    )
    yield DoctorCheck(name="settings", verdict=CheckOutcome.OK, said=said)
    if found := left_over(here.environ):
        yield DoctorCheck(
            name="variables",
            verdict=CheckOutcome.NOTE,
            said="; ".join(found),
            remedy=say("doctor.take_away"),
        )
    store = run_check("state", lambda: _state(here))
    yield store
    if store.verdict is not CheckOutcome.BAD:
        yield from _documents(here)
        yield from _open_orders(here)
        if settings.mode == "paper":
            yield run_check("account", lambda: _paper_capital(here))
        yield run_check("ticks", lambda: _ticks(here))
        if settings.mode == "live":
            yield run_check("readings", lambda: _readings(here))
    yield run_check("bucket", lambda: _bucket(here))
    yield run_check("model", lambda: _model(here))
    yield _alerts(here)
    try:
        market = _market(here)
    except BotError as error:
        remedy = error.remedy if isinstance(error, UserError) else say("doctor.check_the_network")
        yield DoctorCheck(name="exchange", verdict=CheckOutcome.BAD, said=str(error), remedy=remedy)
        return
    yield _exchange(market)
    yield _clock(here, market)
    yield _data(here, market)
    yield run_check("capital", lambda: _capital(here, market))
    if settings.mode == "live":
        yield from _live(here)


def _live(here: Here) -> Iterator[DoctorCheck]:
    """What must agree before real money is traded with."""
    try:
        checks = preflight(look_before_start(here))
    except BotError as error:
        remedy = error.remedy if isinstance(error, UserError) else ""
        yield DoctorCheck(name="live", verdict=CheckOutcome.BAD, said=str(error), remedy=remedy)
        return
    for check in checks:
        verdict = CheckOutcome.OK if check.is_met else CheckOutcome.BAD
        yield DoctorCheck(
            name=f"live-{check.name}",
            verdict=CheckOutcome.NOTE if check.is_note else verdict,
            said=check.said,
            remedy=check.remedy,
        )


def run_check(name: str, check: Callable[[], DoctorCheck]) -> DoctorCheck:
    """Run a check; an error that this project names is its verdict."""
    try:
        return check()
    except BotError as error:
        return _failed_check(name, error)


def _failed_check(name: str, error: BotError) -> DoctorCheck:
    remedy = error.remedy if isinstance(error, UserError) else ""
    return DoctorCheck(name=name, verdict=CheckOutcome.BAD, said=str(error), remedy=remedy)


def _state(here: Here) -> DoctorCheck:
    documents = here.bot.documents
    documents.commit([Write(kind="put", path=PROBE, data={"at": here.clock.now_ms()})])
    documents.commit([Write(kind="delete", path=PROBE)])
    return DoctorCheck(
        name="state", verdict=CheckOutcome.OK, said=say("doctor.usable", place=here.settings.state)
    )


def _documents(here: Here) -> Iterator[DoctorCheck]:
    """The documents that a tick reads: each damaged one by its name."""
    try:
        found = list(damage(here))
    except BotError as error:
        yield _failed_check("documents", error)
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
            said=say("doctor.documents"),
        )


def _open_orders(here: Here) -> Iterator[DoctorCheck]:
    """Each order of which nobody knows what came, with the command that settles it."""
    for one in open_orders(here):
        yield DoctorCheck(
            name="orders",
            verdict=CheckOutcome.BAD,
            said=open_order_line(one),
            remedy=settle_line(one),
            data={"intent": one.name},
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
            said=say("doctor.account", capital=yen(here.settings.capital_jpy)),
        )
    return DoctorCheck(name="account", verdict=CheckOutcome.NOTE, said=changed)


def _ticks(here: Here) -> DoctorCheck:
    stored = here.bot.peek()
    state = State.decode_state(
        (stored.data["state"] if stored is not None else None) or {}, here.settings
    )
    if not state.last_finished_at:
        return DoctorCheck(name="ticks", verdict=CheckOutcome.NOTE, said=say("doctor.never_ticked"))
    why = trouble(state, now_ms=here.clock.now_ms(), settings=here.settings)
    if not why:
        return DoctorCheck(
            name="ticks",
            verdict=CheckOutcome.OK,
            said=say("doctor.ticks", at=utc_second(state.last_finished_at)),
        )
    in_time = state.late_in_a_row == 0 and state.last_finished_at <= here.clock.now_ms()
    remedy = say("doctor.start_ticking") if in_time else say("doctor.look_at_the_scheduler")
    return DoctorCheck(
        name="ticks",
        verdict=CheckOutcome.NOTE if in_time else CheckOutcome.BAD,
        said="; ".join(why),
        remedy=remedy,
    )


def _readings(here: Here) -> DoctorCheck:
    """What a probe saw that no document says, and whether one was killed."""
    running = unfinished_probe(here)
    stored = here.bot.documents.get(readings_path(here.bot.bot))
    ask = say("probe.ask")
    if running is not None:
        said = say("probe.unfinished", who=str(running.data.get("who", "")))
        return DoctorCheck(name="readings", verdict=CheckOutcome.BAD, said=said, remedy=ask)
    if stored is None:
        said = say("probe.never")
        return DoctorCheck(name="readings", verdict=CheckOutcome.NOTE, said=said, remedy=ask)
    seen = {name: told["choice"] for name, told in stored.data["readings"].items()}
    said = say(
        "probe.seen",
        at=utc_second(stored.data["at"]),
        who=stored.data["who"],
        readings=", ".join(f"{name} {choice}" for name, choice in seen.items()),
    )
    return DoctorCheck(name="readings", verdict=CheckOutcome.OK, said=said, data=seen)


def _bucket(here: Here) -> DoctorCheck:
    bucket = wiring.bucket_for(here.settings)
    bucket.put(PROBE, b"probe")
    bucket.delete(PROBE)
    return DoctorCheck(
        name="bucket",
        verdict=CheckOutcome.OK,
        said=say("doctor.usable", place=here.settings.bucket),
    )


def _model(here: Here) -> DoctorCheck:
    champion = wiring.ports(here.settings, here.environ, dry_run=True).champions.load_champion()
    if champion.bundle is None:
        found = champion.issues[0].context.get("found", "")
        said = say("doctor.no_model", found=found)
        return DoctorCheck(
            name="model",
            verdict=CheckOutcome.BAD,
            said=said,
            remedy=say("doctor.collect_and_train"),
        )
    issues = (*champion.issues, *_entry_issues(champion, here.settings))
    if issues:
        found = "; ".join(f"{issue.reason}: {issue.context.get('found', '')}" for issue in issues)
        bad = any(issue.forbids_entry for issue in issues)
        said = say("doctor.model_but", model=champion.bundle.version, found=found)
        remedy = say("doctor.list_or_train")
        return DoctorCheck(
            name="model",
            verdict=CheckOutcome.BAD if bad else CheckOutcome.NOTE,
            said=said,
            remedy=remedy,
        )
    said = say("doctor.model", model=champion.bundle.version)
    if unproven_reason(champion.bundle, here.settings):
        said = say("doctor.model_unproven", said=said)
    named = here.settings.risk.overrule_model
    if named:
        remedy = say("doctor.name_another")
        said = say("doctor.overrules_another", said=said, model=named)
        return DoctorCheck(name="model", verdict=CheckOutcome.NOTE, said=said, remedy=remedy)
    return DoctorCheck(name="model", verdict=CheckOutcome.OK, said=said)


def _entry_issues(champion: Champion, settings: Settings) -> tuple[Issue, ...]:
    return permission(champion.bundle, settings, answers_otherwise=champion.answers_otherwise)


def _alerts(here: Here) -> DoctorCheck:
    names = ["DISCORD_WEBHOOK_URL", *(f"DISCORD_WEBHOOK_{level.name}" for level in Level)]
    set_here = [name for name in names if here.environ.get(name)]
    if here.settings.alerts.startswith("pubsub://"):
        said = say("doctor.alerts_published", topic=here.settings.alerts)
        return DoctorCheck(name="alerts", verdict=CheckOutcome.OK, said=said)
    if here.settings.alerts == "log" or not set_here:
        said = say("doctor.alerts_logged")
        return DoctorCheck(
            name="alerts",
            verdict=CheckOutcome.NOTE,
            said=said,
            remedy=say("doctor.set_a_webhook"),
        )
    return DoctorCheck(
        name="alerts",
        verdict=CheckOutcome.OK,
        said=say("doctor.alerts", names=", ".join(set_here)),
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
    spread = (
        say("doctor.spread", spread=f"{market.book.spread_rate:.3%}")
        if market.book is not None
        else ""
    )
    said = say(
        "doctor.exchange",
        milliseconds=f"{market.latency_ms:.0f}",
        status=rules.status,
        mode=rules.circuit_break_mode,
        maker=f"{float(rules.maker_fee_rate):.3%}",
        taker=f"{float(rules.taker_fee_rate):.3%}",
        spread=spread,
    )
    if market.book is None or wrong:
        told = "; ".join(
            f"{issue.reason} {' '.join(issue.context.values())}".strip() for issue in wrong
        )
        return DoctorCheck(
            name="exchange",
            verdict=CheckOutcome.NOTE,
            said=say("doctor.exchange_closed", said=said, why=told or say("doctor.no_book")),
        )
    return DoctorCheck(name="exchange", verdict=CheckOutcome.OK, said=said)


def _clock(here: Here, market: Market) -> DoctorCheck:
    skew = market.clock_skew_ms
    allowed = here.settings.market.max_clock_skew_ms
    if skew is None:
        return DoctorCheck(
            name="clock",
            verdict=CheckOutcome.NOTE,
            said=say("doctor.clock_unknown"),
        )
    data = {"ahead_ms": skew}
    if abs(skew) > allowed:
        said = say(
            "doctor.clock_wrong",
            seconds=f"{skew / 1000:+.1f}",
            allowed=number(allowed / 1000),
        )
        remedy = say("doctor.set_the_clock")
        return DoctorCheck(
            name="clock", verdict=CheckOutcome.BAD, said=said, remedy=remedy, data=data
        )
    return DoctorCheck(
        name="clock",
        verdict=CheckOutcome.OK,
        said=say("doctor.clock", at=utc_second(market.as_of)),
        data=data,
    )


def _data(here: Here, market: Market) -> DoctorCheck:
    counts = {str(timeframe): len(candles) for timeframe, candles in market.candles.items()}
    least = {"15m": here.settings.market.min_history_15m, "4h": here.settings.market.min_history_4h}
    short = [name for name, needed in least.items() if counts.get(name, 0) < needed]
    said = ", ".join(
        say("doctor.candles_of", count=count, timeframe=name) for name, count in counts.items()
    )
    if short:
        return DoctorCheck(
            name="candles",
            verdict=CheckOutcome.BAD,
            said=say("doctor.candles_few", said=said),
            remedy=say("doctor.wait"),
            data=counts,
        )
    newest = int(market.candles[Timeframe.M15].closed_at[-1])
    age = duration(max(0, market.as_of - newest) / 1000)
    return DoctorCheck(
        name="candles",
        verdict=CheckOutcome.OK,
        said=say("doctor.candles", said=said, age=age),
        data=counts,
    )


def _capital(here: Here, market: Market) -> DoctorCheck:
    columns = features.compute(market.candles)
    price, atr = columns.column("close")[-1:], columns.column("atr_14")[-1:]
    if not len(price) or not math.isfinite(atr[0]):
        return DoctorCheck(
            name="capital",
            verdict=CheckOutcome.NOTE,
            said=say("doctor.capital_unknown"),
        )
    needed = risk.smallest_capital(
        price=int(price[0]), atr_jpy=float(atr[0]), rules=market.rules, settings=here.settings
    )
    has, mine = here.settings.capital_jpy, needed.get(here.settings.stage)
    stages = ", ".join(
        say("doctor.capital_at", amount=yen(least), stage=stage) for stage, least in needed.items()
    )
    said = say("doctor.capital", stages=stages, capital=yen(has))
    if mine is None or mine > has:
        remedy = say("doctor.raise_the_capital")
        return DoctorCheck(
            name="capital", verdict=CheckOutcome.BAD, said=said, remedy=remedy, data=needed
        )
    return DoctorCheck(name="capital", verdict=CheckOutcome.OK, said=said, data=needed)


def _lines(check: DoctorCheck) -> list[str]:
    lines = [f"{check.verdict:<5} {check.name:<9} {check.said}"]
    if check.remedy and check.verdict is not CheckOutcome.OK:
        lines.append(f"{'':<15} {say('doctor.remedy', remedy=check.remedy)}")
    return lines
