"""What a tick leaves behind besides its state and its report: trades, the day's equity, settled
intents, the outbox.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from shared import alerts as alerting
from shared.alerts.ports import AlertSink
from shared.core.calendar import DAY_MS, jst_day
from shared.core.errors import BadData
from shared.core.logs import log
from shared.core.settings import Settings
from shared.core.types import Alert, TickReport
from shared.stores.ports import Document, DocumentStore, Write
from shared.tick.documents import BotDocuments

GIVE_UP_MS = DAY_MS
"""An alert that nobody took for a day is kept, but no longer sent with every tick."""

MOST_AT_ONCE = 200
"""So many trades go into the batch of the save, which may have 500 writes."""


def fresh_alerts(
    told: TickReport,
    documents: DocumentStore,
    settings: Settings,
    *,
    before: alerting.KnownBefore,
    after: alerting.KnownBefore,
) -> list[Alert]:
    """What a person should know of this tick and was not told in this window already."""
    composed = alerting.compose(told, settings=settings, before=before, after=after)
    once = {alert.key: alert for alert in reversed(composed)}
    return [
        alert for alert in reversed(once.values()) if documents.get(f"alerts/{alert.key}") is None
    ]


def settle_intents(
    intents: Sequence[Document], *, of_this_tick: Sequence[Document], counted_until: int
) -> list[Write]:
    """Close the intents whose outcome is known now and that the state has counted.

    One of this tick whose outcome is not known stays open, and blocks entries; and so does an entry
    on a candle that the state has not reached (`counted_until`): the tick that sent it died, and
    its attempt would be forgotten. What an earlier tick left unknown was settled by this tick's
    reconcile; on paper that is definitive.
    """
    writes = []
    for intent in intents:
        outcome = (intent.data.get("outcome") or {}).get("outcome", "unknown")
        uncounted = (intent.data.get("plan") or {}).get("as_of", 0) > counted_until
        if uncounted or (outcome == "unknown" and intent in of_this_tick):
            continue
        writes.append(Write(kind="put", path=intent.path, data={**intent.data, "open_for": None}))
    return writes


def trade_writes(told: TickReport, documents: DocumentStore) -> list[Write]:
    """The trades that were closed since the last tick, each under its own number.

    What is too much for one batch with all the rest is written before it: a trade is what it is,
    whichever tick tells it.
    """
    writes = [
        Write(
            kind="put",
            path=f"trades/{told.bot}~{trade.sequence:08d}",
            data={"bot": told.bot, **msgspec.to_builtins(trade)},
        )
        for trade in told.trades
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
    path = f"days/{told.bot}~{date}"
    try:
        stored = documents.get(path)
        data: dict[str, Any] = (
            {"bot": told.bot, "date": date, "equity": {}} if stored is None else dict(stored.data)
        )
        data["equity"] = {**data.get("equity", {}), str(candle_at): str(told.equity_jpy)}
        for name, facts in (said or {}).items():
            data[name] = {**data.get(name, {}), **facts}
    except (BadData, TypeError, ValueError) as error:
        log(
            "day.damaged", severity="ERROR", document=path, error=f"{type(error).__name__}: {error}"
        )
        return []
    return [Write(kind="put", path=path, data=data)]


def deliver(
    waiting: Sequence[Document],
    *,
    bot: BotDocuments,
    sink: AlertSink,
    now_ms: int,
    sure: bool,
    seconds_left: float,
) -> None:
    """Deliver what waits and mark it. A failure here loses nothing: the next tick finds it waiting.

    `sure`: `now_ms` was compared with the exchange's clock and is right. On a guess nothing is
    given up for its age.
    """
    if not waiting:
        return
    try:
        paired, damaged = _readable(waiting)
        bot.mark(damaged, status="given_up_at", now_ms=now_ms)
        deadline = time.monotonic() + max(0.0, seconds_left)
        sent = sink.send([alert for _, alert in paired], deadline_ms=int(deadline * 1000))
        bot.mark(
            [item for item, alert in paired if alert.key in sent], status="sent_at", now_ms=now_ms
        )
        old = [
            item
            for item, alert in paired
            if sure and alert.key not in sent and now_ms - alert.at > GIVE_UP_MS
        ]
        bot.mark(old, status="given_up_at", now_ms=now_ms)
    # The tick is saved; its answer must not depend on Discord.
    except Exception as error:  # noqa: BLE001
        log(
            "alerts.undelivered",
            severity="ERROR",
            waiting=len(waiting),
            error=f"{type(error).__name__}: {error}",
        )


def _readable(waiting: Sequence[Document]) -> tuple[list[tuple[Document, Alert]], list[Document]]:
    """The alerts of the outbox, and the documents in which there is none: one of these must not
    keep all others waiting.
    """
    paired: list[tuple[Document, Alert]] = []
    damaged: list[Document] = []
    for item in waiting:
        try:
            paired.append((item, _stored_alert(item.data)))
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            log(
                "alerts.damaged",
                severity="ERROR",
                document=item.path,
                error=f"{type(error).__name__}: {error}",
            )
            damaged.append(item)
    return paired, damaged


def _stored_alert(data: Mapping[str, Any]) -> Alert:
    """The alert of an outbox document; one of before the order was kept shows its fields as they
    come.
    """
    alert = msgspec.convert(data["alert"], Alert)
    shown = [name for name in data.get("shown") or () if name in alert.fields]
    return replace(alert, fields={name: alert.fields[name] for name in [*shown, *alert.fields]})


def as_stored(write: Write) -> Document:
    """A document as a batch has just stored it."""
    return Document(path=write.path, data=write.data or {}, version="")
