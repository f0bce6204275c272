"""Retrain on the schedule that live would have had, replay what the models said out of sample, and
ask the gate.
"""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from functions import wiring
from scripts.output.console import Progress, emit, json_option, progress, timezone_option
from scripts.research.studies import ShareBar
from scripts.research.writable import require_folder, write_results
from shared.core.calendar import DAY_MS
from shared.core.errors import UserError
from shared.core.types import Timeframe
from shared.risk import policy_of

if TYPE_CHECKING:
    from models.backtest.ports import BacktestPorts
    from models.study.declared import DataSet
    from scripts.output.walks import WalkRun
    from shared.core.settings import Settings

OPTIONS = {
    "candles": "--candles",
    "candles_4h": "--candles",
    "start": "--from",
    "end": "--to",
    "timeframe": "--timeframe",
}


@click.command()
@click.option(
    "--candles",
    "paths",
    multiple=True,
    metavar="FILE",
    help=(
        "A candle file (15m or 1m; 4h ones beside it for a longer history), or archive. Repeatable."
        "  [default: archive]"
    ),
)
@timezone_option
@click.option(
    "--from",
    "start",
    metavar="TIME",
    help="The first decision.  [default: when there is enough to learn from]",
)
@click.option(
    "--to", "end", metavar="TIME", help="No decision after it.  [default: the last candle]"
)
@click.option(
    "--days",
    type=click.IntRange(1, 36_600),
    help="So many days that end at --to, in place of --from.",
)
@click.option(
    "--every",
    type=click.IntRange(1, 366),
    help="Days between retrainings.  [default: retrain.every_days]",
)
@click.option(
    "--timeframe",
    type=click.Choice(["15m", "1m"]),
    default="15m",
    show_default=True,
    help="The resolution of the replay.",
)
@click.option(
    "--profile", metavar="NAME", help="A named overlay of settings, like trend or phase22."
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting, like learning.row_step=4. Repeatable.",
)
@click.option(
    "--jobs", type=click.IntRange(0, 256), help="Processes; 0: one a core.  [default: retrain.jobs]"
)
@click.option(
    "--no-cache", is_flag=True, help="Fit every fold, also those that the bucket holds already."
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="The report's folder.  [default: the data folder's walk-ID]",
)
@click.option("--verbose", is_flag=True, help="Also print every position.")
@json_option
def command(
    *,
    paths: tuple[str, ...],
    timezone: str | None,
    start: str | None,
    end: str | None,
    days: int | None,
    every: int | None,
    timeframe: str,
    profile: str | None,
    changes: tuple[str, ...],
    jobs: int | None,
    no_cache: bool,
    report: Path | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Walk forward: retrain as live would have done it, and trade only what no model had seen.

    Every run counts in the trial log. Folds are kept in the bucket, so that a week later one more
    is fitted and no other. Times are like 2026-02-01 or 2026-02-01T09:00:00+09:00, on a full
    quarter of an hour; without an offset they are UTC.
    """
    from models.backtest.job import BadJob
    from models.backtest.outcome import result_files
    from models.study.declared import BadStudy
    from scripts.output.backtests import position_lines
    from scripts.output.walks import walk_lines, walk_summary
    from shared.stores.trials import TrialLog

    began = time.monotonic()
    place = wiring.backtest_place(wiring.settings_from(os.environ), os.environ)
    try:
        settings = _settings(place, profile, changes, every=every, jobs=jobs)
        require_folder(
            *((report, "--report") if report is not None else (settings.home_path, "BOT_HOME"))
        )
        asked = _last_days(place, _build_data_set(paths, start, end, timezone), days)
        with progress("walk-forward", 100) as bar:
            run = walk(place, settings, asked, Timeframe(timeframe), bar, cached=not no_cache)
            proof = run.proven.proof
            TrialLog(place.documents).append(proof.trial)  # before anybody can read of it
            bar.describe("report")
            folder = report or settings.home_path / f"walk-{proof.trial.id[:12]}"
            files = result_files(run.outcome, proof.inputs, parquet=False)
            write_results(folder, files, option="--report")
    except BadStudy as error:
        told = str(error).removeprefix(error.field).strip()
        raise UserError(
            f"{OPTIONS.get(error.field, error.field)} {told}", remedy=error.remedy
        ) from error
    except BadJob as error:
        raise UserError(
            f"{OPTIONS.get(error.field, error.field)} {error.found}", remedy=error.remedy
        ) from error
    finally:
        place.documents.close()
    took = time.monotonic() - began
    said = [*walk_lines(run, folder, took), *(position_lines(proof.replayed) if verbose else [])]
    emit(walk_summary(run, folder, files, took), "\n".join(said), as_json=as_json)


def _settings(
    place: "BacktestPorts",
    profile: str | None,
    changes: tuple[str, ...],
    *,
    every: int | None,
    jobs: int | None,
) -> "Settings":
    from scripts.commands.backtest import parse_change

    overrides: dict[str, Any] = {}
    told = dict(parse_change(text) for text in changes)
    told |= {
        name: value
        for name, value in {"retrain.every_days": every, "retrain.jobs": jobs}.items()
        if value is not None
    }
    for name, value in told.items():
        *groups, last = name.split(".")
        level = overrides
        for group in groups:
            level = level.setdefault(group, {})
        level[last] = value
    return place.load(profile=profile, overrides=overrides)


def _build_data_set(
    paths: tuple[str, ...], start: str | None, end: str | None, timezone: str | None
) -> "DataSet":
    """The data set: one file or the archive, and at most one file of 4h candles beside it."""
    from models.backtest.job import parse_instant
    from models.study.declared import ARCHIVE, DataSet
    from shared.market.files import read_file

    beside = [path for path in paths if path != ARCHIVE and len(paths) > 1]
    slow = [path for path in beside if read_file(path, timezone=timezone).timeframe is Timeframe.H4]
    fast = [path for path in paths if path not in slow] or ([ARCHIVE] if not paths else [])
    if len(fast) != 1 or len(slow) > 1:
        raise UserError(
            f"--candles was given {len(fast)} times for decisions and {len(slow)} times for 4h"
            " history",
            remedy="give one file of 15m or 1m candles (or archive), and at most one of 4h candles",
        )
    return DataSet(
        name=Path(fast[0]).name,
        candles=fast[0],
        candles_4h=slow[0] if slow else None,
        timezone=timezone,
        start_at=None if start is None else parse_instant("start", start),
        end_at=None if end is None else parse_instant("end", end),
    )


def _last_days(place: "BacktestPorts", asked: "DataSet", days: int | None) -> "DataSet":
    """The data set with the period that `--days` asks for."""
    if days is None:
        return asked
    if asked.start_at is not None:
        raise UserError("--days and --from were both given", remedy="give one of them")
    end_at = asked.end_at if asked.end_at is not None else _ends_at(place, asked)
    return replace(asked, start_at=end_at - days * DAY_MS)


def _ends_at(place: "BacktestPorts", asked: "DataSet") -> int:
    """When the last 15m candle of the data set closed."""
    from models.backtest.sources import FileSource
    from models.study.declared import ARCHIVE

    source = (
        place.source
        if asked.candles == ARCHIVE
        else FileSource.load_file(Path(asked.candles), timezone=asked.timezone)
    )
    extent = source.extent()
    if extent is None:
        raise UserError(
            f"{source.name} holds no 15m candles",
            remedy=f"{source.remedy}, or give a file with --candles",
        )
    return extent[1]


def walk(
    place: "BacktestPorts",
    settings: "Settings",
    asked: "DataSet",
    timeframe: Timeframe,
    bar: Progress,
    *,
    cached: bool,
) -> "WalkRun":
    """Load, learn, replay and judge; `place` is not written to but for fits."""
    from models.proof.learn import measure_seconds
    from models.study.candles import load_data_set
    from models.study.walk import WalkPlace, outcome_of, prove_walk
    from scripts.output.walks import WalkRun
    from shared.model.registry import BundleRegistry
    from shared.stores.trials import TrialLog

    seconds: dict[str, float] = {}
    tell = ShareBar(bar)
    tell("candles", 0.0)
    learns = policy_of(settings).is_model_based
    with measure_seconds(seconds, "reading"):
        loaded = load_data_set(
            asked,
            archive=place.source,
            timeframe=timeframe,
            learning_days=settings.learning.days if learns else 0,
        )
    proven = prove_walk(
        loaded,
        settings,
        WalkPlace(
            history=TrialLog(place.documents).all(),
            remembered=BundleRegistry(place.bucket).most_logged(),
            recorded_at=place.clock.now_ms(),
            cache=place.bucket if cached else None,
        ),
        notes=loaded.notes,
        tell=tell,
    )
    return WalkRun(
        proven=proven,
        outcome=outcome_of(proven, settings),
        seconds={**seconds, **proven.seconds},
    )
