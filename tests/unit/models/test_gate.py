"""The gate on predictions, on the champion, and as a whole: each check passes where it should and
fails where it should.
"""

import itertools
import json
import math
from dataclasses import fields, replace

import msgspec
import numpy as np
import pytest

from models.gate import in_words, judge, serve_checks, unproven_verdict, verdict_table
from models.gate.leaks import directional_not_volatility
from models.gate.types import PredictionRows, TrialCounts
from shared.core.errors import BadData
from shared.core.settings import load_settings
from shared.model.manifest import Check, Verdict
from tests.support.made_evidence import (
    EMBARGO_MS,
    STEP_MS,
    made_evidence,
    made_money,
    made_rival,
    made_rows,
    said,
)

GATE = load_settings({}).gate
LABEL = np.array([0, 1, 2] * 100, dtype=np.int8)
WEIGHED = (
    "skill",
    "direction_skill",
    "beats_volatility_only",
    "side_beats_volatility_only",
    "auc_of_the_move",
)
EVEN = np.full((300, 3), 1 / 3)
SERVE = serve_checks(differences={"lightgbm": 0.0}, probabilities=EVEN, label=LABEL)


def verdict_of(*, gate=GATE, serve=SERVE, **changes) -> Verdict:
    return judge(made_evidence(**changes), gate, serve=serve)


def failed(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.checks if not check.passed}


def check_of(verdict: Verdict, name: str) -> Check:
    return next(check for check in verdict.checks if check.name == name)


def cut(rows: PredictionRows, chosen) -> PredictionRows:
    return PredictionRows(
        **{field.name: getattr(rows, field.name)[chosen] for field in fields(rows)}
    )


def test_where_everything_is_shown_all_three_verdicts_are_yes():
    verdict = verdict_of()
    assert failed(verdict) == set()
    assert (verdict.may_serve, verdict.may_enter, verdict.takes_over) == (True, True, True)
    assert {check.name for check in verdict.checks if check.group == "enter"} == {
        "effective_rows",
        "skill",
        "direction_skill",
        "calibration_error",
        "rows_in_order",
        "training_ends_before",
        "directional_not_volatility",
        "beats_volatility_only",
        "side_beats_volatility_only",
        "shuffled_labels_destroy_it",
        "psr",
        "dsr",
        "minimum_track_record",
        "enough_trades_or_years",
        "positive_expectation",
        "beats_random_entries",
        "no_single_month",
        "full_costs",
        "whole_trial_log",
    }
    assert {check.name for check in verdict.checks if check.group == "champion"} == {
        "champion_comparable",
        "no_worse_than_champion",
        "calibration_beside_champion",
    }


def test_the_same_evidence_gives_the_same_verdict_and_it_fits_into_a_manifest():
    first, second = verdict_of(), verdict_of()
    assert first == second
    told = json.dumps(msgspec.to_builtins(first), allow_nan=False)
    assert msgspec.json.decode(told, type=Verdict) == first


def overconfident(rows: PredictionRows, power=3.0) -> PredictionRows:
    sharp = rows.probabilities**power
    return replace(rows, probabilities=sharp / sharp.sum(axis=1, keepdims=True))


def reversed_sides(rows: PredictionRows) -> PredictionRows:
    return replace(rows, probabilities=rows.probabilities[:, ::-1])


