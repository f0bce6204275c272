"""Run a local bitbank: its REST protocol on loopback, any candles, any faults."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import click

from scripts.output.console import json_option, timezone_option
from shared.core.calendar import DAY_MS, MINUTE_MS, jst_text
from shared.core.clock import SystemClock
from shared.core.errors import UserError
from shared.core.money import LOTS_PER_BTC
from shared.core.sentences.figures import utc_second
from shared.exchanges.sandbox.faults import Fault, Faults, fault_from, read_faults
from shared.exchanges.sandbox.generate import Planted, generate
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.private.settings import (
    FAKE_KEY,
    FAKE_SECRET,
    PrivateSettings,
    readings_from,
)
from shared.exchanges.sandbox.server import PAIR, RunningServer, Sandbox, serve
from shared.exchanges.sandbox.time_source import MachineTime, Policy, SteppedTime, TimeSource

SHARE_BEFORE_THE_START = 0.75


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8700,
    show_default=True,
    help="0 takes any free port.",
)
@click.option(
    "--candles",
    type=click.Path(path_type=Path),
    help="Serve the candles of a file (1m, 15m or 4h).",
)
@timezone_option
@click.option(
    "--edge",
    "edge_bp",
    type=float,
    default=0.0,
    show_default=True,
    metavar="BP",
    help="Plant a drift per 15 minutes.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=7,
    show_default=True,
    help="Which generated market or expansion.",
)
@click.option(
    "--days",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    help="Generated history before the start.",
)
@click.option(
    "--ahead",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Generated days after the start.",
)
@click.option(
    "--from",
    "start",
    metavar="ISO",
    help="Where its clock starts (UTC).  [default: now; 3/4 of a file]",
)
@click.option(
    "--clock",
    "clock_name",
    type=click.Choice(["real", "stepped"]),
    default="real",
    show_default=True,
    help="This machine's time, or one that a driver steps.",
)
@click.option(
    "--policy",
    type=click.Choice(["auto", "driver"]),
    default="auto",
    show_default=True,
    help="Who moves a stepped clock.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 10_000),
    default=1.0,
    show_default=True,
    help="How fast a real clock runs.",
)
@click.option(
    "--spread",
    type=click.FloatRange(0, 0.2),
    default=0.0001,
    show_default=True,
    help="Of the price.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME",
    help="A fault, or its JSON object; may be repeated.",
)
@click.option(
    "--faults",
    "script",
    type=click.Path(path_type=Path),
    help="A file with a JSON list of faults.",
)
@click.option("--key", default=FAKE_KEY, show_default=True, help="The account's key: made up.")
@click.option("--secret", default=FAKE_SECRET, show_default=True, help="Its secret: made up.")
@click.option(
    "--yen",
    type=click.IntRange(min=0),
    default=1_000_000,
    show_default=True,
    help="The account's yen at the start.",
)
@click.option(
    "--btc",
    type=click.FloatRange(0, 1_000),
    default=0.0,
    show_default=True,
    help="Its coins at the start.",
)
@click.option(
    "--reading",
    "readings",
    multiple=True,
    metavar="NAME=CHOICE",
    help="How to read what bitbank does not document; may be repeated.",
)
@click.option(
    "--limits/--no-limits",
    "is_limited",
    default=True,
    show_default=True,
    help="10 QUERY and 6 UPDATE requests a second.",
)
@json_option
def command(
    *,
    port: int,
    candles: Path | None,
    timezone: str | None,
    edge_bp: float,
    seed: int,
    days: float,
    ahead: float,
    start: str | None,
    clock_name: Literal["real", "stepped"],
    policy: Policy,
    speed: float,
    spread: float,
    faults: tuple[str, ...],
    script: Path | None,
    key: str,
    secret: str,
    yen: int,
    btc: float,
    readings: tuple[str, ...],
    is_limited: bool,
    as_json: bool,
) -> None:
    """Run a local bitbank: its REST protocol on loopback, with any candles and any faults.

    Without --candles it makes a market from --seed, with a planted pattern where --edge is not 0.
    One account trades on it, spot and margin, with the key and the secret that are given.
    Faults can also be switched while it runs: POST /_sandbox/faults; GET tells which there are.
    Ctrl-C ends it. With --json, one line is printed when it is ready: {"url": ..., "now_ms": ...}.
    """
    scripted = () if script is None else read_faults(script)
    wanted = Faults(*(_fault(text) for text in faults), *scripted, seed=seed)
    private = PrivateSettings(
        keys={key: secret},
        yen=Decimal(yen),
        btc_lots=round(btc * LOTS_PER_BTC),
        readings=readings_from(dict(_reading(text) for text in readings)),
        is_limited=is_limited,
    )
    starts_at = None if start is None else _instant(start)
    of_this_machine = start is None and candles is None
    if candles is None:
        starts_at = SystemClock().now_ms() if starts_at is None else starts_at
        market = _generate_market(starts_at, days=days, ahead=ahead, seed=seed, edge_bp=edge_bp)
    else:
        market = SandboxMarket.from_file(candles, seed=seed, timezone=timezone)
        starts_at = _part_of(market) if starts_at is None else starts_at
    if not market.starts_at <= starts_at < market.ends_at:
        raise UserError(
            f"its clock was to start at {utc_second(starts_at)}, outside its candles",
            remedy=f"start between {utc_second(market.starts_at)} and"
            f" {utc_second(market.ends_at)} with --from",
        )
    # Making a market takes seconds: a clock that shows this machine's time must not be behind it by
    # as much.
    starts_at = SystemClock().now_ms() if of_this_machine and clock_name == "real" else starts_at
    clock = _clock(clock_name, starts_at, policy=policy, speed=speed)
    sandbox = Sandbox(market, clock, faults=wanted, spread_rate=spread, private=private)
    with _until_told_to_end() as ended, serve(sandbox, port=port) as running:
        if as_json:
            click.echo(
                json.dumps({"url": running.url, "now_ms": clock.now_ms(), **_facts(sandbox)})
            )
        else:
            moved = (
                clock_name == "stepped" or start is not None or candles is not None or speed != 1.0
            )
            click.echo(_welcome(sandbox, running, moved=moved))
        ended.wait()
    if not as_json:
        click.echo(f"\nThe sandbox ended after {sum(sandbox.requests().values())} requests.")


def _generate_market(
    starts_at: int, *, days: float, ahead: float, seed: int, edge_bp: float
) -> SandboxMarket:
    minutes = generate(
        start_ms=starts_at - round(days * DAY_MS), days=days + ahead, seed=seed, edge_bp=edge_bp
    )
    return SandboxMarket.from_minutes(
        minutes, source=f"{Planted(edge_bp=edge_bp).sentence} Seed {seed}."
    )


def _part_of(market: SandboxMarket) -> int:
    at = market.starts_at + int((market.ends_at - market.starts_at) * SHARE_BEFORE_THE_START)
    return at - at % MINUTE_MS


def _clock(name: str, starts_at: int, *, policy: Policy, speed: float) -> TimeSource:
    if name == "stepped":
        return SteppedTime(starts_at, policy=policy)
    return MachineTime(offset_ms=starts_at - SystemClock().now_ms(), speed=speed)


def _reading(text: str) -> tuple[str, str]:
    name, _, choice = text.partition("=")
    return name, choice


def _fault(text: str) -> Fault:
    if not text.lstrip().startswith("{"):
        return fault_from({"name": text})
    try:
        told = json.loads(text)
    except ValueError as error:
        raise UserError(
            f"the fault {text!r} is no JSON object",
            remedy='write it like {"name": "slow", "seconds": 2}',
        ) from error
    return fault_from(told)


def _instant(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(
            f"--from was {text!r}", remedy="write it like 2026-01-31 or 2026-01-31T09:00:00+09:00"
        ) from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _facts(sandbox: Sandbox) -> dict[str, Any]:
    market = sandbox.market
    ((key, secret),) = sandbox.private.settings.keys.items()
    return {
        "market": market.source,
        "starts_at": market.starts_at,
        "ends_at": market.ends_at,
        "clock": sandbox.clock.name,
        "faults": [fault["name"] for fault in sandbox.faults.describe_faults()["active"]],
        "key": key,
        "secret": secret,
    }


def _welcome(sandbox: Sandbox, running: RunningServer, *, moved: bool) -> str:
    now_ms, market = sandbox.clock.now_ms(), sandbox.market
    facts = _facts(sandbox)
    names = ", ".join(facts["faults"]) or "none (GET /_sandbox/faults lists them)"
    day = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%d")
    span = f"Candles from {utc_second(market.starts_at)} to {utc_second(market.ends_at)}"
    lines = [
        market.source,
        f"{span}; its {sandbox.clock.name} clock shows {utc_second(now_ms)} ({jst_text(now_ms)}).",
        f"Faults: {names}.",
        f"The account's key is {facts['key']}, its secret {facts['secret']}: no real ones.",
        "",
        f"  curl {running.url}/{PAIR}/ticker",
        f"  curl {running.url}/{PAIR}/candlestick/15min/{day}",
        "",
        "Point the bot at it:",
        f"  export BOT_EXCHANGE__PUBLIC_URL={running.url}",
        f"  export BOT_EXCHANGE__PRIVATE_URL={running.url}/v1",
        *([f"  export BOT_CLOCK={running.url}"] if moved else []),
        "",
        "Ctrl-C ends it.",
    ]
    return "\n".join(lines)


@contextmanager
def _until_told_to_end() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; it is there before anybody is told that the sandbox is
    ready.
    """
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
