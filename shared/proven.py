"""What a proof is a proof of: every setting that decides what the replay before the gate did, costs and gate included. Pure.

An edge that was shown with one stop, one target and one set of costs says nothing of another. Where things are stored, the mode
and how much money there is may differ: a proof on paper is meant for live trading, whatever the capital.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from shared.settings import Settings

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


def terms(settings: Settings) -> dict[str, str]:
    """The configuration, by dotted names; values as JSON, so that they compare exactly."""
    found: dict[str, str] = {}
    told = msgspec.to_builtins(settings)
    for section in _SECTIONS:
        _note(found, section, told[section])
    return found


def differences(proven: Mapping[str, str], settings: Settings) -> tuple[str, ...]:
    """In words, in the order of their names: what is set otherwise than it was proven. Empty: nothing is."""
    now = terms(settings)
    return tuple(
        f"{name} is {now.get(name, 'not there any more')} and was {proven.get(name, 'not there')}"
        for name in sorted({*now, *proven})
        if now.get(name) != proven.get(name)
    )


def _note(found: dict[str, str], name: str, value: Any) -> None:
    if name in _LEFT_OUT:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _note(found, f"{name}.{key}", inner)
    else:
        found[name] = json.dumps(value)
