"""A bundle serves only what it was made for: its purpose and its question stand in the signed
manifest.
"""

import json
from dataclasses import replace
from functools import cache

import pytest

from models.fit.train import Training, train
from shared.core.errors import BadBundle
from shared.core.reasons import Reason
from shared.core.settings import Settings, load_settings
from shared.model.manifest import MANIFEST, SIGNATURE, decode_manifest, encode
from shared.model.registry import BundleRegistry
from shared.model.signing import public_of, sign
from shared.stores.memory import MemoryBucket
from shared.turn.champion import Champions, unsuited_reason
from tests.support.made_trainings import (
    COMMIT,
    SIGNING_KEY,
    last_close,
    market,
    small_settings,
    small_training,
)

KEYS = (public_of(SIGNING_KEY),)
SANDBOX = {
    "BOT_EXCHANGE__PUBLIC_URL": "http://127.0.0.1:1",
    "BOT_EXCHANGE__PRIVATE_URL": "http://127.0.0.1:1/v1",
}


def resigned(made: Training, **changes) -> dict[str, bytes]:
    """The bundle with another manifest, signed again."""
    told = encode(replace(decode_manifest(made.files[MANIFEST]), **changes))
    return {**made.files, MANIFEST: told, SIGNATURE: sign(told, SIGNING_KEY)}


@cache
def of_a_backtest() -> Training:
    candles = market(75, seed=3, edge_bp=8.0)
    return train(
        candles,
        small_settings(60),
        as_of=last_close(candles),
        seed=7,
        commit=COMMIT,
        signing_key=SIGNING_KEY,
        purpose="backtest",
    )


def serving(registry: BundleRegistry, settings: Settings | None = None):
    return Champions(registry, KEYS, settings or small_settings()).load_champion()


def test_what_was_made_for_a_backtest_lies_apart_and_is_found_by_whoever_replays_it():
    made, other, registry = of_a_backtest(), small_training(), BundleRegistry(MemoryBucket())
    assert made.manifest.purpose == "backtest"
    assert made.version != other.version, "another purpose is another bundle"
    registry.publish(made.version, made.files)
    registry.publish(other.version, other.files)
    assert registry.versions() == [other.version]
    assert registry.apart_versions() == [made.version]
    assert registry.files(made.version)[MANIFEST] == made.files[MANIFEST]
    registry.publish(made.version, made.files)
    assert registry.apart_versions() == [made.version], "twice is once"


def test_it_is_neither_promoted_nor_made_a_challenger_and_no_bundle_that_says_so_elsewhere_is():
    made, other, bucket = of_a_backtest(), small_training(), MemoryBucket()
    registry = BundleRegistry(bucket)
    registry.publish(made.version, made.files)
    registry.publish(other.version, other.files)
    registry.promote(other.version, at=1, why="a test", by="test")
    for move in (registry.promote, registry.challenge):
        with pytest.raises(BadBundle, match=r"purpose: .* was made for a backtest"):
            move(made.version, at=2, why="a test", by="test")
    for name, data in made.files.items():  # a person copies it
        bucket.put(f"bundles/{made.version}/{name}", data)
    with pytest.raises(BadBundle, match="purpose"):
        registry.promote(made.version, at=3, why="a test", by="test")
    assert registry.current().version == other.version


def test_a_pointer_that_names_one_all_the_same_serves_nothing_by_name():
    made, bucket = of_a_backtest(), MemoryBucket()
    registry = BundleRegistry(bucket)
    other = small_training()
    registry.publish(other.version, other.files)
    registry.promote(other.version, at=1, why="a test", by="test")
    blob = bucket.get("bundles/current.json")
    for name, data in made.files.items():
        bucket.put(f"bundles/{made.version}/{name}", data)
    told = json.loads(blob.data)
    told["version"] = made.version
    bucket.put("bundles/current.json", json.dumps(told).encode())
    found = serving(registry)
    assert found.bundle is None
    assert [(issue.reason, issue.forbids_entry) for issue in found.issues] == [
        (Reason.MODEL_INVALID, True)
    ]
    assert "purpose" in found.issues[0].context["found"]


def test_a_demos_bundle_serves_on_a_sandbox_alone():
    files = resigned(small_training(), purpose="demo")
    manifest = decode_manifest(files[MANIFEST])
    assert "purpose" in unsuited_reason(manifest, small_settings())
    at_home = replace(small_settings(), exchange=load_settings(SANDBOX).exchange)
    assert unsuited_reason(manifest, at_home) is None


@pytest.mark.parametrize(
    ("environ", "profile", "names"),
    [
        ({}, "phase19", "12"),
        ({}, "phase22", "15"),
        ({"BOT_LEARNING__FEATURES": "phase19"}, None, "features"),
        ({"BOT_LEARNING__LABEL": "next_candle"}, None, "its label is barriers"),
        (
            {"BOT_LEARNING__BARRIER_ATR": "3"},
            None,
            "4 ATR within 48 candles and the settings ask for 3 ATR",
        ),
        ({"BOT_LEARNING__HORIZON_CANDLES": "96"}, None, "within 96 candles"),
    ],
)
def test_one_of_other_features_label_or_barriers_is_no_model_of_these_settings_by_name(
    environ, profile, names
):
    made, registry = small_training(), BundleRegistry(MemoryBucket())
    registry.publish(made.version, made.files)
    registry.promote(made.version, at=1, why="a test", by="test")
    settings = load_settings({"BOT_HOME": "/nowhere", **environ}, profile=profile)
    assert serving(registry).bundle is not None
    found = serving(registry, settings)
    assert found.bundle is None
    (issue,) = found.issues
    assert issue.forbids_entry
    assert "question" in issue.context["found"]
    assert names in issue.context["found"]


def test_what_only_decides_how_it_is_learned_or_traded_makes_no_other_question():
    other = {
        "BOT_LEARNING__ROUNDS": "9",
        "BOT_LEARNING__SEED": "1",
        "BOT_RISK__STOP_ATR": "9",
        "BOT_LEARNING__DAYS": "90",
    }
    assert unsuited_reason(small_training().manifest, load_settings(other)) is None


# what bundles remember of the trial log


def test_the_most_that_any_bundle_knows_is_remembered_also_by_those_in_the_archive():
    registry, made = BundleRegistry(MemoryBucket()), small_training()
    assert registry.most_logged() == 0
    for number, trials in enumerate(
        ({"logged": 5}, {"logged": 3, "most_logged": 9}, {"on_record": 400})
    ):
        version = f"{made.version}-{number}"
        registry.publish(version, resigned(made, version=version, trials=trials))
    assert registry.most_logged() == 9
    registry.archive(before_at=made.manifest.as_of + 1, keep=1)
    assert len(registry.archived_versions()) == 2
    assert registry.most_logged() == 9
