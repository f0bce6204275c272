"""How the fills were made, in plain words, and the settings behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from shared.core.sentences.figures import number, percent
from shared.core.settings import Settings
from shared.core.types import Timeframe
from shared.replay.types import Replayed

OF_RECORD = "of record"
APPROXIMATION = "conservative approximation"
_SHOWN = ("risk", "consensus", "execution", "paper", "replay", "tick", "market")


def resolution_words(resolution: Timeframe) -> str:
    """What the resolution is worth."""
    return OF_RECORD if resolution is Timeframe.M1 else APPROXIMATION


def fill_rules(replayed: Replayed, settings: Settings | None) -> list[str]:
    """The assumptions, one sentence each."""
    return [
        *_path(replayed),
        *_entries(replayed, settings),
        *_exits(settings),
        *_charges(replayed, settings),
    ]


def _path(replayed: Replayed) -> list[str]:
    decided = (
        "A decision uses closed candles only; its order goes out at a tick after the close, never"
        " inside that candle."
    )
    if replayed.resolution is Timeframe.M1:
        return [
            (
                "Orders trade on one-minute candles, each read as four prices: open, the extreme"
                " nearer to it, the other, close."
            ),
            decided,
        ]
    return [
        (
            "Orders trade on 15-minute candles alone: an approximation on the pessimistic side, not"
            " equal to the bot."
        ),
        decided,
    ]


def _entries(replayed: Replayed, settings: Settings | None) -> list[str]:
    tries = (
        "" if settings is None else f", up to {settings.execution.entry_attempts} attempts a candle"
    )
    if replayed.resolution is not Timeframe.M1:
        return [
            f"An entry fills only where its candle trades strictly through the limit{tries}.",
            (
                "It then pays what crossing costs at that candle's open: taker fee, half the"
                " spread, slippage."
            ),
            "Its target is not live before that candle ends.",
        ]
    share = "a share" if settings is None else percent(settings.paper.volume_share, places=0)
    return [
        (
            "An entry is a post-only limit at the touch, filled as maker at its own price, never"
            " better."
        ),
        "It fills only where the price trades strictly through it; a mere touch fills nothing.",
        (
            f"It may take {share} of a one-minute candle's volume, so that it can fill in parts,"
            f" and lives inside its tick{tries}."
        ),
    ]


def _exits(settings: Settings | None) -> list[str]:
    held = (
        ""
        if settings is None
        else f" A position is closed after {settings.risk.max_hold_candles} candles at the latest."
    )
    return [
        (
            "A stop is live from its position's first moment, fires at the first price at or beyond"
            " it and fills whole, as taker."
        ),
        "Where a candle opens beyond the stop (a gap), it fills at that open.",
        (
            "A target is a resting limit: it needs a price strictly through it; opened through, it"
            " fills at its limit, not better."
        ),
        f"Where stop and target lie in one candle, the stop counts.{held}",
    ]


def _charges(replayed: Replayed, settings: Settings | None) -> list[str]:
    rules = replayed.rules
    interest = (
        f"Interest on margin: {_rate(rules.long_interest_rate_day)} a day long,"
        f" {_rate(rules.short_interest_rate_day)} short; each started 24 hours counts as a day."
    )
    worse = "half the spread and the slippage"
    if settings is not None:
        worse = (
            f"half of a {_rate(settings.paper.spread_rate)} spread and"
            f" {_rate(settings.paper.slippage_rate)} slippage"
        )
    return [
        f"Fees: {_rate(rules.maker_fee_rate)} as maker, {_rate(rules.taker_fee_rate)} as taker.",
        f"Whatever crosses the book (stops, market orders) pays {worse}, rounded against us.",
        *(
            [interest]
            if replayed.account.has_debt
            else ["Spot: coins are paid at once, and there is no interest."]
        ),
        "What is still held at the end is valued at the last price, not sold.",
        (
            "Not modelled: an exchange that stands still, our orders moving the market beyond their"
            " share of its volume, taxes."
        ),
    ]


def _rate(fraction: Decimal | float) -> str:
    return f"{number(round(float(fraction) * 100, 6))} %"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingGroup:
    """Settings that stand together, as names and texts."""

    name: str
    values: tuple[tuple[str, str], ...]


def setting_groups(settings: Settings | None) -> list[SettingGroup]:
    """The settings that can change a decision or a fill; none where they are not known."""
    if settings is None:
        return []
    told = msgspec.to_builtins(settings)
    general = {name: told[name] for name in ("pair", "account", "sides", "capital_jpy", "stage")}
    groups = {"general": general, **{name: told[name] for name in _SHOWN}}
    groups["strategy weights"] = {name: one["weight"] for name, one in told["strategies"].items()}
    return [SettingGroup(name=name, values=_texts(values)) for name, values in groups.items()]


def _texts(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _text(value)) for name, value in values.items())


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        f"{value:,d}"
        if isinstance(value, int)
        else number(value)
        if isinstance(value, float)
        else str(value)
    )
