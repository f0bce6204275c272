"""Ask the real exchange what no document says."""

import sys
from typing import Any

import click

from functions import wiring
from scripts.operation.bot import Here, open_bot, reason_option, who_asks, why_asked
from scripts.operation.probing import (
    StoredJournal,
    begin_probe,
    book_cash_jpy,
    end_probe,
    ledger_of,
    take_lease_of,
    unfinished_probe,
)
from scripts.output.console import emit, json_option
from shared.core.errors import UserError
from shared.core.sentences import say
from shared.core.sentences.figures import yen
from shared.core.types import Side
from shared.orders.probing import ProbeOutcome, Prober


@click.command()
@reason_option
@click.option("--by", help="Who asks; the user of this machine unless told.")
@click.option("--confirm", metavar="WORDS", help="The words that the command prints.")
@json_option
def command(*, why: str | None, by: str | None, confirm: str | None, as_json: bool) -> None:
    """Ask bitbank what no document of it says, with the smallest order, and end flat.

    Opens 0.0001 BTC long with a stop 3 % below it, asks, closes it, and keeps what it saw for the
    doctor. Says before what that can lose at the most, and begins where the owner types the words
    that it prints. It refuses beside any position, order or open intent of the pair. Where it was
    killed, the next start first cancels and closes what it left; until then only its stop protects
    that.
    """
    reason = why_asked(why, "the probe")
    with open_bot() as here:
        who = by or who_asks()
        probe = wiring.probe_for(here.settings, here.environ, here.clock)
        left = end_left_over(here, probe, who=who, why=reason)
        if left:
            click.echo(left, err=True)
        named = look_around(here, probe)
        confirm_words(here, named, confirm)
        outcome = run_probe(here, probe, named, who=who, why=reason)
    lines = [say("probe.done", cost=yen(outcome.cost_jpy), requests=outcome.requests)]
    lines += [_line(one.question, one.choice, one.seen) for one in outcome.findings]
    if outcome.trouble:
        lines.append(say("probe.trouble", found=outcome.trouble))
    data: dict[str, Any] = {"left": left, "named_jpy": named, "outcome": outcome}
    emit(data, "\n".join(lines), as_json=as_json)


def end_left_over(here: Here, probe: Prober, *, who: str, why: str) -> str:
    """End flat what a probe that was killed left behind; what was done, in words."""
    running = unfinished_probe(here)
    if running is None:
        return ""
    journal = StoredJournal(here, take_lease_of(here), str(running.data["name"]))
    try:
        ledger = ledger_of(here)
        written = journal.load()
        mine = {one["intent"]["id"] for one in written}
        tracked = () if ledger is None else ledger.tracked
        others = [
            one.order.order_id
            for one in tracked
            if one.is_live and one.order.intent.id not in mine and not one.order.intent.is_opening
        ]
        note = probe.recover(journal, written, name=str(running.data["name"]), others=others)
    except BaseException:
        here.bot.release(journal.lease)
        raise
    end_probe(here, journal, running.data, who=who, why=why, note=note)
    return say("probe.ended", orders=len(written), note=note)


def look_around(here: Here, probe: Prober) -> int:
    """Refuse where something of the pair is about; the largest loss in yen."""
    _check_free(here)
    return probe.plan_position().loss_jpy


def confirm_words(here: Here, named_jpy: int, told: str | None) -> None:
    """Raise `UserError` unless the owner types what is printed."""
    words = f"probe {here.settings.id} {here.settings.pair} {here.settings.account}"
    click.echo(say("probe.named", loss=yen(named_jpy), words=words), err=True)
    if told is None and sys.stdin.isatty() and sys.stderr.isatty():
        told = str(click.prompt(say("probe.type"), err=True))
    if told is None or told.strip() != words:
        raise UserError(
            "the probe was not confirmed; nothing was sent", remedy=f'--confirm "{words}"'
        )


def run_probe(here: Here, probe: Prober, named_jpy: int, *, who: str, why: str) -> ProbeOutcome:
    """Ask under the bot's lease, and keep what was seen."""
    lease = take_lease_of(here)
    try:
        _check_free(here)
        ledger = ledger_of(here)
        name = begin_probe(here, lease, who=who, why=why, named_jpy=named_jpy)
        journal = StoredJournal(here, lease, name)
    except BaseException:
        here.bot.release(lease)
        raise
    running = unfinished_probe(here)
    if running is None:
        raise AssertionError("the probe was written down just now")
    try:
        outcome = probe.run(
            journal, name=name, named_jpy=named_jpy, cash_jpy=book_cash_jpy(here, ledger)
        )
    except BaseException:
        here.bot.release(journal.lease)
        raise
    end_probe(here, journal, running.data, who=who, why=why, outcome=outcome, note=outcome.trouble)
    return outcome


def _check_free(here: Here) -> None:
    """Refuse beside a position of the bot's book, or an intent that is open."""
    if found := here.bot.open_intents():
        raise UserError(
            f"{len(found)} intents are open: {found[0].path}",
            remedy="let the bot's ticks settle them first",
        )
    ledger = ledger_of(here)
    if ledger is not None and any(ledger.lots(side) for side in Side):
        raise UserError(
            "the bot holds a position", remedy="halt it, and probe when it holds nothing"
        )


def _line(question: str, choice: str, seen: Any) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in seen.items())
    return say("probe.finding", question=question, choice=choice, facts=facts)
