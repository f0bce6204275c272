"""Run a declared experiment, or replay many settings at once; note every try, and say how much of
the best one is luck.
"""

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from functions import wiring
from models.backtest.job import BadJob, Job, parse_job
from models.backtest.ports import BacktestPorts
from models.backtest.prepare import bundle_of, candles_of, honest_notes
from models.backtest.sources import FileSource
from models.study import grid
from models.study.grid.places import check_installed
from scripts.output.console import emit, json_option, progress, timezone_option
from scripts.research import studies
from scripts.research.writable import require_file
from shared.core.calendar import utc_text
from shared.core.costs import assumed_rules
from shared.core.errors import UserError
from shared.core.files import write_file
from shared.core.settings import Settings
from shared.core.trials import History, settings_hash
from shared.model.registry import BundleRegistry
from shared.stores.trials import TrialLog

ARCHIVE = "archive"
SHOWN = 20
MANY_RUNS = 100_000
OPTIONS = {
    "start": "--from",
    "end": "--to",
    "timeframe": "--timeframe",
    "profile": "--profile",
    "model": "--model",
}
WITHOUT_FILE = {
    "vary": "--vary",
    "periods": "--periods",
    "sample": "--sample",
    "model": "--model",
    "inside_training": "--inside-training",
    "backend": "--backend",
    "address": "--address",
}
WITH_FILE = {"changes": "--set", "markdown": "--markdown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOptions:
    """What was asked, beside the period and the model."""

    vary: tuple[str, ...]
    periods: int
    sample: int | None
    seed: int
    profile: str | None
    out: Path | None


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--candles",
    metavar="FILE",
    help="A candle file (15m or 1m), or archive.  [default: the FILE's, else archive]",
)
@timezone_option
@click.option(
    "--from", "start", metavar="TIME", help="First instant of the period.  [required without FILE]"
)
@click.option("--to", "end", metavar="TIME", help="Its end.  [required without FILE]")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="With FILE: a setting for all of its variants.",
)
@click.option(
    "--markdown",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With FILE: write its tables to this, too.",
)
@click.option(
    "--periods",
    type=click.IntRange(1, 1_000),
    default=1,
    help="Cut it into so many, each a run.  [default: 1]",
)
@click.option(
    "--vary",
    multiple=True,
    metavar="NAME=VALUES",
    help="Like risk.stop_atr=2,3,4 or risk.stop_atr=2:4:0.5.",
)
@click.option(
    "--sample",
    type=click.IntRange(1),
    help="So many of the combinations, at random.  [default: all]",
)
@click.option("--seed", type=click.IntRange(0), default=1, help="Of the sample.  [default: 1]")
@click.option("--profile", metavar="NAME", help="A named overlay of settings, like seeds or loose.")
@click.option(
    "--model", metavar="VERSION", help="A bundle's version, champion or none.  [default: champion]"
)
@click.option(
    "--inside-training",
    is_flag=True,
    help="Run although the model knows the period; the result says so.",
)
@click.option(
    "--timeframe",
    type=click.Choice(["15m", "1m"]),
    help="15m: conservative; 1m: of record.  [default: 15m]",
)
@click.option(
    "--jobs",
    type=click.IntRange(0, 256),
    help="How many at once; 0: one a core.  [default: study.jobs]",
)
@click.option(
    "--backend",
    type=click.Choice(["loky", "threading", "dask", "ray"]),
    help="[default: study.backend]",
)
@click.option(
    "--address",
    metavar="URL",
    help="Of the cluster, like tcp://127.0.0.1:8786.  [default: study.address]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write all runs to this CSV file, too; with FILE: its folder.",
)
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    file: Path | None,
    candles: str | None,
    timezone: str | None,
    changes: tuple[str, ...],
    markdown: Path | None,
    jobs: int | None,
    backend: Any,
    address: str | None,
    as_json: bool,
    vary: tuple[str, ...],
    periods: int,
    sample: int | None,
    seed: int,
    out: Path | None,
    **fields: Any,
) -> None:
    """Run the experiment that FILE declares, or replay many settings or periods at once.

    FILE (YAML, see docs/studies) names a question, candles, settings and variants. Each variant is
    retrained on the schedule that live would have had, replayed out of sample only, and judged by
    the gate; a page compares them.

    Without FILE each --vary adds a setting with its values; every combination runs on every period.
    All runs share the candles, their features and, where they can, votes and predictions. Each run
    counts in the trial log, and the deflated Sharpe ratio takes all of the log into account: the
    best of many tries looks good by luck alone.
    """
    if file is not None:
        _refuse(context, WITHOUT_FILE, "is not for a study that a file declares")
        taken = {name: fields[name] for name in ("start", "end", "profile", "timeframe")}
        own_seed = seed if _is_option_given(context, "seed") else None
        studies.study_file(
            studies.FileStudyOptions(
                file=file,
                candles=candles,
                timezone=timezone,
                seed=own_seed,
                changes=changes,
                jobs=jobs,
                out=out,
                markdown=markdown,
                as_json=as_json,
                **taken,
            )
        )
        return
    _refuse(context, WITH_FILE, "is only for a study that a file declares")
    for name in ("start", "end"):
        if fields[name] is None:
            raise click.MissingParameter(
                ctx=context, param_type="option", param_hint=f"'{OPTIONS[name]}'"
            )
    asked = StudyOptions(
        vary=vary, periods=periods, sample=sample, seed=seed, profile=fields["profile"], out=out
    )
    if out is not None:
        require_file(out, "--out")
    settings = wiring.settings_from(os.environ)
    workers = grid.Workers(
        jobs=settings.study.jobs if jobs is None else jobs,
        backend=backend or settings.study.backend,
        address=settings.study.address if address is None else address,
    )
    check_installed(workers)
    points = _points(asked)
    with _place(settings, candles or ARCHIVE, timezone) as place:
        runs, judged, history, notes = _work_on_runs(place, _job(fields), points, asked, workers)
    rows = [_row(number, one) for number, one in enumerate(judged, start=1)]
    if out is not None:
        _write_csv(out, rows)
    emit(
        _data(rows, history, notes),
        _study_text(rows, runs, judged, history, notes),
        as_json=as_json,
    )


