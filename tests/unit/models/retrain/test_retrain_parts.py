"""The parts of a retraining: weeks, who serves, the shadow record, tuned sizes, what is told, and
what is drawn.
"""

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from functions.http import parse_fields
from models.card.pictures import pictures
from models.fit.train import Training
from models.gate.types import MoneyRecord, PredictionRows
from models.retrain import rivals, serving, sizes
from models.retrain.asked import RetrainFields, week_of
from models.retrain.telling import KEPT_WEEKS, alert_of
from shared.core.errors import BadData, BadRequest
from shared.core.settings import load_settings
from shared.core.types import Level
from shared.model.manifest import MANIFEST, SIGNATURE, Check, encode
from shared.model.registry import BundleRegistry
from shared.model.signing import public_of, sign
from shared.stores.memory import MemoryBucket
from tests.support.made_trainings import SIGNING_KEY, small_training

DAY = 86_400_000
SETTINGS = load_settings({"BOT_HOME": "/nowhere"})


def test_weeks_are_those_of_iso_8601():
    assert week_of(1_767_225_600_000) == "2026-W01"  # Thursday, 1 January 2026
    assert week_of(1_798_761_600_000 - 1) == "2026-W53"
    assert week_of(1_798_761_600_000) == "2026-W53"  # Friday, 1 January 2027


def test_a_request_is_read_and_its_bad_field_named():
    assert parse_fields({}, RetrainFields) == RetrainFields(days=None, seed=None, dry_run=False)
    told = {"days": 90, "seed": 0, "dry_run": True}
    assert parse_fields(told, RetrainFields) == RetrainFields(days=90, seed=0, dry_run=True)
    for body, field in (
        ({"days": 1.5}, "days"),
        ({"seed": 2**31}, "seed"),
        ({"x": 1}, "x"),
        ({"dry_run": None}, "dry_run"),
    ):
        with pytest.raises(BadRequest) as caught:
            parse_fields(body, RetrainFields)
        assert caught.value.field == field


def judged(made: Training, *, takes_over: bool, parent: str) -> Training:
    """The same with what a gate said, signed again."""
    verdict = replace(made.manifest.verdict, takes_over=takes_over)
    manifest = replace(made.manifest, verdict=verdict, parent=parent)
    body = encode(manifest)
    return replace(
        made,
        manifest=manifest,
        files={**made.files, MANIFEST: body, SIGNATURE: sign(body, SIGNING_KEY)},
    )


class World:
    """A champion and a challenger in a registry."""

    def __init__(self, *, takes_over: bool = True, parent: str | None = None) -> None:
        self.registry = BundleRegistry(MemoryBucket())
        self.old = small_training()
        self.new = judged(
            small_training(seed=4), takes_over=takes_over, parent=parent or self.old.version
        )
        for made in (self.old, self.new):
            self.registry.publish(made.version, made.files)
        self.registry.promote(self.old.version, at=1, why="first", by="test")
        self.registry.challenge(self.new.version, at=2, why="test", by="test")

    def settle(self, *, after_days: float, against: str | None = None, promote: bool = True) -> str:
        retrain = replace(SETTINGS.retrain, promote=promote, shadow_days=7)
        return serving.settle_challenger(
            self.registry,
            serving.load_serving_bundles(self.registry, (public_of(SIGNING_KEY),)),
            settings=retrain,
            as_of=self.new.manifest.as_of + round(after_days * DAY),
            now_ms=3,
            refuted=lambda champion, challenger: against,
        )


def test_a_challenger_serves_after_its_days_and_not_before():
    scene = World()
    assert "goes on beside" in scene.settle(after_days=6.99)
    assert scene.registry.current().version == scene.old.version
    assert "serves now" in scene.settle(after_days=7)
    now = scene.registry.current()
    assert (now.version, now.previous, now.challenger) == (
        scene.new.version,
        scene.old.version,
        None,
    )
    assert scene.settle(after_days=8) == ""


def test_a_challenger_that_the_record_speaks_against_goes_and_a_person_may_keep_the_decision():
    scene = World()
    assert "a person decides" in scene.settle(after_days=9, promote=False)
    assert scene.registry.current().challenger == scene.new.version
    assert "does not take" in scene.settle(after_days=9, against="it was worse")
    assert (scene.registry.current().version, scene.registry.current().challenger) == (
        scene.old.version,
        None,
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"takes_over": False}, "no gate said"),
        ({"parent": "another"}, "was judged against another"),
    ],
)
def test_a_challenger_that_was_not_judged_against_this_champion_never_takes_its_place(changes, why):
    scene = World(**changes)
    assert why in scene.settle(after_days=9)
    assert (scene.registry.current().version, scene.registry.current().challenger) == (
        scene.old.version,
        None,
    )


def test_the_recipe_in_a_bundle_gives_the_same_settings_back_and_another_one_none():
    from models.fit.recipe import recipe_hash

    other = replace(SETTINGS, learning=replace(SETTINGS.learning, max_depth=3, row_step=4))
    files = {rivals.RECIPE: rivals.recipe_file(other)}
    found = rivals.champions_settings(files, recipe_hash(other), SETTINGS)
    assert found is not None
    assert found.learning == other.learning
    assert rivals.champions_settings(files, "another", SETTINGS) is None
    assert rivals.champions_settings({}, recipe_hash(other), SETTINGS) is None
    assert rivals.champions_settings({rivals.RECIPE: b"{"}, recipe_hash(other), SETTINGS) is None


