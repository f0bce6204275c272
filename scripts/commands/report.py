"""What a period of the bot's life came to: the six targets, performance, parity, signals."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import click

from scripts.operation.bot import open_bot
from scripts.operation.parity import Parity
from scripts.operation.period import (
    PeriodPerformance,
    compare_period,
    judge_period,
    known_cost_jpy,
    measure_stay,
    read_period,
)
from scripts.output.console import emit, json_option
from scripts.output.targets import performance_lines, signal_lines, target_lines, wrap_line
from shared.core.calendar import DAY_MS, jst_text
from shared.core.errors import UserError
from shared.core.files import write_file
from shared.core.sentences import say
from shared.core.sentences.figures import jst_minute
from shared.results.targets import SignalRow, TargetFigure, signal_rows

PERIODS = {"24h": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReport:
    """The answer. Instants are ms UTC.

    Attributes:
        performance: Since the capital or the stage was last changed within the period.
        parity: None where it was not compared; `parity_why` says why.
        signals: None where they were not asked for.
        damaged: Paths of documents that could not be read.
        cut: Collections of which there is more than is read.
    """

    bot: str
    mode: str
    stage: str
    period: str
    begin_at: int
    end_at: int
    targets: tuple[TargetFigure, ...]
    performance: PeriodPerformance
    parity: Parity | None
    parity_why: str
    signals: tuple[SignalRow, ...] | None
    damaged: tuple[str, ...]
    cut: tuple[str, ...]


@click.command()
@click.option(
    "--period",
    type=click.Choice(list(PERIODS)),
    default="24h",
    show_default=True,
    help="How far back from now.",
)
@click.option("--signals", is_flag=True, help="What each strategy said: buy, sell and hold.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the signals by day and hour (JST) to FILE.",
)
@click.option("--without-parity", is_flag=True, help="Do not replay the period.")
@click.option(
    "--monthly-cost-jpy",
    type=click.FloatRange(min=0),
    metavar="YEN",
    help="What the cloud costs in a month.  [default: nothing for stores of this machine]",
)
@json_option
def command(
    *,
    period: str,
    signals: bool,
    csv_file: Path | None,
    without_parity: bool,
    monthly_cost_jpy: float | None,
    as_json: bool,
) -> None:
    """Say what a period came to: six targets, each met or missed with its number, performance with
    its costs, and whether a replay of the same ticks does the same.

    Reads every tick of the period. For the replay candles that the archive lacks are collected into
    it; where they are not to be had it says so. Exit code 0, also where a target is missed.
    """
    if csv_file is not None and not signals:
        raise UserError("--csv was given without --signals", remedy="add --signals")
    with open_bot() as here:
        stored = read_period(here, span_ms=PERIODS[period])
        performance = measure_stay(stored.reports, here.settings, begin_at=stored.begin_at)
        parity, parity_why = (
            (None, say("targets.unasked")) if without_parity else compare_period(here, stored)
        )
        report = PeriodReport(
            bot=here.settings.id,
            mode=here.settings.mode,
            stage=here.settings.stage,
            period=period,
            begin_at=stored.begin_at,
            end_at=stored.end_at,
            targets=judge_period(
                stored,
                here.settings,
                performance,
                monthly_cost_jpy=known_cost_jpy(here.settings, monthly_cost_jpy),
            ),
            performance=performance,
            parity=parity,
            parity_why=parity_why,
            signals=(
                signal_rows(stored.reports, begin_at=stored.begin_at, end_at=stored.end_at)
                if signals
                else None
            ),
            damaged=stored.damaged,
            cut=stored.cut,
        )
    lines = report_lines(report)
    if csv_file is not None and report.signals is not None:
        _write_signals(csv_file, report.signals)
        lines += wrap_line(
            say("targets.written", rows=len(report.signals), path=str(csv_file)),
        )
    emit(report, "\n".join(lines), as_json=as_json)


def _write_signals(path: Path, rows: Sequence[SignalRow]) -> None:
    """The rows under their names. Raises `UserError` where the file cannot be written."""
    text = io.StringIO()
    table = csv.DictWriter(
        text, fieldnames=[field.name for field in fields(SignalRow)], lineterminator="\n"
    )
    table.writeheader()
    table.writerows(asdict(row) for row in rows)
    try:
        write_file(path, text.getvalue())
    except OSError as error:
        raise UserError(
            f"{path} could not be written: {error.strerror}",
            remedy="name a file in a folder that is there and yours",
        ) from error


def report_lines(report: PeriodReport) -> list[str]:
    """The answer as a person reads it: one screen of 80 columns."""
    head = say(
        "targets.head",
        bot=report.bot,
        mode=report.mode,
        period=report.period,
        begin=jst_minute(report.begin_at),
        end=jst_minute(report.end_at),
    )
    lines = [*wrap_line(head), *target_lines(report.targets), *_performance(report)]
    if report.parity is None:
        lines += wrap_line(say("targets.parity_unmade", why=report.parity_why))
    else:
        lines += wrap_line(say("targets.parity", sentence=report.parity.sentence))
    if report.signals is not None:
        lines += signal_lines(report.signals)
    if report.damaged:
        lines += wrap_line(say("targets.damaged", paths=", ".join(report.damaged)))
    if report.cut:
        lines += wrap_line(say("targets.cut", names=", ".join(report.cut)))
    return lines


def _performance(report: PeriodReport) -> list[str]:
    earned = report.performance
    if earned.found is None:
        return wrap_line(say("targets.no_performance", why=earned.why))
    lines = performance_lines(earned.found)
    if earned.since_at > report.begin_at:
        lines += wrap_line(say("targets.since", at=jst_text(earned.since_at)))
    return lines
