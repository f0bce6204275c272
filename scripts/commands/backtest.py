"""Replay the bot over history: the tick's own rules, strict fills, all costs, and a report."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from functions import wiring
from models.backtest.forward import Walk, conclude_walk, prepare_walk, require_walks
from models.backtest.job import BadJob, Job, parse_job
from models.backtest.outcome import (
    Outcome,
    backtest_trial,
    measure_outcome,
    result_files,
    stopped_note,
    summary_of,
)
from models.backtest.ports import BacktestPorts
from models.backtest.prepare import PreparedReplay, bundle_of, job_settings, prepare
from models.backtest.sources import CandleSource, FileSource
from models.backtest.walk import steps
from scripts.output.backtests import backtest_lines, position_lines
from scripts.output.console import Progress, emit, json_option, progress, timezone_option
from scripts.research.writable import require_folder, write_results
from shared.core.calendar import DAY_MS, YEAR_MS, utc_text
from shared.core.errors import UserError
from shared.core.settings import Settings
from shared.core.types import Timeframe
from shared.model.registry import BundleRegistry
from shared.replay.engine import Replay
from shared.stores.trials import TrialLog
from shared.turn import pipeline

if TYPE_CHECKING:
    from shared.model.bundle import Bundle

LEARNING_FRAMES = (Timeframe.M15, Timeframe.H4)
OPTIONS = {
    "start": "--from",
    "end": "--to",
    "timeframe": "--timeframe",
    "capital_jpy": "--capital",
    "maker_fee_rate": "--maker-fee",
    "taker_fee_rate": "--taker-fee",
    "slippage_rate": "--slippage",
    "profile": "--profile",
    "model": "--model",
    "inside_training": "--inside-training",
    "walk_forward": "--walk-forward",
    "every_days": "--every",
    "time_limit_seconds": "--time-limit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestOptions:
    """What was asked beside the job itself."""

    candles: Path | None
    train_days: int | None
    check: bool
    parquet: bool
    out: Path | None
    verbose: bool
    as_json: bool


@click.command()
@click.option(
    "--candles",
    type=click.Path(path_type=Path),
    help="A candle file (15m or 1m; see docs/candles.md) in place of the archive.",
)
@timezone_option
@click.option(
    "--from",
    "start",
    metavar="TIME",
    help="First instant of the period.  [default: a year before --to, or what there is]",
)
@click.option("--to", "end", metavar="TIME", help="Its end.  [default: the last candle]")
@click.option(
    "--days",
    type=click.IntRange(1, 36_600),
    help="So many days that end at --to, in place of --from.",
)
@click.option(
    "--timeframe",
    type=click.Choice(["15m", "1m"]),
    help="15m: fast, conservative; 1m: the resolution of record.  [default: 15m]",
)
@click.option(
    "--capital",
    "capital_jpy",
    type=int,
    metavar="JPY",
    help="The money at the start.  [default: 1000000]",
)
@click.option(
    "--maker-fee",
    "maker_fee_rate",
    type=float,
    metavar="RATE",
    help="As a fraction: 0.0012 is 0.12 %.",
)
@click.option(
    "--taker-fee",
    "taker_fee_rate",
    type=float,
    metavar="RATE",
    help="The same for what crosses the book.",
)
@click.option(
    "--slippage",
    "slippage_rate",
    type=float,
    metavar="RATE",
    help="Of what crosses, as a fraction.  [default: 0.0005]",
)
@click.option("--profile", metavar="NAME", help="A named overlay of settings, like seeds or loose.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting, like risk.max_drawdown=0.1. Repeatable.",
)
@click.option(
    "--model", metavar="VERSION", help="A bundle's version, champion or none.  [default: champion]"
)
@click.option(
    "--train",
    "train_days",
    type=click.IntRange(1, 3_660),
    help="Train a model on so many days that end before --from.",
)
@click.option(
    "--inside-training",
    is_flag=True,
    help="Run although the model knows the period; the result says so.",
)
@click.option(
    "--walk-forward",
    is_flag=True,
    help=(
        "Retrain as live would have done it, and let each model decide what it had not seen; ask"
        " the gate."
    ),
)
@click.option(
    "--every",
    "every_days",
    type=int,
    metavar="DAYS",
    help="Days between its retrainings.  [default: retrain.every_days]",
)
@click.option("--check", is_flag=True, help="Also prove on this run that nothing looks ahead.")
@click.option(
    "--time-limit",
    "time_limit_seconds",
    type=float,
    metavar="SECONDS",
    help="Stop then, with what there is.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder of the result.  [default: the data folder's backtest-ID]",
)
@click.option("--parquet", is_flag=True, help="Write trades and equity as Parquet, too.")
@click.option("--verbose", is_flag=True, help="Also print every position.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    candles: Path | None,
    timezone: str | None,
    changes: tuple[str, ...],
    train_days: int | None,
    check: bool,
    parquet: bool,
    out: Path | None,
    verbose: bool,
    as_json: bool,
    **fields: Any,
) -> None:
    """Replay the bot over history.

    The rules are the tick's own. Times are like 2026-02-01 or 2026-02-01T09:00:00+09:00, on a full
    quarter of an hour; without an offset they are UTC. Every run counts in the trial log, which the
    deflated Sharpe ratio takes into account.
    """
    began = time.monotonic()
    asked = BacktestOptions(
        candles=candles,
        train_days=train_days,
        check=check,
        parquet=parquet,
        out=out,
        verbose=verbose,
        as_json=as_json,
    )
    if train_days is not None and fields["model"] is not None:
        raise UserError("--train and --model were both given", remedy="give one of them")
    if fields["walk_forward"] and (train_days is not None or check):
        given = "--check" if train_days is None else "--train"
        raise UserError(f"{given} and --walk-forward were both given", remedy="give one of them")
    place = wiring.backtest_place(wiring.settings_from(os.environ), os.environ)
    try:
        if candles is not None:
            place = replace(place, source=FileSource.load_file(candles, timezone=timezone))
        passed = _run(place, _fields(place.source, fields, changes), asked, began)
    except BadJob as error:
        option = OPTIONS.get(error.field) or f"--set {error.field.removeprefix('overrides.')}"
        raise UserError(f"{option} {error.found}", remedy=error.remedy) from error
    finally:
        place.documents.close()
    context.exit(0 if passed else 1)


def _fields(
    source: CandleSource, given: Mapping[str, Any], changes: tuple[str, ...]
) -> dict[str, Any]:
    """The fields of a job: what was given, and the period that the candles allow where none was."""
    fields = {name: value for name, value in given.items() if value is not None}
    days = fields.pop("days", None)
    if days is not None and "start" in fields:
        raise UserError("--days and --from were both given", remedy="give one of them")
    if changes:
        fields["overrides"] = dict(parse_change(text) for text in changes)
    if "start" in fields and "end" in fields:
        return fields
    extent = source.extent()
    if extent is None:
        raise UserError(
            f"{source.name} holds no 15m candles",
            remedy=f"{source.remedy}, or give a file with --candles",
        )
    end = fields.setdefault("end", utc_text(extent[1]))
    if "start" not in fields:
        # With a whole year, or else a third of what there is as history for the indicators.
        end_at = parse_job({"start": "2017-02-14", "end": end}).end_at
        wanted = max(end_at - YEAR_MS, extent[0] + (end_at - extent[0]) // 3) // DAY_MS * DAY_MS
        fields["start"] = utc_text(wanted if days is None else end_at - days * DAY_MS)
    return fields


def parse_change(text: str) -> tuple[str, Any]:
    """`risk.max_drawdown=0.1` as a name and a value: what JSON writes exactly so, else the text,
    which the setting reads.
    """
    import msgspec

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UserError(f"--set was {text!r}", remedy="write it like risk.max_drawdown=0.1")
    try:
        told = msgspec.json.decode(value)
        exact = (
            isinstance(told, bool | int | float)
            and msgspec.json.encode(told).decode() == value.strip()
        )
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        exact = False
    return name.strip(), told if exact else value


def _run(
    place: BacktestPorts, fields: dict[str, Any], asked: BacktestOptions, began: float
) -> bool:
    """Everything from the job to the answer; whether all that was asked for is well."""
    job = parse_job(fields)
    require_folder(
        *((asked.out, "--out") if asked.out is not None else (place.load().home_path, "BOT_HOME"))
    )
    if asked.check:
        # the check compares every feature; the cache keeps only those that are looked at later
        place = replace(place, stages=pipeline.stages)
    settings = job_settings(job, place.load)
    with progress("backtest", 100) as bar:
        prepared, walk = _prepare_inputs(place, job, settings, asked, bar)
        outcome = _replay_in_time(place, job, prepared, settings, bar)
        bar.describe("report")
        trials = TrialLog(place.documents)
        if walk is not None:
            outcome = conclude_walk(
                outcome, prepared, walk, history=trials.all(), recorded_at=place.clock.now_ms()
            )
        files = result_files(outcome, prepared.inputs, parquet=asked.parquet)
        trials.append(backtest_trial(outcome, prepared, now_ms=place.clock.now_ms()))
        checked = _check_truncation(job, prepared, bar) if asked.check else None
    folder = asked.out or settings.home_path / f"backtest-{prepared.fingerprint[:12]}"
    write_results(folder, files, option="--out")
    data = {
        **summary_of(outcome),
        "files": {name: str(folder / name) for name in files},
        "took_seconds": round(time.monotonic() - began, 3),
        **(
            {}
            if checked is None
            else {"check": {"passed": checked.has_passed, "lines": checked.lines()}}
        ),
    }
    told = backtest_lines(
        outcome, report=str(folder / "report.html"), took_seconds=time.monotonic() - began
    )
    told += position_lines(outcome.replayed) if asked.verbose else []
    told += [] if checked is None else [f"check        {line}" for line in checked.lines()]
    emit(data, "\n".join(told), as_json=asked.as_json)
    return checked is None or checked.has_passed


def _prepare_inputs(
    place: BacktestPorts, job: Job, settings: Settings, asked: BacktestOptions, bar: Progress
) -> tuple[PreparedReplay, Walk | None]:
    """The replay's inputs, and the walk that made their models where there is one."""
    if job.walk_forward:
        walk = require_walks(place.walks)(
            end_at=job.end_at,
            bucket=place.bucket,
            tell=lambda doing, _share, _new: bar.describe(doing),
        )
        return prepare_walk(job, walk, settings=settings, source=place.source), walk
    bundle, notes = _model(place, job, settings, asked, bar)
    bar.describe("features and votes")
    return (
        prepare(
            job,
            settings=settings,
            source=place.source,
            bundle=bundle,
            notes=notes,
            stages=place.stages,
        ),
        None,
    )


