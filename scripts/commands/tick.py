"""Run one tick by hand, in this process, with the same cycle that the function runs."""

import signal
from collections.abc import Mapping
from typing import Any

import click
import msgspec

from functions import wiring
from scripts.operation.bot import Here, open_bot
from scripts.output.console import emit, json_option
from scripts.output.holdings import holdings_lines, model_line
from shared.core.calendar import jst_text
from shared.core.errors import UserError
from shared.core.sentences import say
from shared.core.sentences.figures import yen
from shared.core.types import Decision, OrderRecord, TickReport, TickStatus
from shared.tick.cycle import run_tick
from shared.tick.request import TickRequest, schedule_time

NOT_WELL = frozenset({TickStatus.DEGRADED, TickStatus.FAILED})


@click.command()
@click.option(
    "--at",
    metavar="TIME",
    help="The schedule time that names the tick, like 2026-02-01T00:03:00Z; none: by hand.",
)
@click.option(
    "--dry-run", is_flag=True, help="Work on copies: claim nothing, write nothing, send nothing."
)
@json_option
@click.pass_context
def command(context: click.Context, *, at: str | None, dry_run: bool, as_json: bool) -> None:
    """Run one tick by hand, in this process.

    It claims the tick and takes the lease like any other, so it is safe beside a scheduled one.
    Exit code 1 where the tick was degraded.
    """
    with open_bot() as here:
        request = build_tick_request(at, here)
        ports = wiring.ports(here.settings, here.environ, dry_run=dry_run)
        _stop_politely()
        try:
            report = run_tick(ports, here.settings, request)
        finally:
            ports.documents.close()
    bodies = wiring.rehearsed_requests(ports)
    lines = tick_lines(report, dry_run=dry_run)
    lines += [say("tick.would_post", path=one["path"], body=one["body"]) for one in bodies]
    data = {**msgspec.to_builtins(report), "would_post": bodies} if bodies else report
    emit(data, "\n".join(lines), as_json=as_json)
    context.exit(1 if report.status in NOT_WELL else 0)


def build_tick_request(at: str | None, here: Here) -> TickRequest:
    """Name the tick: by its schedule time where one is given, by hand otherwise.

    Raises `UserError` for a bad time.
    """
    now_ms = here.clock.now_ms()
    if at is None:
        return TickRequest.by_hand(now_ms)
    try:
        scheduled_at = schedule_time(at)
    except ValueError as error:
        raise UserError(
            str(error), remedy="give --at such a time, or leave it out to run a tick now"
        ) from error
    if scheduled_at - now_ms > here.settings.tick.manual_ahead_seconds * 1000:
        raise UserError(
            f"--at was {at!r}, which is still to come", remedy="leave --at out to run a tick now"
        )
    return TickRequest.by_schedule(scheduled_at, received_at=now_ms)


def _stop_politely() -> None:
    """The first Ctrl-C or SIGTERM lets the tick come to its end; the second ends it at once, as a
    crash would.
    """

    def stop(number: int, _frame: Any) -> None:
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )
        click.echo(say("tick.ending"), err=True)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def tick_lines(report: TickReport, *, dry_run: bool) -> list[str]:
    """A report as a person reads it."""
    told = [
        say(
            "tick.dry_run" if dry_run else "tick.tick",
            tick=report.tick,
            status=report.status,
            at=jst_text(report.finished_at),
        )
    ]
    if report.detail:
        told.append(say("status.because", reason=report.reason, detail=report.detail))
    if report.decision is not None:
        told.append(_decision(report.decision))
    told += [
        say(
            "tick.issue_closed" if issue.forbids_entry else "tick.issue",
            reason=issue.reason,
            facts=_facts(issue.context),
        )
        for issue in report.issues
    ]
    told += [_order(record) for record in report.orders]
    told += holdings_lines(report)
    told.append(model_line(report.model))
    counts = ", ".join(f"{n} {what}" for what, n in report.counts.items())
    took_ms = f"{report.timings_ms.get('total', 0):.0f}"
    told.append(say("tick.took", milliseconds=took_ms, counts=counts))
    return told


def _decision(decision: Decision) -> str:
    size = (
        say("tick.size", side=decision.side, lots=decision.lots)
        if decision.side is not None and decision.lots
        else ""
    )
    facts = _facts(decision.context)
    return say(
        "tick.decision", action=decision.action, size=size, reason=decision.reason, facts=facts
    )


def _order(record: OrderRecord) -> str:
    intent = record.intent
    price = intent.price or intent.trigger_price
    return say(
        "tick.order",
        what=record.what,
        purpose=intent.purpose,
        side=intent.side,
        lots=intent.lots,
        price=say("status.at_price", price=yen(price)) if price else "",
        outcome=record.outcome,
        facts=_facts(record.context),
    )


def _facts(context: Mapping[str, str]) -> str:
    return f" ({', '.join(f'{key}={value}' for key, value in context.items())})" if context else ""
