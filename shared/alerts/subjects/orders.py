"""Orders that the exchange refused, or of which nobody knows."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from shared.alerts.subjects.maker import AlertMaker
from shared.alerts.wording import context_facts, name_fields
from shared.core.reasons import Reason
from shared.core.sentences import reason_now, say
from shared.core.sentences.figures import btc
from shared.core.types import Alert, Level, OrderRecord, Purpose, Side, TickReport


def order_alerts(report: TickReport, maker: AlertMaker) -> Iterator[Alert]:
    """Orders and cancels that did not come out as they should."""
    rejected: list[OrderRecord] = []
    stops: dict[tuple[Side, Reason], OrderRecord] = {}
    for record in report.orders:
        intent = record.intent
        if record.outcome == "unknown":
            yield maker.make_event(
                Level.CRITICAL,
                "outcome_unknown",
                f"{record.what}-{intent.id}",
                _unknown_title(record),
                name_fields(order=intent.id, side=intent.side.value)
                | context_facts(record.context),
            )
        elif record.outcome == "rejected" and record.what != "cancel":
            if intent.purpose is Purpose.STOP:
                stops[intent.side, record.reason] = record
            elif (
                record.reason is not Reason.POST_ONLY_WOULD_CROSS
            ):  # that one is daily life at the touch
                rejected.append(record)
    for (side, reason), record in stops.items():
        yield _stop_rejected(side, reason, record, maker)
    for reason, records in groupby(
        sorted(rejected, key=lambda record: record.reason), key=lambda record: record.reason
    ):
        yield _rejects(reason, list(records), maker)


def _unknown_title(record: OrderRecord) -> str:
    purpose, size = record.intent.purpose, btc(record.intent.lots)
    if record.what == "cancel":
        return say("alerts.title.cancel_unknown", purpose=purpose, size=size)
    return say("alerts.title.order_unknown", purpose=purpose, size=size)


def _stop_rejected(side: Side, reason: Reason, record: OrderRecord, maker: AlertMaker) -> Alert:
    """A condition and no event: what is bare is asked for again every two seconds."""
    return maker.make_lasting(
        Level.CRITICAL,
        "stop_rejected",
        f"{side}-{reason}",
        say("alerts.title.stop_rejected", side=side, size=btc(record.intent.lots)),
        name_fields(order=record.intent.id, why=reason_now(reason)) | context_facts(record.context),
    )


def _rejects(reason: Reason, records: Sequence[OrderRecord], maker: AlertMaker) -> Alert:
    last, why = records[-1], reason_now(reason)
    title = (
        say("alerts.title.rejected_one", reason=why)
        if len(records) == 1
        else say("alerts.title.rejected_many", orders=len(records), reason=why)
    )
    told = name_fields(order=last.intent.id, purpose=last.intent.purpose.value) | context_facts(
        last.context
    )
    return maker.make_lasting(Level.WARNING, "rejected", reason, title, told)
