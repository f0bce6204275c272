"""What the report must say before any number: what the market was, and what the model was trained
on. In words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from shared.core.calendar import jst_day
from shared.core.sentences import say
from shared.core.sentences.figures import number
from shared.core.variants import AccountKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSource:
    """Where the prices came from.

    `edge_bp` is the drift in basis points a 15m candle that the generator planted in trending
    regimes. `file` and `address` name the source of real candles.
    """

    kind: Literal["generated", "file", "exchange"]
    edge_bp: float = 0.0
    seed: int = 0
    file: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingNote:
    """The candles that the model saw: [`start_at`, `end_at`) in ms UTC; `missing` says why there is
    no model.
    """

    start_at: int = 0
    end_at: int = 0
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHeader:
    """Everything the report says that the ticks do not know.

    Instants are ms UTC, the period is [`start_at`, `end_at`).

    `overruled` is the bundle that the settings let enter without proof.
    """

    market: MarketSource
    training: TrainingNote
    start_at: int
    end_at: int
    start_equity_jpy: Decimal
    account: AccountKind
    profile: str | None = None
    settings_hash: str = ""
    model: str | None = None
    smallest_capital_jpy: Mapping[str, int] = field(default_factory=dict)
    stopped_early: str = ""
    overruled: str = ""


def period_text(start_at: int, end_at: int) -> str:
    """A period [start, end) as its first and last day in JST."""
    return say("demo.period", first=jst_day(start_at), last=jst_day(max(start_at, end_at - 1)))


def market_line(market: MarketSource, *, start_at: int, end_at: int) -> str:
    """The market in one sentence."""
    when = period_text(start_at, end_at)
    if market.kind == "file":
        return say("demo.market.file", file=market.file, period=when)
    if market.kind == "exchange":
        return say("demo.market.exchange", address=market.address, period=when)
    if market.edge_bp:
        return say("demo.market.planted", seed=market.seed, drift=number(market.edge_bp))
    return say("demo.market.plain", seed=market.seed)


def training_line(training: TrainingNote, *, start_at: int, end_at: int) -> str:
    """The model's past in one sentence, and whether it lies before or after what is shown."""
    if training.missing:
        return say("demo.training.missing", why=training.missing)
    when = period_text(training.start_at, training.end_at)
    if training.end_at <= start_at:
        return say("demo.training.before", period=when)
    if training.start_at >= end_at:
        return say("demo.training.later", period=when)
    return say("demo.training.overlapping", period=when)


def first_line(header: ReportHeader) -> str:
    """The first line of screen and report."""
    about = {"start_at": header.start_at, "end_at": header.end_at}
    told = f"{market_line(header.market, **about)} {training_line(header.training, **about)}"
    if not header.overruled or header.overruled != header.model:
        return told
    return say("demo.overruled", line=told, model=header.overruled)
