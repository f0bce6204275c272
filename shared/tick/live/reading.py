"""Reads what the preflight judges: documents, clock, model, and the account as it is now.

Nothing is written, and nothing but readings goes to the exchange.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.core.calendar import DAY_MS
from shared.core.errors import BadData, BotError
from shared.core.settings import Settings
from shared.core.types import Holdings, Issue, Level, Purpose, TickStatus
from shared.orders.own_book import restage_ledger, staged_capital_jpy
from shared.stores.ports import Document
from shared.tick.cycle import Ports
from shared.tick.documents import BotDocuments
from shared.tick.intents import decode_intents
from shared.tick.live.documents import LiveDocuments
from shared.tick.live.preflight import PreflightFacts
from shared.tick.live.raising import DAYS_OF_A_STAGE, StageEvidence, is_going_up
from shared.tick.live.standing import LiveStanding
from shared.turn.champion import permission
from shared.turn.state import State

PAGE = 1_000
MOST_ALERTS = 10_000
MOST_CRITICAL = 5
_DONE = frozenset({TickStatus.DONE.value, TickStatus.HALTED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What only the process knows: its variables, and the channels that are set up."""

    missing_secrets: Sequence[str] = ()
    is_capital_said: bool = False
    channels: Sequence[str] = ()
    confirmed_orders: Sequence[int] = ()


def read_preflight(ports: Ports, settings: Settings, around: Surroundings) -> PreflightFacts:
    """Read all of it. What cannot be read is told where it is judged, not raised."""
    bot = BotDocuments(ports.documents, settings.id)
    live = LiveDocuments(ports.documents, settings.id)
    now_ms = ports.clock.now_ms()
    standing = live.standing(settings, key=ports.key, cap=bot.control().stage_at_most)
    state, is_blocked, holdings, trouble = None, False, None, ""
    try:
        state = _read_state(bot, settings)
        if settings.mode == "live" and not around.missing_secrets:
            is_blocked, holdings = _read_account(ports, bot, settings, state, now_ms)
    except BotError as error:
        trouble = str(error)
    model, model_issues = _read_model(ports, settings)
    return PreflightFacts(
        settings=settings,
        now_ms=now_ms,
        key=ports.key,
        missing_secrets=around.missing_secrets,
        is_capital_said=around.is_capital_said,
        rights=live.key_rights(ports.key) if ports.key else None,
        standing=standing,
        alerts_test=live.alerts_test(),
        channels=around.channels,
        skew_ms=_read_skew(ports, settings),
        model=model,
        model_issues=model_issues,
        state=state,
        is_blocked=is_blocked,
        holdings=holdings,
        trouble=trouble,
        evidence=_read_evidence(bot, live, standing, settings, now_ms=now_ms),
        confirmed_orders=around.confirmed_orders,
    )


def _read_state(bot: BotDocuments, settings: Settings) -> State:
    stored = bot.peek()
    return State.decode_state(None if stored is None else stored.data.get("state"), settings)


def _read_account(
    ports: Ports, bot: BotDocuments, settings: Settings, state: State, now_ms: int
) -> tuple[bool, Holdings]:
    """Whether an outcome is unknown, and the account beside the book with the capital of the stage
    that is set.
    """
    intents, damaged = decode_intents((one.path, one.data) for one in bot.open_intents())
    if damaged:
        raise BadData("; ".join(damaged.values()))
    ledger = state.ledger
    if ledger is not None:
        ledger = restage_ledger(ledger, staged_capital_jpy(settings))
    asked = [one.open_intent for one in intents.values()]
    holdings = ports.exchange.holdings(
        now_ms, ledger=ledger, intents=[one for one in asked if one is not None]
    )
    return any(one.is_unsettled for one in intents.values()), holdings


def _read_model(ports: Ports, settings: Settings) -> tuple[str | None, tuple[Issue, ...]]:
    champion = ports.champions.load_champion()
    if champion.bundle is None:
        return None, champion.issues
    allowed = permission(champion.bundle, settings, answers_otherwise=champion.answers_otherwise)
    return champion.bundle.version, (*champion.issues, *allowed)


def _read_skew(ports: Ports, settings: Settings) -> float | None:
    deadline = time.monotonic() + settings.exchange.timeout_seconds
    try:
        return ports.feed.clock_skew_ms(deadline=deadline)
    except BotError:
        return None


def _read_evidence(
    bot: BotDocuments,
    live: LiveDocuments,
    standing: LiveStanding,
    settings: Settings,
    *,
    now_ms: int,
) -> StageEvidence | None:
    """What the stage has shown, where the start would leave it behind."""
    if settings.stage == "paper" or not is_going_up(standing, settings):
        return None
    since = standing.stage_since
    begin = max(since, now_ms - DAYS_OF_A_STAGE * DAY_MS)
    interval_ms = settings.tick.interval_seconds * 1000
    probe = live.probe()
    done: set[int] = set()
    seen: set[str] = set() if probe is None else set(probe.purposes)
    for report in _reports(bot, since_ms=begin):
        if report.get("mode") != "live":
            continue
        seen |= _accepted_kinds(report)
        if report.get("status") in _DONE and not str(report.get("tick", "")).startswith("manual"):
            done.add(int(report.get("scheduled_at", 0)) // interval_ms)
    return StageEvidence(
        since=since,
        now_ms=now_ms,
        expected_ticks=(now_ms - begin) // interval_ms,
        done_ticks=len(done),
        seen=frozenset(seen),
        parity=live.parity_results(),
        open_critical=_critical_titles(bot, since_ms=now_ms - DAY_MS),
    )


def _reports(bot: BotDocuments, *, since_ms: int) -> Iterator[Mapping[str, Any]]:
    """The reports of this bot's ticks, page by page."""
    known: set[str] = set()
    while True:
        page = bot.documents.query("ticks", field="claimed_at", op=">=", value=since_ms, limit=PAGE)
        fresh = [one for one in page if one.path not in known]
        for one in fresh:
            report = one.data.get("report")
            if one.data.get("bot") == bot.bot and isinstance(report, Mapping):
                yield report
        if len(page) < PAGE or not fresh:
            return
        known = {one.path for one in page}
        since_ms = _claimed_at(page[-1])


def _claimed_at(tick: Document) -> int:
    return int(tick.data["claimed_at"])


def _accepted_kinds(report: Mapping[str, Any]) -> set[str]:
    """What orders that the exchange took were for."""
    purposes = {str(purpose) for purpose in Purpose}
    found = set()
    for record in report.get("orders") or ():
        if record.get("what") == "place" and record.get("outcome") == "accepted":
            found.add(str((record.get("intent") or {}).get("purpose")))
    return found & purposes


def _critical_titles(bot: BotDocuments, *, since_ms: int) -> tuple[str, ...]:
    """Critical alerts that were noticed since, but for tests of the channels."""
    found = bot.documents.query(
        "alerts", field="last_at", op=">=", value=since_ms, limit=MOST_ALERTS
    )
    titles = []
    for one in found:
        alert = one.data.get("alert") if isinstance(one.data, Mapping) else None
        if not isinstance(alert, Mapping) or one.data.get("bot") != bot.bot:
            continue
        if alert.get("level") == Level.CRITICAL.value and alert.get("kind") != "test":
            titles.append(str(alert.get("title")))
    return tuple(titles[:MOST_CRITICAL])
