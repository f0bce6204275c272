"""Protect one report from the cleaning, for ever or until it is released."""

from typing import Any

import click

from scripts.operation.bot import open_bot, who_asks
from scripts.output.console import emit, json_option
from shared.core.calendar import jst_text
from shared.core.errors import BadData, NotThere, UserError
from shared.core.sentences import say
from shared.rounds.keeping import protect_report, protected_reports, release_report

_WHERE = "give the id of a backtest's job, as the job's own answer names it"


@click.command()
@click.argument("name", required=False)
@click.option("--release", is_flag=True, help="Let it go again when it is old.")
@click.option("--list", "listed", is_flag=True, help="Say which reports are protected.")
@click.option("--why", default="", help="Why, for whoever looks at the list.")
@json_option
def command(*, name: str | None, release: bool, listed: bool, why: str, as_json: bool) -> None:
    """Keep one report, by the id of its backtest job, whatever its age.

    Reports of jobs are taken away after keep.reports_days. Folders that a command has written are
    yours, and stay.
    """
    if listed == (name is not None):
        raise UserError(
            "give the name of one report, or --list", remedy="`scripts/bot keep --list`"
        )
    with open_bot() as here:
        documents = here.bot.documents
        if name is None:
            found = protected_reports(documents)
            lines = [_line(report) for report in found] or [say("keep.none")]
            emit({"protected": found}, "\n".join(lines), as_json=as_json)
            return
        try:
            if release:
                release_report(documents, name)
            else:
                now_ms = here.clock.now_ms()
                protect_report(documents, name, who=who_asks(), why=why, now_ms=now_ms)
        except BadData as error:  # no name of a document, so of no report
            raise UserError(f"there is no report called {name!r}", remedy=_WHERE) from error
        except NotThere as error:
            remedy = "`scripts/bot keep --list` names them" if release else _WHERE
            raise UserError(str(error), remedy=remedy) from error
    text = say("keep.released", name=name) if release else say("keep.protected", name=name)
    emit({"name": name, "protected": not release}, text, as_json=as_json)


def _line(report: Any) -> str:
    why = f": {report['why']}" if report.get("why") else ""
    at, who = jst_text(report["at"]), report["who"]
    return say("keep.line", name=report["name"], at=at, who=who, why=why)
