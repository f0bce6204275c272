"""How the fills were made, in plain words, and the settings behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.core.sentences import say
from shared.core.sentences.figures import DASH, number, percent, rate_percent
from shared.core.settings import Settings
from shared.core.types import Timeframe
from shared.replay.types import Replayed

_SHOWN = ("risk", "consensus", "execution", "paper", "replay", "tick", "market")


def resolution_words(resolution: Timeframe) -> str:
    """What the resolution is worth."""
    return say("rules.of_record" if resolution is Timeframe.M1 else "rules.approximation")


def fill_rules(replayed: Replayed, settings: Settings | None) -> list[str]:
    """The assumptions, one sentence each."""
    return [
        *_path(replayed),
        *_entries(replayed, settings),
        *_exits(settings),
        *_charges(replayed, settings),
    ]


def _path(replayed: Replayed) -> list[str]:
    decided = say("rules.closed_candles")
    if replayed.resolution is Timeframe.M1:
        return [
            (say("rules.one_minute")),
            decided,
        ]
    return [
        (say("rules.quarters")),
        decided,
    ]


def _entries(replayed: Replayed, settings: Settings | None) -> list[str]:
    tries = (
        "" if settings is None else say("rules.tries", attempts=settings.execution.entry_attempts)
    )
    if replayed.resolution is not Timeframe.M1:
        return [
            say("rules.quarter_entry", tries=tries),
            (say("rules.quarter_costs")),
            say("rules.quarter_target"),
        ]
    share = (
        say("rules.a_share") if settings is None else percent(settings.paper.volume_share, places=0)
    )
    return [
        (say("rules.entry")),
        say("rules.strictly"),
        (say("rules.volume", share=share, tries=tries)),
    ]


def _exits(settings: Settings | None) -> list[str]:
    held = "" if settings is None else say("rules.held", candles=settings.risk.max_hold_candles)
    return [
        (say("rules.stop")),
        say("rules.gap"),
        (say("rules.target")),
        say("rules.both", held=held),
    ]


def _charges(replayed: Replayed, settings: Settings | None) -> list[str]:
    rules = replayed.rules
    interest = say(
        "rules.interest",
        long=rate_percent(rules.long_interest_rate_day),
        short=rate_percent(rules.short_interest_rate_day),
    )
    worse = say("rules.worse_unknown")
    if settings is not None:
        worse = say(
            "rules.worse",
            spread=rate_percent(settings.paper.spread_rate),
            slippage=rate_percent(settings.paper.slippage_rate),
        )
    return [
        say(
            "rules.fees",
            maker=rate_percent(rules.maker_fee_rate),
            taker=rate_percent(rules.taker_fee_rate),
        ),
        say("rules.crossing", worse=worse),
        *([interest] if replayed.account.has_debt else [say("rules.spot")]),
        say("rules.held_at_end"),
        (say("rules.not_modelled")),
    ]


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
    groups = {say("rules.general"): general, **{name: told[name] for name in _SHOWN}}
    groups[say("rules.strategy_weights")] = {
        name: one["weight"] for name, one in told["strategies"].items()
    }
    return [SettingGroup(name=name, values=_texts(values)) for name, values in groups.items()]


def _texts(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _text(value)) for name, value in values.items())


def _text(value: Any) -> str:
    if value is None:
        return DASH
    if isinstance(value, bool):
        return say("statistics.yes" if value else "statistics.no")
    return (
        f"{value:,d}"
        if isinstance(value, int)
        else number(value)
        if isinstance(value, float)
        else str(value)
    )
