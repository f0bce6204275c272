"""Whether gate and costs are those that this project answers for, or were made easier to pass."""

from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal

from shared.core.settings import GateSettings, Settings, load_settings
from shared.core.types import PairRules
from shared.model.proven import STATED, cheaper, stated_costs
from shared.risk import policy_of

_MORE_IS_HARDER = ("confidence", "history_days", "shuffles", "prior_trials")
_DECIDES_NO_ENTRY = frozenset({"champion_confidence", "champion_calibration_slack", "random_runs"})
"""The champion's checks decide who serves; with fewer random histories the p-value is coarser, and
never smaller."""
TREND = "trend"
"""The profile of the target policy: whoever asks for that policy, under whatever name, has its
tries behind him."""


def loosened_rules(settings: Settings, rules: PairRules | None = None) -> tuple[str, ...]:
    """In words: every threshold and every cost that is easier than what is shipped or stated.

    Harder ones are nobody's harm.

    >>> from shared.core.settings import load_settings
    >>> easier = load_settings({}, overrides={"gate": {"min_psr": 0.5}})
    >>> loosened_rules(load_settings({})), loosened_rules(easier)
    ((), ('gate.min_psr was 0.5 in place of 0.95',))

    Args:
        settings: What was asked.
        rules: By which the replay reckoned; None: the exchange's own, under the fees of the
            settings.
    """
    return (*_gate(settings), *_embargo(settings), *cheapened_costs(settings, rules))


def cheapened_costs(settings: Settings, rules: PairRules | None = None) -> tuple[str, ...]:
    """The costs alone."""
    return (
        *_cheapened_assumptions(settings),
        *(
            cheaper(stated_costs(rules), PairRules(), account=settings.account)
            if rules is not None
            else ()
        ),
    )


def _gate(settings: Settings) -> Iterator[str]:
    usual = load_settings({}).gate
    for name in sorted(field.name for field in fields(GateSettings)):
        asked, shipped = getattr(settings.gate, name), getattr(usual, name)
        if name == "prior_trials":
            shipped = least_prior(settings)
        harder_up = name in _MORE_IS_HARDER or name.startswith("min_")
        easier = asked < shipped if harder_up else asked > shipped
        if easier and name not in _DECIDES_NO_ENTRY:
            yield f"gate.{name} was {asked:g} in place of {shipped:g}"


def least_prior(settings: Settings) -> int:
    """How many things were tried before these settings were chosen, as far as this
    project knows.
    """
    known = {settings.profile, TREND if policy_of(settings).has_goal else None} - {None}
    return max(
        (load_settings({}, profile=name).gate.prior_trials for name in known),
        default=load_settings({}).gate.prior_trials,
    )


def _cheapened_assumptions(settings: Settings) -> Iterator[str]:
    """What the settings assume, beside `bot.yaml` without a profile, and beside the exchange's own
    rules.
    """
    usual, stated = load_settings({}), PairRules()
    for name in ("spread_rate", "slippage_rate"):
        asked, shipped = getattr(settings.paper, name), getattr(usual.paper, name)
        if asked < shipped:
            yield f"paper.{name} was {asked:g} in place of {shipped:g}"
    if settings.paper.volume_share > usual.paper.volume_share:
        yield (
            f"paper.volume_share was {settings.paper.volume_share:g} in place of"
            f" {usual.paper.volume_share:g}"
        )
    for name in STATED[:2]:
        fee, asks = getattr(settings.replay, name), getattr(stated, name)
        if fee is not None and Decimal(str(fee)) < asks:
            yield f"replay.{name} was {fee:g} in place of {asks}"


def _embargo(settings: Settings) -> Iterator[str]:
    embargo, horizon = settings.replay.embargo_candles, settings.learning.horizon_candles
    if embargo is not None and embargo < horizon:
        yield f"replay.embargo_candles was {embargo} in place of {horizon}, one label horizon"