BAD_ROWS = {
    "constant": (
        lambda rows: replace(rows, probabilities=np.full((len(rows), 3), 1 / 3)),
        {
            "skill",
            "direction_skill",
            "directional_not_volatility",
            "beats_volatility_only",
            "side_beats_volatility_only",
        },
    ),
    "volatility alone": (
        lambda rows: replace(rows, probabilities=rows.volatility_only),
        {
            "direction_skill",
            "directional_not_volatility",
            "beats_volatility_only",
            "side_beats_volatility_only",
        },
    ),
    "overconfident": (overconfident, {"calibration_error"}),
    "the wrong way round": (
        reversed_sides,
        {"skill", "direction_skill", "side_beats_volatility_only"},
    ),
    "too few": (lambda rows: cut(rows, slice(0, 600)), {"effective_rows"}),
    "doubled": (lambda rows: cut(rows, np.repeat(np.arange(len(rows)), 2)), {"rows_in_order"}),
    "backwards": (lambda rows: cut(rows, np.arange(len(rows))[::-1]), {"rows_in_order"}),
    "known before": (lambda rows: replace(rows, end_at=rows.as_of), {"rows_in_order"}),
    "trained too late": (
        lambda rows: replace(rows, known_at=rows.known_at + 1),
        {"training_ends_before"},
    ),
    "one row trained on": (
        lambda rows: replace(
            rows, known_at=np.where(np.arange(len(rows)) == 77, rows.end_at, rows.known_at)
        ),
        {"training_ends_before"},
    ),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_each_fault_of_the_predictions_is_named_and_closes_the_gate(name):
    spoil, expected = BAD_ROWS[name]
    verdict = verdict_of(rows=spoil(made_rows()))
    assert expected <= failed(verdict)
    assert (verdict.may_serve, verdict.may_enter) == (True, False)
    for word in expected:
        assert word in in_words(verdict)


def test_a_fault_closes_what_it_is_about_and_leaves_the_rest():
    assert failed(verdict_of(rows=replace(made_rows(), known_at=made_rows().known_at + 1))) == {
        "training_ends_before"
    }
    sharp = failed(verdict_of(rows=overconfident(made_rows(19_200), 1.5)))
    assert {"calibration_error"} <= sharp <= {"calibration_error", "beats_volatility_only"}


def test_no_rows_at_all_prove_nothing():
    verdict = verdict_of(rows=cut(made_rows(), slice(0, 0)))
    assert "effective_rows" in failed(verdict)
    assert not verdict.may_enter


def test_few_markets_without_skill_pass_the_tests_of_skill():
    """The side that is said has nothing to do with the side that comes."""
    names = {"skill", "direction_skill", "side_beats_volatility_only"}
    passed = tried = 0
    for seed in range(40):
        rows = made_rows(3_200, lean=0.5, seed=seed, said_lean=0.55)
        passed += not names & failed(verdict_of(rows=rows, rival=None))
        tried += 1
    assert tried == 40
    assert passed <= 3


def test_skill_that_rests_on_as_many_rows_but_fewer_stories_is_less_sure():
    """Labels that overlap are not evidence for each other."""
    short = check_of(verdict_of(rows=made_rows(6_400)), "direction_skill")
    rows = made_rows(800, seed=5)
    at = rows.as_of[0] + STEP_MS * np.arange(6_400, dtype=np.int64)
    stretched = cut(rows, np.repeat(np.arange(800), 8))
    stretched = replace(
        stretched,
        as_of=at,
        end_at=at + 64 * STEP_MS,
        known_at=at - EMBARGO_MS,
        weight=stretched.weight / 8,
    )
    wide = check_of(verdict_of(rows=stretched), "direction_skill")
    assert wide.upper - wide.lower > 2 * (short.upper - short.lower)


def test_a_row_counts_as_much_as_it_is_unique():
    """Rows that only repeat what their neighbours say are many and weigh little: here the model is
    right, elsewhere not.
    """
    knows, blind = made_rows(1_600, lean=0.9), made_rows(1_600, lean=0.5, said_lean=0.9, seed=2)
    later = knows.as_of[-1] + STEP_MS - blind.as_of[0]
    moved = replace(
        blind,
        as_of=blind.as_of + later,
        end_at=blind.end_at + later,
        known_at=blind.known_at + later,
    )
    joined = PredictionRows(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in (knows, moved)])
            for field in fields(PredictionRows)
        }
    )
    rare = replace(joined, weight=np.where(np.arange(3_200) < 1_600, 0.02, 0.2))
    often = replace(joined, weight=np.where(np.arange(3_200) < 1_600, 0.2, 0.02))
    told = {
        name: [check_of(verdict_of(rows=rows), name).value for rows in (rare, often)]
        for name in WEIGHED
    }
    for name, (little, much) in told.items():
        assert little < much - 0.05, name


