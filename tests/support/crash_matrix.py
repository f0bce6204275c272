"""Every call that a live tick makes to the outside, and what can go wrong at each: the process
dies, stands still while another tick works, the answer is lost, the store is gone.

What the exchange really holds is asked of the sandbox itself, after ticks that nothing disturbs.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from shared.core.errors import Unavailable
from shared.core.money import btc_from_lots
from shared.core.reasons import Reason
from shared.core.types import Level, Side, TickReport, TickStatus
from shared.exchanges.bitbank.envelope import CarriedAnswer
from shared.exchanges.bitbank.errors import NoAnswer, NotSent
from shared.stores.ports import Write
from shared.tick.cycle import Ports
from tests.support.live_world import LiveWorld
from tests.support.tick_stories import INTERVAL, Killed

TICKS_AFTER = 4
MOST_AT_ONCE = 400
MOST_LIVE = 6
MOST_CRITICAL = 8
STRANGER_PRICE = "500000"
ENDED = {TickStatus.DONE, TickStatus.DEGRADED, TickStatus.HALTED, TickStatus.LATE}


class Blow(StrEnum):
    """What befalls a tick at one of its calls."""

    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    PAUSES_BEFORE = "pauses before"
    PAUSES_AFTER = "pauses after"
    REFUSED = "refused"
    SILENT = "silent"
    LOST = "answer lost"
    HTML = "answered with HTML"
    GONE = "gone from here on"


BLOWS: dict[str, tuple[Blow, ...]] = {
    "store read": (Blow.REFUSED, Blow.GONE),
    "store write": (Blow.REFUSED, Blow.LOST, Blow.GONE),
    "http": (Blow.REFUSED, Blow.SILENT, Blow.LOST, Blow.HTML),
    "feed": (Blow.REFUSED,),
    "clock": (),
}
ALWAYS = (Blow.DIES_BEFORE, Blow.DIES_AFTER, Blow.PAUSES_BEFORE, Blow.PAUSES_AFTER)


@dataclass(frozen=True)
class Snapshot:
    """A world at an instant, to come back to."""

    at: int
    standing: Any
    past: tuple[Any, ...]
    documents: dict[str, Any]
    asked: Counter[int]


COLLECTIONS = (
    *("bots", "ticks", "intents", "trades", "days", "alerts", "control", "audit", "offices"),
    *("fills", "live", "claims", "probes", "paper"),
)


def snapshot(world: LiveWorld) -> Snapshot:
    private = world.sandbox.private
    stored = {
        one.path: one.data
        for collection in COLLECTIONS
        for one in world.documents.query(collection, limit=10_000)
    }
    return Snapshot(
        at=world.source.now_ms(),
        standing=private.standing,
        past=tuple(private.past),
        documents=stored,
        asked=world.script.asked.copy(),
    )


def restore(world: LiveWorld, known: Snapshot) -> None:
    private = world.sandbox.private
    private.standing = known.standing
    private.past.clear()
    private.past.extend(known.past)
    private.log.clear()
    world.source._now_ms = known.at
    world.documents.close()
    world.documents = world.fresh_documents()
    writes = [Write(kind="create", path=path, data=data) for path, data in known.documents.items()]
    for start in range(0, len(writes), MOST_AT_ONCE):
        world.documents.commit(writes[start : start + MOST_AT_ONCE])
    world.script.asked = known.asked.copy()


class Struck:
    """The ports of one tick; at call number `at` it is struck by `blow`."""

    def __init__(
        self, world: LiveWorld, *, at: int | None, blow: Blow | None, meanwhile: Callable[[], None]
    ) -> None:
        self.sites: list[tuple[str, str]] = []
        self._at, self._blow, self._meanwhile = at, blow, meanwhile
        self._gone = False
        exchange = world.exchange()
        rest = exchange._rest
        rest.carry = self._wrap("http", rest.carry, lambda request, **_: request.path)  # type: ignore[method-assign]
        self.ports: Ports = world.ports(
            exchange=exchange,
            documents=_Store(world.documents, self._wrap),
            feed=_Feed(world.feed, self._wrap),
            clock=_Clock(world.clock, self._wrap),
        )

    def _wrap(self, port: str, run: Callable[..., Any], name: Callable[..., str]) -> Any:
        def call(*told: Any, **more: Any) -> Any:
            number = len(self.sites)
            self.sites.append((port, name(*told, **more)))
            if self._gone and port.startswith("store"):
                raise Unavailable("the store is gone")
            if number != self._at:
                return run(*told, **more)
            return self._strike(port, lambda: run(*told, **more))

        return call

    def _strike(self, port: str, run: Callable[[], Any]) -> Any:
        blow = self._blow
        if blow is Blow.DIES_BEFORE:
            raise Killed
        if blow is Blow.PAUSES_BEFORE:
            self._meanwhile()
        if blow is Blow.GONE:
            self._gone = True
            raise Unavailable("the store is gone")
        if blow is Blow.REFUSED:
            if port == "http":
                raise NotSent("no connection", reason=Reason.STEP_FAILED, again=True)
            raise Unavailable("it did not answer")
        if blow is Blow.SILENT:
            raise NoAnswer("nothing came")
        done = run()
        if blow is Blow.DIES_AFTER:
            raise Killed
        if blow is Blow.PAUSES_AFTER:
            self._meanwhile()
        if blow is Blow.LOST:
            raise NoAnswer("the answer was lost") if port == "http" else Unavailable("it was lost")
        if blow is Blow.HTML:
            return CarriedAnswer(status=200, headers={}, body="<html>")
        return done


class _Store:
    """A store whose every call is a site."""

    def __init__(self, real: Any, wrap: Any) -> None:
        self._real, self._wrap = real, wrap

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        kinds = {"get": "store read", "query": "store read"}
        writes = {"create", "replace", "commit", "delete", "put"}
        if name not in kinds and name not in writes:
            return found
        return self._wrap(kinds.get(name, "store write"), found, lambda *told, **_: name)


class _Feed:
    def __init__(self, real: Any, wrap: Any) -> None:
        self._real = real
        self.fetch = wrap("feed", real.fetch, lambda *_, **__: "fetch")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _Clock:
    def __init__(self, real: Any, wrap: Any) -> None:
        self.now_ms = real.now_ms
        self.sleep_until = wrap("clock", real.sleep_until, lambda *_, **__: "sleep")


@dataclass
class Case:
    """One blow at one call of one tick, and what came of it."""

    situation: str
    site: tuple[str, str]
    number: int
    blow: Blow
    broken: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{self.situation}: {self.blow} {self.site[0]} {self.site[1]} ({self.number})"


def sites_of(world: LiveWorld, known: Snapshot, at: int) -> list[tuple[str, str]]:
    """Every call of an undisturbed tick, in order."""
    restore(world, known)
    struck = Struck(world, at=None, blow=None, meanwhile=lambda: None)
    world.tick(at, ports=struck.ports)
    return struck.sites


def cases_of(situation: str, sites: Sequence[tuple[str, str]]) -> Iterator[Case]:
    for number, site in enumerate(sites):
        for blow in (*ALWAYS, *BLOWS[site[0]]):
            yield Case(situation=situation, site=site, number=number, blow=blow)


def play(world: LiveWorld, known: Snapshot, at: int, case: Case) -> Case:
    """Play a case: the struck tick, and ticks after it that nothing disturbs."""
    restore(world, known)
    world.sent.clear()
    world.told.clear()
    reports: list[TickReport] = []
    sent = _Sent(world)

    def next_tick(number: int) -> None:
        report = world.tick(at + number * INTERVAL)
        reports.append(report)
        case.broken += _naked(world, report, case)

    paused = 0

    def meanwhile() -> None:
        nonlocal paused
        paused = 1
        next_tick(1)

    struck = Struck(world, at=case.number, blow=case.blow, meanwhile=meanwhile)
    try:
        reports.append(world.tick(at, ports=struck.ports))
        case.counts["went on"] += 1
    except Killed:
        case.counts["killed"] += 1
    except Exception as error:  # noqa: BLE001 (a tick that could save nothing says so)
        case.counts[f"raised {type(error).__name__}"] += 1
    case.broken += [f"after the blow: {one}" for one in _naked(world, None, case, only_count=True)]
    for number in range(1 + paused, TICKS_AFTER + 1):
        next_tick(number)
    case.broken += [*_orders(world, sent, case), *_money(world, case)]
    return case


class _Sent:
    """What was live and executed before the case."""

    def __init__(self, world: LiveWorld) -> None:
        truth = world.truth()
        self.orders = {row["order_id"] for row in truth["orders"]}
        self.strangers = [
            row["order_id"]
            for row in truth["orders"]
            if row["order_id"] in truth["live"] and row.get("price") == STRANGER_PRICE
        ]


def _naked(
    world: LiveWorld, report: TickReport | None, case: Case, *, only_count: bool = False
) -> Iterator[str]:
    """A position without a live stop of its size after a tick that ended."""
    truth = world.truth()
    for side in Side:
        held, stops = _held_lots(world, truth, side), _stop_lots(truth, side)
        if stops < held:
            case.counts["bare"] += 1
            if report is not None and report.status in ENDED and not only_count:
                yield f"{report.tick} {report.status}: {held} {side} held, stops for {stops}"
        elif stops > held and report is not None and not only_count:
            case.counts["surplus"] += 1


def _held_lots(world: LiveWorld, truth: dict[str, Any], side: Side) -> int:
    """What the exchange holds of a side; on spot the owner's coins are none of the bot's."""
    if world.settings.account.has_locks:
        return truth["btc_lots"] - world.owners_lots if side is Side.LONG else 0
    return sum(
        int(Decimal(row["open_amount"]) / btc_from_lots(1))
        for row in truth["positions"]
        if row["position_side"] == side
    )


def _stop_lots(truth: dict[str, Any], side: Side) -> int:
    live = set(truth["live"])
    return sum(
        int(Decimal(row["remaining_amount"]) / btc_from_lots(1))
        for row in truth["orders"]
        if row["order_id"] in live
        and row["type"] == "stop"
        and row.get("position_side", "long") == side
    )


def _orders(world: LiveWorld, before: _Sent, case: Case) -> Iterator[str]:
    truth = world.truth()
    live = set(truth["live"])
    for number in sorted(cancels_asked_for(world) & set(before.strangers)):
        yield f"the stranger's order {number} was to be cancelled"
    if len(truth["positions"]) > 1:
        yield "two positions"
    fresh = [row for row in truth["orders"] if row["order_id"] not in before.orders]
    entries = [row for row in fresh if _is_opening(row)]
    case.counts["entries"] += len(entries)
    intents = Counter(name for name, is_opening in world.sent if is_opening)
    if intents and max(intents.values()) > 1:
        yield f"an opening intent was sent twice: {intents.most_common(1)}"
    if len(entries) > len(intents):
        yield f"{len(entries)} entries of {len(intents)} intents"
    resting = [
        row["order_id"]
        for row in truth["orders"]
        if row["order_id"] in live and _is_opening(row) and row["order_id"] not in before.strangers
    ]
    now = truth["at"]
    old = [number for number in resting if _ordered_at(truth, number) < now - INTERVAL]
    if old:
        yield f"entries rest: {old}"
    for side in Side:
        held, stops = _held_lots(world, truth, side), _stop_lots(truth, side)
        if stops > held:
            yield f"stops for {stops} on {held} {side}"
    orders = [row for row in truth["orders"] if row["order_id"] in live]
    if len(orders) - len(before.strangers) > MOST_LIVE:
        yield f"{len(orders)} orders are live"


def cancels_asked_for(world: LiveWorld) -> set[int]:
    """The orders that somebody asked to cancel: the exchange itself may end others."""
    return {
        json.loads(one.body)["order_id"]
        for one in world.sandbox.private.log
        if one.endpoint == "cancel_order"
    }


def _is_opening(row: dict[str, Any]) -> bool:
    if row["type"] != "limit":
        return False
    side = row.get("position_side")
    return (row["side"] == "buy") == (side != "short")


def _ordered_at(truth: dict[str, Any], number: int) -> int:
    return next(row["ordered_at"] for row in truth["orders"] if row["order_id"] == number)


def _money(world: LiveWorld, case: Case) -> Iterator[str]:
    """The book says what the exchange's own executions say."""
    state = world.bot.peek()
    if state is None or state.data["state"] is None or state.data["state"].get("ledger") is None:
        yield "there is no ledger"
        return
    book, truth = state.data["state"]["ledger"], world.truth()
    capital = Decimal(book["capital_jpy"])
    onhand = Decimal(truth["yen"])
    start = world.sandbox.private.settings.yen
    cash = Decimal(book["cash_jpy"]) - capital
    if cash != onhand - start:
        yield f"the book made {cash}, the exchange {onhand - start}"
    for side in Side:
        booked = sum(
            entry["lots"]
            for held in book["positions"]
            if held["side"] == side
            for entry in held["entries"]
        )
        there = _held_lots(world, truth, side)
        if booked != there:
            yield f"the book holds {booked} {side}, the exchange {there}"
    left = world.documents.query("intents", field="open_for", value=world.settings.id)
    case.counts["open intents at the end"] += len(left)
    told = sum(alert.level is Level.CRITICAL for alert in world.told)
    case.counts["critical alerts"] += told
    if told > MOST_CRITICAL:
        yield f"{told} critical alerts"