def _model(
    place: BacktestPorts, job: Job, settings: Settings, asked: BacktestOptions, bar: Progress
) -> tuple["Bundle | None", tuple[str, ...]]:
    if asked.train_days is None:
        return bundle_of(job, BundleRegistry(place.bucket), place.public_keys, settings)
    return _train_before_period(place, job, settings, asked.train_days, bar)


def _train_before_period(
    place: BacktestPorts, job: Job, settings: Settings, days: int, bar: Progress
) -> tuple["Bundle", tuple[str, ...]]:
    """A model that could have been trained before the period, from the same candles; stored, but it
    does not serve.
    """
    from models.fit.commit import code_commit
    from models.fit.train import history_days, train
    from models.jobs.keys import signing_key
    from shared import model
    from shared.model.signing import public_of

    learning = replace(settings.learning, days=days)
    embargo = settings.replay.embargo_candles
    embargo = learning.horizon_candles if embargo is None else embargo
    as_of = job.start_at - embargo * Timeframe.M15.ms
    first = as_of - round(history_days(learning) * DAY_MS)
    known = {
        frame: place.source.read(frame, first, as_of).closed_by(as_of) for frame in LEARNING_FRAMES
    }
    key = signing_key(settings, os.environ)
    made = train(
        known,
        replace(settings, learning=learning),
        as_of=as_of,
        seed=learning.seed,
        commit=code_commit(os.environ),
        signing_key=key,
        on_progress=lambda text, _share: bar.describe(f"training, {text}"),
        purpose="backtest",
    )
    BundleRegistry(place.bucket).publish(made.version, made.files)
    bundle = model.load_bundle(made.files, public_keys=(public_of(key),), version=made.version)
    known_days = (as_of - int(known[Timeframe.M15].opened_at[0])) / DAY_MS
    told = (
        f"{days} days"
        if known_days >= days
        else f"the {known_days:.0f} days ({days} were asked for) of candles"
    )
    note = (
        f"The model {made.version} was trained for this backtest on {told} that end {embargo}"
        " candles before the period; it is stored and serves nobody (again without training:"
        f" --model {made.version})."
    )
    return bundle, (note,)