# the leak tests


def wild_returns(count, *, seed=3):
    """Next returns, and what past volatility says of their size."""
    random = np.random.default_rng(seed)
    level = np.empty(count)
    level[0] = 0.0
    for row in range(1, count):
        level[row] = 0.98 * level[row - 1] + 0.15 * random.standard_normal()
    deviation = 0.002 * np.exp(level - level.mean())
    return deviation * random.standard_normal(count), deviation


def original_label(count=8_000) -> PredictionRows:
    """The label of the seeds, the next candle above +0.3 %, forecast as well as
    volatility allows.
    """
    returns, deviation = wild_returns(count)
    tail = np.array([0.5 * math.erfc(0.003 / one / math.sqrt(2)) for one in deviation])
    label = np.where(returns > 0.003, 2, np.where(returns < -0.003, 0, 1)).astype(np.int8)
    at = STEP_MS * np.arange(count, dtype=np.int64)
    given = np.column_stack([tail, 1 - 2 * tail, tail])
    return PredictionRows(
        as_of=at,
        end_at=at + STEP_MS,
        label=label,
        weight=np.ones(count),
        probabilities=given,
        volatility_only=given,
        known_at=at - 9 * STEP_MS,
    )


def test_the_label_of_the_seeds_is_refused_as_directional_however_skilful_it_looks():
    verdict = verdict_of(rows=original_label(), rival=None)
    assert check_of(verdict, "skill").passed
    assert check_of(verdict, "auc_of_the_move").value > 0.7
    assert check_of(verdict, "auc_of_the_opposite_move").value > 0.7
    refused = check_of(verdict, "directional_not_volatility")
    assert not refused.passed
    assert refused.value > 0.9
    assert {"direction_skill", "beats_volatility_only", "side_beats_volatility_only"} <= failed(
        verdict
    )
    assert not verdict.may_enter


def test_a_score_of_direction_has_the_opposite_skill_for_the_opposite_move():
    passed = directional_not_volatility(made_rows(lean=0.7), GATE)[0]
    assert passed.passed
    assert passed.value < 0.0


def test_a_score_without_any_skill_has_no_share_and_fails():
    rows = made_rows(lean=0.5, said_lean=0.7, seed=4)
    blind = replace(
        rows,
        probabilities=said(
            touch=np.full(len(rows), 0.6), p_upper=rows.probabilities[:, 2] * 0 + 0.5
        ),
    )
    found = directional_not_volatility(blind, GATE)[0]
    assert (found.value, found.passed) == (None, False)


@pytest.mark.parametrize(
    ("shuffled", "passed"),
    [
        ([0.0, 0.0, 0.0], True),
        ([0.0, 0.9, 0.0], False),
        ([0.0, 0.08, 0.0], False),
        ([-0.5, 0.02, 0.0], True),
        ([0.0, 0.0], False),
        ([], False),
    ],
)
def test_shuffled_labels_must_destroy_the_skill_and_must_have_been_tried(shuffled, passed):
    verdict = verdict_of(shuffled=np.array(shuffled))
    assert check_of(verdict, "shuffled_labels_destroy_it").passed is passed
    assert verdict.may_enter is passed


def test_no_shuffling_is_asked_for_where_settings_ask_for_none():
    verdict = verdict_of(gate=replace(GATE, shuffles=0), shuffled=np.zeros(0))
    assert verdict.may_enter
    assert "shuffled_labels_destroy_it" not in {check.name for check in verdict.checks}


# the champion


def test_without_a_champion_whoever_may_serve_takes_over():
    verdict = verdict_of(rival=None)
    assert verdict.takes_over
    assert not [check for check in verdict.checks if check.group == "champion"]
    assert not verdict_of(
        rival=None, serve=serve_checks(differences={"a": 1.0}, probabilities=EVEN, label=LABEL)
    ).takes_over


