"""Watch the whole bot trade on a bitbank of its own: no account, no keys, no network."""

import os
import shutil
import signal
import tempfile
import time
from datetime import datetime
from pathlib import Path
from types import FrameType

import click

from scripts.local.demo import plan as planning
from scripts.local.demo import summary
from scripts.local.demo.run import environment_of, run
from scripts.output.console import emit, json_option, timezone_option
from scripts.output.report.header import market_line
from shared.core.calendar import JST
from shared.core.errors import UserError
from shared.core.files import write_file
from shared.core.types import Timeframe

EDGE_BP = 10.0
GENERATED_SEED, EXPANSION_SEED = 12, 7
HISTORY_DAYS = 200.0


@click.command()
@click.option(
    "--days",
    type=click.FloatRange(0.01, 60),
    default=4.0,
    show_default=True,
    help="Simulated days to trade.",
)
@click.option(
    "--edge",
    "edge_bp",
    type=click.FloatRange(-100, 100),
    metavar="BP",
    help=f"The planted drift; 0: none.  [default: {EDGE_BP:g}]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Which generated market, or which expansion of a file.  [default: 12; 7]",
)
@click.option(
    "--candles",
    type=click.Path(path_type=Path),
    help="Real candles (a file of 15m or 1m) in place of generated ones.",
)
@timezone_option
@click.option(
    "--from",
    "start",
    metavar="ISO",
    help="Where to start (JST without an offset).  [default: a Monday; the wildest days of a file]",
)
@click.option(
    "--history",
    "history_days",
    type=click.FloatRange(30, 3_000),
    default=HISTORY_DAYS,
    show_default=True,
    help="Generated days to learn from.",
)
@click.option("--profile", metavar="NAME", help="A named overlay of settings, like loose.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Where to write the report.  [default: the data folder's reports]",
)
@click.option("--keep", is_flag=True, help="Keep the demo's folder: state, candles, bundle, logs.")
@json_option
def command(
    *,
    days: float,
    edge_bp: float | None,
    seed: int | None,
    candles: Path | None,
    timezone: str | None,
    start: str | None,
    history_days: float,
    profile: str | None,
    out: Path | None,
    keep: bool,
    as_json: bool,
) -> None:
    """Watch the whole bot trade on a bitbank of its own: no account, no keys.

    It starts a local exchange with a generated market, collects its history, trains, starts the
    real tick function, sends it every schedule time of some simulated days, and writes a one-page
    report. The generated market has a planted pattern;
    --edge 0 has none, and shows why nothing is entered.
    """
    began = time.monotonic()
    if candles is not None and edge_bp is not None:
        raise UserError(
            "--candles and --edge were both given",
            remedy="a pattern can be planted only in generated candles",
        )
    home = Path(tempfile.mkdtemp(prefix="crypto-bot-demo-"))
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        environ = environment_of(os.environ, home, profile)
        if seed is None:
            seed = GENERATED_SEED if candles is None else EXPANSION_SEED
        plan = _plan(
            environ,
            days,
            EDGE_BP if edge_bp is None else edge_bp,
            seed,
            candles,
            start,
            history_days,
            timezone,
        )
        target = _target(out, plan)
        click.echo(market_line(plan.market, start_at=plan.start_at, end_at=plan.end_at), err=True)
        ran = run(plan, environ, home)
        if ran.reports:
            write_file(target, ran.page())
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)
    done = summary.FinishedDemo(
        ran=ran, target=target, seconds=time.monotonic() - began, home=home if keep else None
    )
    emit(summary.summary_values(done), "\n".join(summary.summary_lines(done)), as_json=as_json)
    if ran.failure is not None:
        raise ran.failure
    if ran.interrupted:
        raise SystemExit(130)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _plan(
    environ: dict[str, str],
    days: float,
    edge_bp: float,
    seed: int,
    candles: Path | None,
    start: str | None,
    history_days: float,
    timezone: str | None,
) -> planning.DemoPlan:
    from functions import wiring

    settings = wiring.settings_from(environ)
    start_at = None if start is None else _instant(start, settings.tick.interval_seconds)
    if candles is None:
        return planning.plan_generated_market(
            days=days, edge_bp=edge_bp, seed=seed, history_days=history_days, start_at=start_at
        )
    from models.backtest.sources import decided_on, understood_note
    from shared.market.candles import aggregate
    from shared.market.files import read

    found = read(candles, timezone=timezone)
    given = decided_on(found, candles)
    click.echo(understood_note(found, candles), err=True)
    quarters = given if given.timeframe is Timeframe.M15 else aggregate(given, Timeframe.M15)
    return planning.plan_candle_file(
        quarters,
        candles,
        days=days,
        settings=settings,
        seed=seed,
        start_at=start_at,
        timezone=timezone,
    )


def _instant(text: str, interval_seconds: int) -> int:
    """An instant on the grid of schedule times."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(
            f"--from was {text!r}", remedy="write it like 2018-01-16 or 2018-01-16T09:00:00+09:00"
        ) from error
    at_ms = int((at if at.tzinfo else at.replace(tzinfo=JST)).timestamp() * 1000)
    return at_ms - at_ms % (interval_seconds * 1000)


def _target(out: Path | None, plan: planning.DemoPlan) -> Path:
    """Where the report goes; checked before the work, not after it."""
    if out is None:
        name = "generated" if plan.file is None else plan.file.name.split(".")[0]
        day = datetime.fromtimestamp(plan.start_at / 1000, JST).strftime("%Y%m%d")
        out = (
            Path(os.environ.get("BOT_HOME") or "~/.crypto-bot").expanduser()
            / "reports"
            / f"demo-{name}-{day}.html"
        )
    out = out.absolute()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise UserError(
            f"the report cannot be written to {out} ({error.strerror})",
            remedy="choose another file with --out",
        ) from error
    return out
