"""A proof is of the code that made it: other code enters nothing live, whether its source or its
answers tell it apart.
"""

import ast
from dataclasses import replace
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from shared import model
from shared.core import guards
from shared.core.deciding import Code, present_code, sources
from shared.core.errors import NotThere
from shared.core.fingerprint import canonical_trees
from shared.core.reasons import Reason
from shared.core.settings import load_settings
from shared.core.types import Features, PairRules
from shared.model.bundle import Bundle
from shared.model.manifest import CANDLES, Verdict
from shared.model.proven import proof_terms, stated_costs
from shared.model.registry import BundleRegistry
from shared.model.signing import public_of
from shared.stores.memory import MemoryBucket
from shared.turn import golden, pipeline
from shared.turn.champion import Champions, permission, unproven_reason
from tests.support.made_trainings import SIGNING_KEY, small_settings, small_training

LIVE = load_settings({"BOT_HOME": "/nowhere", "BOT_MODE": "live", "BOT_STAGE": "stage-10"})
PAPER = replace(LIVE, mode="paper", stage="paper")
KEYS = (public_of(SIGNING_KEY),)


@cache
def bundle() -> Bundle:
    made = small_training()
    return model.load_bundle(made.files, public_keys=KEYS, version=made.version)


def proven(**changes) -> Bundle:
    """As the gate leaves it where everything passed, at the costs that the exchange states."""
    told = {
        "verdict": Verdict(may_serve=True, may_enter=True),
        "proven": proof_terms(LIVE),
        "costs": stated_costs(PairRules()),
        **changes,
    }
    return replace(bundle(), manifest=replace(bundle().manifest, **told))


def forbids(found) -> list[str]:
    return [
        issue.context["found"]
        for issue in found
        if issue.forbids_entry and issue.reason is Reason.MODEL_NOT_PROVEN
    ]


# the source

MONEY, PATH = "shared/core/money.py", "shared/market/path.py"
PLACES = (
    *(MONEY, PATH, "shared/risk/policies/barrier.py"),
    *("shared/turn/turn.py", "shared/features/indicators.py"),
)


class OneNumber(ast.NodeTransformer):
    """Adds one to the first number, or turns the first comparison or `not` around."""

    def __init__(self):
        self.done = False

    def generic_visit(self, node):
        if not self.done and isinstance(node, ast.Constant) and type(node.value) in {int, float}:
            self.done = True
            return ast.copy_location(ast.Constant(value=node.value + 1), node)
        if (
            not self.done
            and isinstance(node, ast.Compare)
            and isinstance(node.ops[0], ast.Lt | ast.Gt | ast.LtE | ast.GtE)
        ):
            self.done = True
            other = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}[
                type(node.ops[0])
            ]
            node.ops[0] = other()
            return node
        return super().generic_visit(node)


def test_one_changed_number_or_comparison_in_any_file_that_decides_is_other_code():
    before, planted = canonical_trees(sources()), 0
    for place, text in sources().items():
        change = OneNumber()
        tree = change.visit(ast.parse(text))
        if change.done:
            planted += 1
            assert canonical_trees({place: ast.unparse(tree).encode()}) != canonical_trees(
                {place: text}
            ), place
    assert planted >= 45
    assert canonical_trees(sources()) == before


def test_comments_docstrings_imports_layout_order_and_places_make_no_difference():
    texts = {place: sources()[place] for place in PLACES}
    before = canonical_trees(texts)
    laid_out = {
        place: b"import os\n\n# a comment\n" + ast.unparse(ast.parse(text)).encode()
        for place, text in texts.items()
    }
    assert canonical_trees(laid_out) == before
    assert (
        canonical_trees(
            {f"moved/{number}.py": text for number, text in enumerate(reversed(texts.values()))}
        )
        == before
    )
    trees = [ast.parse(text) for text in (texts[MONEY], texts[PATH])]
    together = ast.Module(body=[*trees[1].body, *trees[0].body], type_ignores=[])
    apart = {place: text for place, text in texts.items() if place not in {MONEY, PATH}}
    assert canonical_trees({**apart, "together.py": ast.unparse(together).encode()}) == before
    said = texts[MONEY].replace(b'"""The size', b'"""Some size')
    assert said != texts[MONEY]
    assert canonical_trees({**texts, MONEY: said}) == before


def test_a_name_that_an_import_gave_is_the_name_where_it_comes_from():
    one = (
        b"from shared.core.money import rate as share\nfrom shared import risk\n\ndef f(x):\n   "
        b" return risk.decide(share(x))\n"
    )
    other = (
        b"from shared.core.money import rate\nfrom shared.risk import decide\n\n"
        b"def f(x):\n    'Said.'\n    return decide(rate(x))\n"
    )
    third = other.replace(b"decide(rate(x))", b"rate(decide(x))")
    assert (
        canonical_trees({"a": one})
        == canonical_trees({"b": other})
        != canonical_trees({"c": third})
    )
    assert canonical_trees({"a": b"import numpy as np\nX = np.pi\n"}) != canonical_trees(
        {"a": b"import math as np\nX = np.pi\n"}
    )


def test_a_deciding_file_that_is_gone_is_no_silence(monkeypatch):
    known = {**guards.guard_lines(), "shared/nothing_like_this.py": frozenset({"decides"})}
    monkeypatch.setattr(guards, "guard_lines", lambda: known)
    with pytest.raises(NotThere, match="nothing_like_this"):
        sources()