def test_a_challenger_that_is_worse_leaves_the_champion_in_its_place():
    verdict = verdict_of(rival=made_rival(better=0.65, champion=0.65))
    assert verdict.takes_over  # equal is no worse
    worse = made_rival(better=0.7, champion=0.6)
    verdict = verdict_of(rival=replace(worse, challenger=worse.champion, champion=worse.challenger))
    assert "no_worse_than_champion" in failed(verdict)
    assert (verdict.may_enter, verdict.takes_over) == (True, False)
    assert "The champion stays" in in_words(verdict)


def test_a_challenger_that_is_better_and_badly_calibrated_does_not_take_over():
    rival = made_rival(better=0.9, champion=0.5)
    shy = replace(rival.challenger, probabilities=made_rows(lean=0.9, said_lean=0.7).probabilities)
    verdict = verdict_of(
        rival=replace(
            rival,
            challenger=shy,
            champion=replace(rival.champion, probabilities=rival.champion.volatility_only),
        )
    )
    assert check_of(verdict, "no_worse_than_champion").passed
    assert failed(verdict) == {"calibration_beside_champion"}
    assert not verdict.takes_over


def touched(rival):
    return replace(rival, champion=replace(rival.champion, known_at=rival.champion.known_at + 1))


def other_rows(rival):
    return replace(rival, champion=cut(rival.champion, slice(0, -1)))


def no_rows(rival):
    return replace(
        rival,
        challenger=cut(rival.challenger, slice(0, 0)),
        champion=cut(rival.champion, slice(0, 0)),
    )


def few_rows(rival):
    return replace(
        rival,
        challenger=cut(rival.challenger, slice(0, 700)),
        champion=cut(rival.champion, slice(0, 700)),
    )


@pytest.mark.parametrize("spoil", [touched, other_rows, no_rows, few_rows])
def test_too_little_common_untouched_evidence_is_a_verdict_of_its_own_and_keeps_the_champion(spoil):
    verdict = verdict_of(rival=spoil(made_rival()))
    assert failed(verdict) == {
        "champion_comparable",
        "no_worse_than_champion",
        "calibration_beside_champion",
    }
    assert check_of(verdict, "no_worse_than_champion").value is None
    assert (verdict.may_serve, verdict.may_enter, verdict.takes_over) == (True, True, False)


def test_of_many_equal_challengers_few_look_better_by_luck():
    """Both know the side equally well, each in its own way: one in ten may pass, by the confidence
    of 0.9.
    """
    taken = 0
    for seed in range(60):
        rows, random = made_rows(3_200, seed=seed), np.random.default_rng(seed)
        noise = [np.repeat(random.normal(0, 0.1, 400), 8) for _ in range(2)]
        p = rows.probabilities[:, 2] / (rows.probabilities[:, 0] + rows.probabilities[:, 2])
        both = [
            replace(
                rows,
                probabilities=said(
                    touch=1 - rows.probabilities[:, 1], p_upper=np.clip(p + one, 0.02, 0.98)
                ),
            )
            for one in noise
        ]
        rival = replace(made_rival(count=80), challenger=both[0], champion=both[1])
        taken += check_of(verdict_of(rival=rival, rows=None), "no_worse_than_champion").passed
    assert taken <= 13


# the whole


def test_a_policy_that_asks_no_model_for_direction_is_judged_by_money_alone():
    verdict = verdict_of(rows=None, rival=None)
    assert (verdict.may_enter, verdict.takes_over) == (True, True)
    assert "skill" not in {check.name for check in verdict.checks}
    assert not verdict_of(rows=None, rival=None, money=made_money(annual_sharpe=0.0)).may_enter


def test_without_money_nothing_enters():
    verdict = verdict_of(money=None)
    money = {check.name: check.value for check in verdict.checks if not check.passed}
    assert money.keys() == {
        "psr",
        "dsr",
        "minimum_track_record",
        "enough_trades_or_years",
        "positive_expectation",
        "beats_random_entries",
        "good_months",
        "no_single_month",
    }
    assert set(money.values()) == {None}
    assert (verdict.may_serve, verdict.may_enter) == (True, False)


def test_neither_rows_nor_money_is_no_proof():
    assert not verdict_of(rows=None, money=None, rival=None).may_enter


