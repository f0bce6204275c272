"""The array stages from the cache equal the computed ones, and anything that could change them is a
miss.
"""

import dataclasses

import numpy as np
import pytest

from models.backtest.stage_cache import KEPT, StageCache, stage_cache_key
from shared.core.errors import StoreBroken
from shared.core.settings import load_settings
from shared.core.types import Timeframe
from shared.model import load_bundle
from shared.model.signing import public_of
from shared.stores.local.folder import FolderBucket
from shared.stores.memory import MemoryBucket
from shared.turn import pipeline
from tests.support.made_trainings import SIGNING_KEY, headed_training, market, small_training

SINCE = 1_735_689_600_000 + 40 * 86_400_000


@pytest.fixture(scope="module")
def settings():
    return load_settings({})


@pytest.fixture(scope="module")
def bundle():
    made = small_training()
    return load_bundle(made.files, public_keys=(public_of(SIGNING_KEY),), version=made.version)


@pytest.fixture(scope="module")
def candles():
    return market(75, seed=3, edge_bp=8.0)


def same(one: pipeline.Stages, other: pipeline.Stages) -> bool:
    pairs = [
        *(
            (getattr(one.features, name), getattr(other.features, name))
            for name in ("as_of", "values")
        ),
        *(
            (getattr(one.votes, name), getattr(other.votes, name))
            for name in ("as_of", "sides", "confidences", "consensus", "strength")
        ),
    ]
    if (one.prediction is None) != (other.prediction is None):
        return False
    if one.prediction is not None and other.prediction is not None:
        told = ("model", "barriers")
        if any(getattr(one.prediction, name) != getattr(other.prediction, name) for name in told):
            return False
        pairs.append((one.prediction.probabilities, other.prediction.probabilities))
        for name in ("unasked", "volatility", "p_vote"):
            columns = (getattr(one.prediction, name), getattr(other.prediction, name))
            if (columns[0] is None) != (columns[1] is None):
                return False
            if columns[0] is not None:
                pairs.append(columns)
    return all(
        a.shape == b.shape
        and a.dtype == b.dtype
        and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in pairs
    ) and (one.features.names, one.votes.names) == (other.features.names, other.votes.names)


@pytest.fixture(scope="module")
def headed():
    made = headed_training()
    return load_bundle(made.files, public_keys=(public_of(SIGNING_KEY),), version=made.version)


@pytest.mark.parametrize("which", ["bundle", "headed", None])
@pytest.mark.parametrize("since", [None, SINCE])
def test_what_is_found_equals_what_is_computed(tmp_path, request, settings, candles, since, which):
    model = None if which is None else request.getfixturevalue(which)
    cache = StageCache(FolderBucket(tmp_path / "bucket"))
    made = cache.stages(candles, bundle=model, settings=settings, since=since)
    assert not cache.found.hit
    assert "nothing was stored" in cache.found.told
    again = StageCache(FolderBucket(tmp_path / "bucket"))
    found = again.stages(candles, bundle=model, settings=settings, since=since)
    assert again.found.hit
    assert same(made, found)
    whole = pipeline.stages(candles, bundle=model, settings=settings, since=since)
    assert found.features.names == KEPT
    for name in KEPT:
        assert np.array_equal(
            found.features.column(name), whole.features.column(name), equal_nan=True
        )
    whole = dataclasses.replace(whole, features=found.features)
    assert same(whole, found)
    signals = 0
    counts = {Timeframe.M15: 1000, Timeframe.H4: 1000}
    for row in range(3_900, len(found.votes.as_of), 7):
        one = pipeline.signal_at(found, row, candles_before=counts, slow_until=0, settings=settings)
        assert one == pipeline.signal_at(
            whole, row, candles_before=counts, slow_until=0, settings=settings
        )
        said = one.forecast
        signals += said is not None
        assert (one.volatility is None) == (model is None)
        assert (said is not None and said.p_vote is not None) == (
            said is not None and which == "headed"
        )
    assert signals >= 100 or model is None


