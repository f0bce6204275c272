"""What a proof is a proof of: every setting that decides what the replay before the gate did, costs
and gate included. Pure.

An edge that was shown with one stop, one target and one set of costs says nothing of another. Where
things are stored, the mode and how much money there is may differ: a proof on paper is meant for
live trading, whatever the capital.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from shared.core.errors import BadSettings
from shared.core.settings import Settings, settings_of
from shared.core.types import AccountKind, PairRules

STATED = (
    "maker_fee_rate",
    "taker_fee_rate",
    "long_interest_rate_day",
    "short_interest_rate_day",
    "margin_ratio",
)
"""What the exchange itself asks, by the names of its rules."""
_SECTIONS = (
    *("pair", "account", "sides", "tick", "market", "strategies", "consensus"),
    *("gate", "risk", "execution", "paper", "replay"),
)
_LEFT_OUT = frozenset(
    {
        "risk.overrule_model",
        "paper.keep_trades",
        "market.window_keep",
        "tick.answer_by_seconds",
        "tick.lease_seconds",
        "tick.manual_ahead_seconds",
        "gate.champion_confidence",
        "gate.champion_calibration_slack",
    }
)
"""What decides nothing that is entered, or (the overrule) is a person's word and no proof."""


def proof_terms(settings: Settings) -> dict[str, str]:
    """The configuration, by dotted names; values as JSON, so that they compare exactly."""
    found: dict[str, str] = {}
    told = msgspec.to_builtins(settings)
    for section in _SECTIONS:
        _note(found, section, told[section])
    return found


def proof_differences(proven: Mapping[str, str], settings: Settings) -> tuple[str, ...]:
    """In words, in the order of their names: what is set otherwise than it was proven.

    Empty: nothing is.
    """
    now = proof_terms(settings)
    return tuple(
        f"{name} is {now.get(name, 'not there any more')} and was {proven.get(name, 'not there')}"
        for name in sorted({*now, *proven})
        if now.get(name) != proven.get(name)
    )


def stated_costs(rules: PairRules) -> dict[str, str]:
    """What a trade costs by the rules of a pair, as texts that compare exactly.

    More is dearer in each of them.
    """
    return {name: str(getattr(rules, name)) for name in STATED}


def cheaper(
    paid: Mapping[str, str], rules: PairRules | None, *, account: AccountKind
) -> tuple[str, ...]:
    """In words: every cost that was paid in a proof and is below what `rules` state.

    One that was never told was not paid.

    A spot account borrows nothing: neither interest nor margin is asked of it.
    """
    if rules is None:
        return ()
    found = []
    for name in STATED if account.has_debt else STATED[:2]:
        stated: Decimal = getattr(rules, name)
        if name not in paid:
            found.append(f"{name} is {stated} and was not told")
        elif Decimal(paid[name]) < stated:
            found.append(f"{name} is {stated} and was {paid[name]}")
    return tuple(found)


def under(proven: Mapping[str, str], settings: Settings) -> Settings:
    """`settings` with the proven configuration in their place.

    Raises `BadSettings` where these settings have no such place.
    """
    told = msgspec.to_builtins(settings)
    for name, text in proven.items():
        *groups, last = name.split(".")
        level = told
        for group in groups:
            level = level.get(group) if isinstance(level, dict) else None
        if not isinstance(level, dict) or last not in level:
            raise BadSettings(
                f"there is no setting {name} any more", remedy="train again with this code"
            )
        level[last] = json.loads(text)
    try:
        return settings_of(told)
    except msgspec.ValidationError as error:
        raise BadSettings(
            f"a setting is another one by now: {error}", remedy="train again with this code"
        ) from error


def _note(found: dict[str, str], name: str, value: Any) -> None:
    if name in _LEFT_OUT:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _note(found, f"{name}.{key}", inner)
    else:
        found[name] = json.dumps(value)
