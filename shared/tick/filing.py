"""What a tick leaves behind besides its state and its report: trades, fills, the day's equity,
settled intents, alerts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from shared import alerts as alerting
from shared.alerts.records import is_for_the_digest, record_write
from shared.core.calendar import jst_day
from shared.core.errors import BadData
from shared.core.logs import log
from shared.core.settings import Settings
from shared.core.types import AccountKind, Alert, Fate, Fill, Ledger, TickReport, Traces, Trade
from shared.stores.ports import Document, DocumentStore, Write
from shared.tick.books import day_path, fill_path, trade_path

MOST_AT_ONCE = 200
"""So many trades and fills go into the batch of the save, which may have 500 writes."""


def fresh_alerts(
    told: TickReport,
    documents: DocumentStore,
    settings: Settings,
    *,
    before: alerting.KnownBefore,
    after: alerting.KnownBefore,
) -> tuple[list[Alert], list[Alert]]:
    """What a person should know of this tick: what is new, and what was stored in this window
    already.
    """
    composed = alerting.compose(told, settings=settings, before=before, after=after)
    once = {alert.key: alert for alert in reversed(composed)}
    fresh: list[Alert] = []
    repeated: list[Alert] = []
    for alert in reversed(once.values()):
        known = documents.get(f"alerts/{alert.key}")
        (fresh if known is None else repeated).append(alert)
    return fresh, repeated


def alert_write(alert: Alert, settings: Settings) -> Write:
    """An alert that is new, and whether it waits for its delivery or for the day's digest. One that
    somebody stored, and maybe told, since it was looked for stays as it is.
    """
    for_digest = is_for_the_digest(alert, settings)
    return replace(record_write(alert, bot=settings.id, for_digest=for_digest), kind="create")


def settle_intents(
    intents: Sequence[Document],
    *,
    of_this_tick: Sequence[Document],
    counted_until: int,
    fates: Mapping[str, Fate] | None = None,
    ledger: Ledger | None = None,
) -> list[Write]:
    """Close the intents whose outcome is known now and that the state has counted.

    One of this tick whose outcome is not known stays open, and blocks entries; and so does an entry
    on a candle that the state has not reached (`counted_until`): the tick that sent it died, and
    its attempt would be forgotten. What an earlier tick left unknown was settled by this tick's
    reconcile: on paper that is definitive, a real exchange says by `fates` what is known of each.
    One of which nothing is known keeps the first reading after its time.

    At a real exchange an order that was taken is the `ledger`'s, which is saved with this: where
    the account could not be read after it, that does not know of it, and the intent stays open for
    the next tick to find it by its number. Without either it would be a stranger's.
    """
    traces = None if ledger is None else ledger.traces
    writes = []
    for intent in intents:
        outcome = (intent.data.get("outcome") or {}).get("outcome", "unknown")
        uncounted = (intent.data.get("plan") or {}).get("as_of", 0) > counted_until
        if uncounted:
            continue
        if outcome == "unknown" and fates is not None:
            if fates.get(_name_of(intent), Fate.OPEN) is Fate.OPEN:
                writes += _first_look(intent, traces)
                continue
        elif outcome == "unknown" and intent in of_this_tick:
            continue
        if outcome == "accepted" and fates is not None and not _is_followed(intent, ledger):
            continue
        writes.append(Write(kind="put", path=intent.path, data={**intent.data, "open_for": None}))
    return writes


def _is_followed(intent: Document, ledger: Ledger | None) -> bool:
    """Whether the book knows the order, live or ended."""
    if ledger is None:
        return False
    number = intent.data["outcome"].get("order_id")
    return number in ledger.own_ids


def _name_of(intent: Document) -> str:
    return str(intent.data["intent"]["id"])


def _first_look(intent: Document, traces: Traces | None) -> list[Write]:
    """The document with the first reading that came after the order could last arrive."""
    if traces is None or intent.data.get("looked") or traces.read_at <= intent.data.get("until", 0):
        return []
    looked = {**intent.data, "looked": msgspec.to_builtins(traces)}
    return [Write(kind="put", path=intent.path, data=looked)]


def booked_writes(
    told: TickReport, documents: DocumentStore, *, account: AccountKind
) -> list[Write]:
    """The trades that were closed since the last tick, each under its number in its book, and the
    fills of a real account, each under the exchange's. Paper's fills stay in its account.

    A fill says of what kind of account it was: a tax return treats coins and margin otherwise, for
    years, whatever the settings are by then.

    What is too much for one batch with all the rest is written before it: a trade is what it is,
    whichever tick tells it.
    """
    book, whose = told.book, {"bot": told.bot, **told.book.fields}
    fills = () if told.mode == "paper" else told.fills
    named: list[tuple[str, Trade | Fill, Mapping[str, str]]] = [
        *((trade_path(told.bot, book, trade.sequence), trade, {}) for trade in told.trades),
        *((fill_path(told.bot, book, fill), fill, {"account": str(account)}) for fill in fills),
    ]
    writes = [
        Write(kind="put", path=path, data={**whose, **more, **msgspec.to_builtins(one)})
        for path, one, more in named
    ]
    while len(writes) > MOST_AT_ONCE:
        documents.commit(writes[:MOST_AT_ONCE])
        writes = writes[MOST_AT_ONCE:]
    return writes


def day_writes(
    told: TickReport,
    documents: DocumentStore,
    *,
    candle_at: int,
    said: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Write]:
    """The JST day's equity, once a candle, so that a month's report reads a month's documents.

    A day that cannot be read is logged and never overwritten.

    `said`: further facts of this candle, each under its own name (see `watch.shadow.shadow_entry`).
    """
    if told.equity_jpy is None:
        return []
    date = jst_day(told.scheduled_at)
    path, whose = day_path(told.bot, told.book, date), {"bot": told.bot, **told.book.fields}
    try:
        stored = documents.get(path)
        data: dict[str, Any] = {"date": date, **({} if stored is None else stored.data), **whose}
        data["equity"] = {**data.get("equity", {}), str(candle_at): str(told.equity_jpy)}
        for name, facts in (said or {}).items():
            data[name] = {**data.get(name, {}), **facts}
    except (BadData, TypeError, ValueError) as error:
        log(
            "day.damaged", severity="ERROR", document=path, error=f"{type(error).__name__}: {error}"
        )
        return []
    return [Write(kind="put", path=path, data=data)]
