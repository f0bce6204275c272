"""What the report must say before any number: what the market was, and what the model was trained
on. In words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from shared.core.calendar import jst_day
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


def period(start_at: int, end_at: int) -> str:
    """A period [start, end) as its first and last day in JST."""
    return f"{jst_day(start_at)} to {jst_day(max(start_at, end_at - 1))}"


def market_line(market: MarketSource, *, start_at: int, end_at: int) -> str:
    """The market in one sentence."""
    when = period(start_at, end_at)
    if market.kind == "file":
        return f"Real candles from {market.file}, {when} (JST)."
    if market.kind == "exchange":
        return (
            f"Live public prices from {market.address}, {when} (JST); orders and fills are"
            " simulated."
        )
    if market.edge_bp:
        return (
            f"This market is generated (seed {market.seed}) with a planted, learnable pattern: "
            f"{number(market.edge_bp)} bp of drift per 15m candle in trending regimes. "
            "Profit here shows that the machine works, not that real markets can be beaten."
        )
    return (
        f"This market is generated (seed {market.seed}) without any planted pattern: there is"
        " nothing to learn in it."
    )


def training_line(training: TrainingNote, *, start_at: int, end_at: int) -> str:
    """The model's past in one sentence, and whether it lies before or after what is shown."""
    if training.missing:
        return f"No model: {training.missing}."
    when = period(training.start_at, training.end_at)
    if training.end_at <= start_at:
        return (
            f"The model was trained on the period before it, {when}; it was not asked by the gate,"
            " so nothing is proven."
        )
    if training.start_at >= end_at:
        return (
            f"The model was trained on a LATER period, {when}, because too little lies before: "
            "no candle is shared, but this is not a forecast."
        )
    return (
        f"The model was trained on {when}, which overlaps the period shown: its numbers mean"
        " nothing."
    )


def first_line(header: ReportHeader) -> str:
    """The first line of screen and report."""
    about = {"start_at": header.start_at, "end_at": header.end_at}
    told = f"{market_line(header.market, **about)} {training_line(header.training, **about)}"
    if not header.overruled or header.overruled != header.model:
        return told
    return (
        f"{told} A PERSON LETS THE MODEL {header.overruled} ENTER, whatever its gate said"
        " (risk.overrule_model)."
    )