def test_other_code_enters_nothing_live_by_name_and_paper_says_so():
    other = Code(files="0" * 16, trees="0" * 16)
    assert permission(proven(), LIVE) == ()
    for code in (other, Code()):
        (found,) = forbids(permission(proven(code=code), LIVE))
        assert "other code" in found
        (said,) = permission(proven(code=code), PAPER)
        assert (said.reason, said.forbids_entry) == (Reason.MODEL_NOT_PROVEN, False)
        assert "other code" in said.context["found"]
        assert "`scripts/bot train` proves it again" in said.context["found"]
    assert permission(proven(), PAPER) == ()
    assert bundle().manifest.code.is_here, "what is trained now is of this code"
    assert permission(bundle(), PAPER) == (), "nothing is said of what was never proven"


def test_where_the_bytes_differ_the_trees_decide():
    assert Code(files="0" * 16, trees=present_code().trees).is_here
    assert Code(files=present_code().files, trees="0" * 16).is_here, (
        "the same bytes need no reading"
    )
    assert not Code(files="0" * 16, trees="0" * 16).is_here


# the costs that the exchange states at that moment


@pytest.mark.parametrize(
    "dearer",
    [
        {"maker_fee_rate": "0.0002"},
        {"taker_fee_rate": "0.0012"},
        {"long_interest_rate_day": "0.0005"},
        {"short_interest_rate_day": "0.0005"},
        {"margin_ratio": "1"},
    ],
)
def test_an_exchange_that_asks_more_than_was_paid_in_the_proof_voids_it_by_name(dearer):
    rules = replace(PairRules(), **{name: Decimal(value) for name, value in dearer.items()})
    (found,) = forbids(permission(proven(), LIVE, rules=rules))
    assert "lower costs" in found
    assert next(iter(dearer)) in found
    assert unproven_reason(proven(), LIVE, rules=PairRules()) is None
    assert unproven_reason(proven(costs={}), LIVE, rules=PairRules()) is not None


# the answers


def answered(files=None, settings=None) -> str | None:
    return golden.golden_difference(
        (files or small_training().files).get(CANDLES), bundle(), settings or small_settings()
    )


def test_the_same_code_gives_the_same_answers_and_there_are_enough_of_them():
    told = bundle().manifest.answers
    assert answered() is None
    assert len(told.at) >= 8
    assert sum(answer is not None for answer in told.probabilities) >= 3
    assert len({decision.split()[0] for decision in told.decisions}) >= 2, "entries and denials"
    assert sum(value is not None for row in told.features for value in row) > 500


def test_answers_are_asked_under_the_settings_that_they_were_given_for():
    other = load_settings(
        {"BOT_RISK__STOP_ATR": "9", "BOT_CONSENSUS__AGREEMENT": "0.9", "BOT_CAPITAL_JPY": "5"}
    )
    assert answered(settings=other) is None


def test_a_feature_that_is_computed_otherwise_is_named(monkeypatch):
    compute = pipeline.features.compute

    def off(candles):
        found = compute(candles)
        values = np.array(found.values)
        values[:, found.names.index("rsi_14")] += 1e-6
        return Features(as_of=found.as_of, names=found.names, values=values)

    monkeypatch.setattr(pipeline.features, "compute", off)
    assert "rsi_14" in answered()


def test_a_vote_and_a_decision_that_fall_otherwise_are_named(monkeypatch):
    vote, decide = pipeline.strategies.vote, pipeline.risk.decide

    with monkeypatch.context() as patch:
        patch.setattr(
            pipeline.strategies,
            "vote",
            lambda *given: replace(found := vote(*given), confidences=found.confidences * 0.99),
        )
        assert "votes" in answered()
    with monkeypatch.context() as patch:
        patch.setattr(
            pipeline.risk,
            "decide",
            lambda case: replace(found := decide(case), lots=found.lots + 1),
        )
        assert "decision" in answered()


def test_other_candles_or_none_are_no_answer():
    files = dict(small_training().files)
    assert "no golden candles" in answered({"x": b""})
    spoiled = golden.unpack_candles(files[CANDLES])
    cheaper = {frame: replace(part, close=part.close - 1) for frame, part in spoiled.items()}
    assert answered({CANDLES: golden.pack_candles(cheaper)}) is not None
    assert "no answer" in answered({CANDLES: b"nonsense"})


def test_a_champion_that_answers_otherwise_enters_nothing_live_even_when_it_is_overruled(
    monkeypatch,
):
    made, settings = small_training(), small_settings()
    registry = BundleRegistry(MemoryBucket())
    registry.publish(made.version, made.files)
    registry.promote(made.version, at=1, why="a test", by="test")
    assert Champions(registry, KEYS, settings).load_champion().answers_otherwise is None
    decide = pipeline.risk.decide
    monkeypatch.setattr(
        pipeline.risk,
        "decide",
        lambda case: replace(found := decide(case), lots=found.lots + 1),
    )
    champion = Champions(registry, KEYS, settings).load_champion()
    assert "decision" in champion.answers_otherwise
    overruled = replace(LIVE, risk=replace(LIVE.risk, overrule_model=made.version))
    for asked, live in (
        (overruled, True),
        (replace(overruled, mode="paper", stage="paper"), False),
    ):
        found = permission(champion.bundle, asked, answers_otherwise=champion.answers_otherwise)
        assert bool(forbids(found)) is live
        assert "other code" in found[0].context["found"]
