"""Whether the gate that was asked is the one that this project answers for, or was made easier to pass."""

from dataclasses import fields

from shared.settings import GateSettings, load

_MORE_IS_HARDER = ("confidence", "history_days", "shuffles")
_DECIDES_NO_ENTRY = frozenset({"champion_confidence", "champion_calibration_slack", "random_runs"})
"""The champion's checks decide who serves; with fewer random histories the p-value is coarser, and never smaller."""


def loosened(gate: GateSettings) -> tuple[str, ...]:
    """In words: every threshold that is easier than the one in `bot.yaml`. Harder ones are nobody's harm."""
    usual = load({}).gate
    found = []
    for name in sorted(field.name for field in fields(gate)):
        asked, shipped = getattr(gate, name), getattr(usual, name)
        harder_up = name in _MORE_IS_HARDER or name.startswith("min_")
        easier = asked < shipped if harder_up else asked > shipped
        if easier and name not in _DECIDES_NO_ENTRY:
            found.append(f"gate.{name} was {asked:g} in place of {shipped:g}")
    return tuple(found)
