"""Positions without the stop that they need."""

from collections.abc import Iterator

from shared.alerts.subjects.maker import AlertMaker
from shared.alerts.wording import name_fields
from shared.core.sentences import say
from shared.core.sentences.figures import btc, jst_and_utc, yen_words
from shared.core.types import Alert, Level, Position, Purpose, TickReport


def position_alerts(report: TickReport, maker: AlertMaker) -> Iterator[Alert]:
    """A position without a stop of its full size, or of which nobody knows."""
    for position in report.positions:
        stopped = sum(
            order.remaining_lots
            for order in report.resting
            if order.intent.purpose is Purpose.STOP and order.intent.side is position.side
        )
        if stopped < position.lots:
            yield _unprotected_alert(position, stopped, maker)
    if report.equity_jpy is None and report.plan is not None:
        yield maker.make_lasting(
            Level.CRITICAL,
            "account_unknown",
            report.plan.side,
            say("alerts.title.account_unknown", side=report.plan.side),
            name_fields(why=report.detail, stop=yen_words(report.plan.stop_price)),
        )


def _unprotected_alert(position: Position, stopped: int, maker: AlertMaker) -> Alert:
    side, size = position.side, btc(position.lots)
    title = (
        say("alerts.title.no_stop", side=side, size=size)
        if stopped == 0
        else say("alerts.title.small_stop", side=side, size=size, stopped=btc(stopped))
    )
    told = name_fields(
        average_price=yen_words(position.average_price), open_since=jst_and_utc(position.opened_at)
    )
    return maker.make_lasting(Level.CRITICAL, "unprotected", side, title, told)