def _replay_in_time(
    place: BacktestPorts, job: Job, prepared: PreparedReplay, settings: Settings, bar: Progress
) -> Outcome:
    """Replay within the time limit, and measure."""
    bar.describe("replay")
    limit, began, shown = job.time_limit_seconds, time.monotonic(), 0
    replay = Replay(prepared.inputs)
    for at in steps(replay, end_at=job.end_at, step_seconds=settings.backtest.step_seconds):
        share = 100 * (at - job.start_at) // (job.end_at - job.start_at)
        bar.advance(share - shown)
        shown = share
        if limit is not None and time.monotonic() - began > limit:
            break
    replayed = replay.result()
    if not replay.is_finished:
        note = stopped_note(replay.at, job, f"the time limit of {limit:g} s ended the work")
        replayed = replace(replayed, notes=(note, *replayed.notes))
    return measure_outcome(
        replayed, prepared, TrialLog(place.documents).all(), complete=replay.is_finished
    )


def _check_truncation(job: Job, prepared: PreparedReplay, bar: Progress) -> Any:
    """The truncation check on the very inputs of this run."""
    from shared.replay.check import check_look_ahead

    return check_look_ahead(
        prepared.inputs,
        prepared.bundle,
        inside_training=job.inside_training,
        on_progress=lambda share: bar.describe(f"look-ahead check, {100 * share:.0f} %"),
    )