def variants(settings, bundle, candles):
    fast = candles[Timeframe.M15]
    volume = fast.volume.copy()
    volume[17] += 0.0001
    slow = candles[Timeframe.H4]
    strategies = dataclasses.replace(
        settings.strategies,
        adx_trend=dataclasses.replace(settings.strategies.adx_trend, strong=26.0),
    )
    calibration = dataclasses.replace(bundle.manifest.calibration, slope=0.5)
    value = bundle.forest.value.copy()
    value[3, 1] += 1e-9
    return {
        "a volume": {
            "candles": {**candles, Timeframe.M15: dataclasses.replace(fast, volume=volume)}
        },
        "one candle less": {"candles": {**candles, Timeframe.M15: fast.rows(0, -1)}},
        "one 4h candle less": {"candles": {**candles, Timeframe.H4: slow.rows(1, None)}},
        "no 4h candles": {"candles": {Timeframe.M15: fast}},
        "a strategy": {"settings": dataclasses.replace(settings, strategies=strategies)},
        "the consensus": {
            "settings": dataclasses.replace(
                settings, consensus=dataclasses.replace(settings.consensus, agreement=0.41)
            )
        },
        "no model": {"bundle": None},
        "the model's name": {"bundle": dataclasses.replace(bundle, version="other")},
        "the calibration": {
            "bundle": dataclasses.replace(
                bundle, manifest=dataclasses.replace(bundle.manifest, calibration=calibration)
            )
        },
        "a leaf": {
            "bundle": dataclasses.replace(
                bundle, forest=dataclasses.replace(bundle.forest, value=value)
            )
        },
        "the start": {"since": SINCE + 900_000},
        "no start": {"since": None},
        "the sides": {"settings": dataclasses.replace(settings, sides="both")},
    }


def test_whatever_could_change_the_stages_is_a_miss(settings, bundle, candles):
    usual = {"candles": candles, "bundle": bundle, "settings": settings, "since": SINCE}
    keys = {"": stage_cache_key(**usual, code="a")}
    assert stage_cache_key(**usual, code="a") == keys[""]
    for name, change in variants(settings, bundle, candles).items():
        keys[name] = stage_cache_key(**{**usual, **change}, code="a")
    keys["the code"] = stage_cache_key(**usual, code="b")
    assert len(set(keys.values())) == len(keys) == 15


def test_what_comes_after_the_stages_is_a_hit(settings, bundle, candles):
    cache = StageCache(MemoryBucket())
    cache.stages(candles, bundle=bundle, settings=settings)
    other = load_settings(
        {}, overrides={"capital_jpy": 5_000_000, "risk": {"max_losses": 2}, "sides": "both"}
    )
    cache.stages(candles, bundle=bundle, settings=other)
    assert cache.found.hit


def test_entries_of_other_code_are_not_found(settings, candles):
    bucket = MemoryBucket()
    StageCache(bucket).stages(candles, bundle=None, settings=settings)
    older = StageCache(bucket, code="older")
    older.stages(candles, bundle=None, settings=settings)
    assert not older.found.hit
    assert len(bucket.keys()) == 2


def test_a_damaged_entry_is_computed_again_said_and_replaced(settings, bundle, candles):
    bucket = MemoryBucket()
    cache = StageCache(bucket)
    made = cache.stages(candles, bundle=bundle, settings=settings)
    (name,) = bucket.keys()
    data = bytearray(bucket.get(name).data)
    data[len(data) // 2] ^= 1
    bucket.put(name, bytes(data))
    again = cache.stages(candles, bundle=bundle, settings=settings)
    assert not cache.found.hit
    assert "damaged" in cache.found.told
    assert same(made, again)
    assert same(made, cache.stages(candles, bundle=bundle, settings=settings))
    assert cache.found.hit


class Broken(MemoryBucket):
    """A bucket on a full disk."""

    def put(self, key, data, *, if_generation=None):
        raise StoreBroken("the disk is full", remedy="free some space")


def test_a_store_that_fails_stops_nothing_and_is_named(settings, candles):
    cache = StageCache(Broken())
    done = cache.stages(candles, bundle=None, settings=settings)
    assert len(done.votes.as_of) == len(candles[Timeframe.M15])
    assert not cache.found.hit
    assert "cannot be stored: the disk is full" in cache.found.told