def test_what_may_not_serve_may_not_enter_nor_take_over():
    broken = serve_checks(differences={"lightgbm": 2e-6}, probabilities=EVEN, label=LABEL)
    verdict = verdict_of(serve=broken)
    assert (verdict.may_serve, verdict.may_enter, verdict.takes_over) == (False, False, False)
    assert in_words(verdict) == "It may not serve. Failed: export_equals_native."


@pytest.mark.parametrize(
    ("probabilities", "differences", "name"),
    [
        (EVEN, {"a": 2e-6}, "export_equals_native"),
        (EVEN, {"a": math.nan}, "export_equals_native"),
        (EVEN, {}, "export_equals_native"),
        (np.full((300, 3), 0.4), {"a": 0.0}, "probabilities_are_probabilities"),
        (np.full((300, 3), np.nan), {"a": 0.0}, "probabilities_are_probabilities"),
        (np.tile([1.2, -0.1, -0.1], (300, 1)), {"a": 0.0}, "probabilities_are_probabilities"),
        (np.tile([0.9, 0.05, 0.05], (300, 1)), {"a": 0.0}, "mean_near_what_happened"),
    ],
)
def test_what_does_not_predict_sanely_may_not_serve(probabilities, differences, name):
    verdict = unproven_verdict(
        serve_checks(differences=differences, probabilities=probabilities, label=LABEL)
    )
    assert not verdict.may_serve
    assert name in failed(verdict)
    assert name in in_words(verdict)


def test_a_training_that_asked_for_no_proof_may_serve_and_never_enter():
    verdict = unproven_verdict(SERVE)
    assert (verdict.may_serve, verdict.may_enter, verdict.takes_over) == (True, False, False)
    assert failed(verdict) == {"proven"}
    assert "nobody asked the gate" in in_words(verdict)


def test_the_table_has_a_row_a_check_and_says_what_was_asked():
    verdict = verdict_of(money=None)
    heading, *rows = verdict_table(verdict)
    assert len(rows) == len(verdict.checks)
    assert {len(row) for row in rows} == {len(heading)}
    told = {row[1]: row for row in rows}
    assert told["psr"][2] == "unknown"
    assert told["psr"][5] == "no"
    assert told["skill"][0] == "may enter"
    assert ".." in told["skill"][3]
    assert told["skill"][4].startswith("above 0: ")
    assert told["auc_of_the_move"][0] == "nothing"


def test_every_check_that_decides_decides_alone():
    """No check is made up for by others: failing any one of them changes the verdict that it is
    about.
    """
    checks = verdict_of().checks
    seen = 0
    for check, verdict in itertools.product(checks, ("serve", "enter", "champion")):
        if check.group == verdict:
            changed = [replace(each, passed=each is not check) for each in checks]
            told = {
                group: all(each.passed for each in changed if each.group == group)
                for group in ("serve", "enter", "champion")
            }
            assert [group for group, passed in told.items() if not passed] == [check.group]
            seen += 1
    assert seen == 25


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": replace(made_rows(80), probabilities=np.full((80, 3), np.nan))},
        {"rows": replace(made_rows(80), probabilities=np.full((80, 3), 0.5))},
        {"rows": replace(made_rows(80), probabilities=np.full((79, 3), 1 / 3))},
        {"rows": replace(made_rows(80), weight=np.full(80, np.inf))},
        {"rows": replace(made_rows(80), label=np.zeros(79, dtype=np.int8))},
        {"money": replace(made_money(), returns=np.full(730, np.nan))},
        {"money": replace(made_money(), returns=np.zeros(3))},
        {"money": replace(made_money(), random=np.array([np.nan]))},
        {"trials": TrialCounts(count=0, sharpes=np.zeros(0))},
        {"trials": TrialCounts(count=1, sharpes=np.array([np.nan]))},
        {"trials": TrialCounts(count=2, sharpes=np.zeros(0), matrix=np.full((730, 2), np.nan))},
        {"shuffled": np.array([np.nan] * 3)},
    ],
)
def test_numbers_that_are_none_are_refused_at_the_border(changes):
    with pytest.raises(BadData):
        verdict_of(**changes)