def _is_option_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _refuse(context: click.Context, names: Mapping[str, str], why: str) -> None:
    """Refuse the first option of `names` that was given."""
    for name, option in names.items():
        if _is_option_given(context, name):
            raise UserError(
                f"{option} {why}", remedy="scripts/bot study --help tells which option is for which"
            )


@contextmanager
def _place(settings: Settings, candles: str, timezone: str | None) -> Iterator[BacktestPorts]:
    """Where candles, models and the trial log are; a wrong field of the job is told by
    its option.
    """
    place = wiring.backtest_place(settings, os.environ)
    try:
        yield (
            place
            if candles == ARCHIVE
            else replace(place, source=FileSource.load_file(Path(candles), timezone=timezone))
        )
    except BadJob as error:
        raise UserError(
            f"{OPTIONS.get(error.field, error.field)} {error.found}", remedy=error.remedy
        ) from error
    finally:
        place.documents.close()


def _job(fields: Mapping[str, Any]) -> Job:
    return parse_job({name: value for name, value in fields.items() if value is not None})


def _points(asked: StudyOptions) -> list[grid.Point]:
    vary = dict(grid.parse_variation(text) for text in asked.vary)
    if len(vary) < len(asked.vary):
        raise UserError(
            "one setting was varied twice", remedy="give all of its values in one --vary"
        )
    total = 1
    for values in vary.values():
        total *= len(values)
    if min(total, asked.sample or total) * asked.periods > MANY_RUNS:
        raise UserError(
            f"{total * asked.periods:,} runs were asked for",
            remedy="take a part of them with --sample",
        )
    return (
        grid.grid_points(vary)
        if asked.sample is None
        else grid.sample(vary, asked.sample, seed=asked.seed)
    )


def _work_on_runs(
    place: BacktestPorts,
    job: Job,
    points: Sequence[grid.Point],
    asked: StudyOptions,
    workers: grid.Workers,
) -> tuple[Sequence[grid.Run], list[grid.JudgedOutcome], History, tuple[str, ...]]:
    """Prepare what the runs share, work on them, and write each into the trial log as it comes."""
    spans = grid.periods(job.start_at, job.end_at, asked.periods)
    runs = grid.runs(points, spans, load=place.load, profile=asked.profile, rules=assumed_rules)
    settings = runs[0].settings
    bundle, said = bundle_of(job, BundleRegistry(place.bucket), place.public_keys, settings)
    notes = (*honest_notes(job, bundle, settings), *said)
    log = TrialLog(place.documents)
    with progress("study", len(runs)) as bar:
        bar.describe("features")
        candles, minutes = candles_of(job, place.source, settings)
        shared = grid.build_given(
            candles, since=job.start_at, minutes=minutes, bundle=bundle, notes=notes
        )
        hashes = grid.data_hashes(shared, runs)

        def note(outcome: grid.RunOutcome) -> None:
            data = hashes[outcome.run.period, outcome.run.settings.market.window_candles]
            log.append(
                grid.grid_trial(
                    outcome, data_hash=data, model=shared.model, now_ms=place.clock.now_ms()
                )
            )
            bar.advance()

        bar.describe(f"{len(runs):,} runs")
        outcomes = grid.replay_runs(shared, runs, workers=workers, on_done=note)
    history = log.all()
    return runs, grid.judge_outcomes(outcomes, history), history, notes