def test_tuned_sizes_are_due_after_their_days_and_worth_nothing_for_other_settings():
    bucket = MemoryBucket()
    found = sizes.Tuned(
        at=100 * DAY, base=sizes.base_of(SETTINGS.learning), trials=20, sizes={"rounds": 60}
    )
    sizes.store_sizes(bucket, "a", found)
    assert sizes.find_sizes(bucket, "a", SETTINGS.learning) == found
    assert sizes.find_sizes(bucket, "a", replace(SETTINGS.learning, days=90, seed=1)) == found
    assert sizes.find_sizes(bucket, "a", replace(SETTINGS.learning, max_depth=2)) is None
    assert sizes.find_sizes(bucket, "b", SETTINGS.learning) is None
    monthly = replace(SETTINGS, retrain=replace(SETTINGS.retrain, tune_every_days=28))
    never = replace(SETTINGS, retrain=replace(SETTINGS.retrain, tune_every_days=0))
    assert [sizes.is_search_due(found, monthly, as_of=at * DAY) for at in (127, 128)] == [
        False,
        True,
    ]
    assert (
        sizes.is_search_due(None, monthly, as_of=0),
        sizes.is_search_due(None, never, as_of=0),
    ) == (True, False)
    assert sizes.with_sizes(SETTINGS, {"rounds": 60}).learning.rounds == 60
    with pytest.raises(BadData):
        sizes.with_sizes(SETTINGS, {"leaves": 60})
    bucket.put("tuning/a.json", b"{")
    with pytest.raises(BadData, match="delete it"):
        sizes.find_sizes(bucket, "a", SETTINGS.learning)


def result(outcome: str = "kept") -> dict:
    verdict = {"may_serve": True, "may_enter": False, "checks": [], "takes_over": False}
    return {
        "version": "v",
        "why": "w",
        "outcome": outcome,
        "verdict": verdict,
        "in_words": "words",
        "serves": None,
        "as_of": 0,
        "training": {"from_at": 0, "rows": 1},
    }


def test_weeks_without_a_change_become_a_warning():
    levels = [
        alert_of("b", "n", result(), at=0, unchanged=count).level for count in range(KEPT_WEEKS + 2)
    ]
    assert levels == [Level.INFO] * KEPT_WEEKS + [Level.WARNING] * 2
    assert alert_of("b", "n", result("refused"), at=0, unchanged=1).level is Level.WARNING
    assert (
        alert_of("b", "n", result(), at=0, unchanged=0).fields["serves now"]
        == "nothing: no entries"
    )


def evidence(count: int = 3_000) -> tuple[PredictionRows, MoneyRecord, tuple[Check, ...]]:
    rng = np.random.default_rng(5)
    said = rng.dirichlet([2.0, 1.0, 2.0], size=count)
    as_of = 1_700_000_000_000 + np.arange(count, dtype=np.int64) * 900_000
    label = np.array([rng.choice(3, p=row) for row in said], dtype=np.int8)
    rows = PredictionRows(
        as_of=as_of,
        end_at=as_of + 900_000,
        label=label,
        weight=np.full(count, 0.5),
        probabilities=said,
        volatility_only=said,
        known_at=as_of - DAY,
    )
    days = np.arange(60, dtype=np.int64) * DAY
    returns = rng.normal(0.0, 0.01, 60)
    money = MoneyRecord(
        day_at=days,
        returns=returns,
        hold=returns[::-1],
        closed_at=days,
        net_rates=returns,
        random=returns,
    )
    checks = (
        Check(
            name="a<b",
            value=1.0,
            threshold=0.5,
            passed=True,
            meaning="above: x",
            group="enter",
            lower=0.9,
            upper=1.1,
        ),
        Check(
            name="none",
            value=None,
            threshold=0.5,
            passed=False,
            meaning="above: y",
            group="champion",
        ),
        Check(name="told", value=2.0, threshold=3.0, passed=True, meaning="z", group="note"),
    )
    return rows, money, checks


def test_pictures_are_whole_svg_and_the_same_bytes_every_time():
    rows, money, checks = evidence()
    made = [pictures(rows=rows, money=money, checks=checks, block=96, seed=7) for _ in range(2)]
    assert made[0] == made[1]
    assert len(made[0]) == 5
    for name, data in made[0].items():
        root = ET.fromstring(data)
        assert root.tag.endswith("svg"), name
        assert len(data) < 200_000
        assert b"nan" not in data
    assert pictures(rows=rows, money=money, checks=checks, block=96, seed=8) != made[0]
    assert b"a&lt;b" in made[0]["gate.svg"]
    assert made[0]["gate.svg"].count(b">failed</text>") == 1


def test_the_months_count_rows_as_the_gate_does():
    rows, _, _ = evidence()
    plain = pictures(rows=rows, money=None, checks=(), block=96, seed=7)["skill_by_month.svg"]
    wrong = rows.probabilities[np.arange(len(rows)), rows.label] < 1 / 3
    assert 50 < wrong.sum() < len(rows) - 50
    lighter = replace(rows, weight=np.where(wrong, rows.weight / 2, rows.weight))
    assert (
        pictures(rows=lighter, money=None, checks=(), block=96, seed=7)["skill_by_month.svg"]
        != plain
    )


def test_honest_probabilities_lie_on_the_line_and_what_there_is_not_is_not_drawn():
    rows, money, checks = evidence()
    from models.card.pictures import _points

    points = _points(rows, 2)
    assert len(points) == 10
    assert sum(low <= said <= high for said, _, low, high in points) >= 9
    assert set(pictures(rows=None, money=money, checks=checks, block=96, seed=7)) == {
        "equity.svg",
        "gate.svg",
    }
    assert pictures(rows=None, money=None, checks=(), block=96, seed=7) == {}
