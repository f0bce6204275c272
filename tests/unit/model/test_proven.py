"""A proof is of one configuration: whatever is set otherwise, in live mode nothing is entered by
it.
"""

from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import pytest

from models.gate.shipped import loosened_rules
from shared import model
from shared.core.reasons import Reason
from shared.core.settings import Settings, load_settings
from shared.model.bundle import Bundle
from shared.model.manifest import Verdict
from shared.model.proven import proof_differences, proof_terms
from shared.model.signing import public_of
from shared.turn.champion import permission, unproven_reason
from tests.support.made_trainings import SIGNING_KEY, small_training

LIVE = load_settings({"BOT_HOME": "/nowhere", "BOT_MODE": "live", "BOT_STAGE": "stage-10"})
ELSEWHERE = ("home", "state", "bucket", "alerts", "clock", "bundle_public_key", "id", "profile")
UNASKED = {  # what a proof does not depend on, with a reason each in `shared.model.proven`
    *(
        "mode",
        "stage",
        "stages",
        "capital_jpy",
        "exchange",
        "learning",
        "retrain",
        "watch",
        "backtest",
        "study",
        "digest",
        "discord",
        "telling",
        "rounds",
        "keep",
    ),
    *ELSEWHERE,
}


@cache
def quick() -> Bundle:
    made = small_training()
    return model.load_bundle(
        made.files, public_keys=(public_of(SIGNING_KEY),), version=made.version
    )


def proven(settings: Settings = LIVE, **changes: Any) -> Bundle:
    """A bundle as the gate leaves it where everything passed, under these settings."""
    told = {
        "verdict": Verdict(may_serve=True, may_enter=True),
        "proven": proof_terms(settings),
        **changes,
    }
    return replace(quick(), manifest=replace(quick().manifest, **told))


def forbids(bundle: Bundle, settings: Settings) -> bool:
    return any(
        issue.forbids_entry and issue.reason is Reason.MODEL_NOT_PROVEN
        for issue in permission(bundle, settings)
    )


def test_what_was_proven_for_these_settings_enters_and_a_quick_training_never_does():
    assert permission(proven(), LIVE) == ()
    assert forbids(quick(), LIVE)
    assert forbids(
        replace(quick(), manifest=replace(quick().manifest, proven=proof_terms(LIVE))), LIVE
    )


def changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, tuple):
        return (*value, 0.9)
    return 0.5 if value is None else f"{value}-other"


def every_change(part: Any, name: str = "") -> list[tuple[str, Any]]:
    """Each single setting under `part` changed, with its dotted name."""
    found = []
    for each in fields(part):
        value = getattr(part, each.name)
        dotted = f"{name}.{each.name}" if name else each.name
        if dotted in UNASKED:
            continue
        if is_dataclass(value):
            found += [
                (deeper, replace(part, **{each.name: other}))
                for deeper, other in every_change(value, dotted)
            ]
        else:
            found.append((dotted, replace(part, **{each.name: changed(value)})))
    return found


def test_every_single_setting_that_decides_what_is_entered_takes_the_proof_away_when_it_changes():
    free = set()
    changes = every_change(LIVE)
    for name, settings in changes:
        if not forbids(proven(), settings):
            free.add(name)
        else:
            assert name in unproven_reason(proven(), settings) or name == "risk.policy"
    assert len(changes) > 150
    assert free == {
        *("risk.overrule_model", "paper.keep_trades", "market.window_keep"),
        *("tick.answer_by_seconds", "tick.lease_seconds", "tick.manual_ahead_seconds"),
        *("gate.champion_confidence", "gate.champion_calibration_slack"),
    }


def test_mode_stage_capital_and_places_may_differ_from_the_proofs():
    paper = load_settings(
        {
            "BOT_HOME": "/elsewhere",
            "BOT_ID": "b",
            "BOT_CAPITAL_JPY": "123456",
            "BOT_LEARNING__SEED": "8",
        }
    )
    assert permission(proven(paper), LIVE) == ()


def test_a_gate_that_was_made_easier_proves_nothing_even_where_the_tick_has_the_same_gate():
    easier = replace(LIVE, gate=replace(LIVE.gate, min_dsr=0.5, shuffles=0, max_pbo=0.9))
    named = loosened_rules(easier)
    assert [one.split()[0] for one in named] == ["gate.max_pbo", "gate.min_dsr", "gate.shuffles"]
    assert forbids(proven(easier, loosened=named), easier)
    assert "made easier" in unproven_reason(proven(easier, loosened=named), easier)
    assert loosened_rules(LIVE) == ()
    harder = replace(LIVE.gate, min_dsr=0.99, max_pbo=0.1, confidence=0.99, champion_confidence=0.5)
    assert loosened_rules(replace(LIVE, gate=harder)) == ()


def test_an_overrule_of_another_version_lets_nothing_enter():
    for name in ("another", proven().version[:-1], proven().version + " "):
        assert forbids(quick(), replace(LIVE, risk=replace(LIVE.risk, overrule_model=name)))
    own = replace(LIVE, risk=replace(LIVE.risk, overrule_model=quick().version))
    assert [issue.reason for issue in permission(quick(), own)] == [Reason.MODEL_OVERRULED]


@pytest.mark.parametrize(
    "told", [{}, {"risk.stop_atr": "4.0"}, {**proof_terms(LIVE), "risk.gone": "1"}]
)
def test_a_bundle_that_tells_less_or_other_things_than_the_settings_hold_is_not_proven(told):
    assert proof_differences(told, LIVE)
    assert forbids(proven(proven=told), LIVE)