def _row(rank: int, judged: grid.JudgedOutcome) -> dict[str, Any]:
    """One run for JSON and CSV."""
    run, found = judged.outcome.run, judged.outcome.measured
    return {
        "rank": rank,
        "run": run.number,
        **{f"set:{name}": value for name, value in run.changed.items()},
        "start": utc_text(run.period.start_at),
        "end": utc_text(run.period.end_at),
        "return": found.return_rate,
        "buy_and_hold": found.hold_rate,
        "max_drawdown": found.drawdown_rate,
        "trades": found.trades,
        "sharpe": found.sharpe,
        "above_zero": judged.above_zero,
        "deflated": judged.deflated,
        "settings": settings_hash(run.settings, run.rules),
    }


def _data(
    rows: Sequence[Mapping[str, Any]], history: History, notes: Sequence[str]
) -> dict[str, Any]:
    return {
        "runs": rows,
        "trials": history.count,
        "damaged_trials": history.damaged,
        "notes": notes,
    }


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    try:
        write_file(path, text.getvalue())
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror})", remedy="choose another file with --out"
        ) from error


def _study_text(
    rows: Sequence[Mapping[str, Any]],
    runs: Sequence[grid.Run],
    judged: Sequence[grid.JudgedOutcome],
    history: History,
    notes: Sequence[str],
) -> str:
    """The table of the best, and what must be known of it."""
    spans = len({run.period for run in runs}) > 1
    columns = [
        _align_column(column)
        for column in _columns(rows[:SHOWN], list(runs[0].changed), spans=spans)
    ]
    table = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    lines = (
        [f"… and {len(rows) - SHOWN:,} more (--out FILE or --json tells all)"]
        if len(rows) > SHOWN
        else []
    )
    lines += ["", *_warnings(judged, history), *notes]
    return "\n".join([*table, *lines])


def _align_column(column: Sequence[str]) -> list[str]:
    """All as wide as the widest, to the right.

    No table of rich: it cuts columns off where no terminal tells its width.
    """
    width = max(map(len, column))
    return [cell.rjust(width) for cell in column]


def _columns(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], *, spans: bool
) -> Iterator[list[str]]:
    """The columns of the table, each with its head."""
    short = [name.rpartition(".")[2] for name in names]
    yield ["", *(str(row["rank"]) for row in rows)]
    for name, last in zip(names, short, strict=True):
        yield [name if short.count(last) > 1 else last, *(str(row[f"set:{name}"]) for row in rows)]
    if spans:
        yield ["from", *(row["start"][:10] for row in rows)]
    yield ["return", *(_percent(row["return"], sign=True) for row in rows)]
    yield ["buy+hold", *(_percent(row["buy_and_hold"], sign=True) for row in rows)]
    yield ["drawdown", *(_percent(row["max_drawdown"]) for row in rows)]
    yield ["trades", *(f"{row['trades']:,}" for row in rows)]
    yield ["Sharpe", *("-" if row["sharpe"] is None else f"{row['sharpe']:.2f}" for row in rows)]
    yield ["above 0", *(_percent(row["above_zero"]) for row in rows)]
    yield ["deflated", *(_percent(row["deflated"]) for row in rows)]


def _warnings(judged: Sequence[grid.JudgedOutcome], history: History) -> list[str]:
    """The honest numbers."""
    best, many = judged[0], len(judged)
    luck = (
        ""
        if best.luck.best_sharpe is None
        else f", of which the best without any skill shows a Sharpe of {best.luck.best_sharpe:.2f}"
    )
    before = best.luck.trials - max(1, history.count)
    more = f", and {before:,} came before it" if before else ""
    lines = [
        (
            f"{many:,} run{'s' if many > 1 else ''}; the trial log holds"
            f" {_count(history.count)}{more}{luck}."
        )
    ]
    if many > 1:
        lines.append(
            "The best of many is flattered: it was chosen for its luck as well. That the first one"
            f" is better than luck has a probability of {_percent(best.deflated)}."
        )
    if history.damaged:
        names = ", ".join(history.damaged[:3])
        lines.append(
            f"{_count(len(history.damaged))} of the log cannot be read and count all the same:"
            f" {names}"
        )
    return lines


def _count(trials: int) -> str:
    return f"{trials:,} trial{'s' if trials != 1 else ''}"


def _percent(share: float | None, *, sign: bool = False) -> str:
    return "-" if share is None else f"{100 * share:{'+' if sign else ''}.1f} %"
