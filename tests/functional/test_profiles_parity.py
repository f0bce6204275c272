"""The profiles of the original run in ticks and in replays by the same code, with models of their
own features and label.
"""

import pytest

from functions import wiring
from models.fit.train import train
from models.jobs.keys import signing_key
from shared.core.types import Timeframe
from shared.market.candles import aggregate
from shared.model.registry import BundleRegistry
from shared.replay import replay
from shared.results.parity import compare_reports, schedule_from
from tests.support import parity_world
from tests.support.world import DAY, INTERVAL, QUICK, SIGNING_KEY, world

ASKED_FOR_LESS = {
    "BOT_ALERTS": "log",
    "BOT_RISK__MIN_PROBABILITY": "0.05",
    "BOT_RISK__MAX_LATENCY_MS": "60000",
    "BOT_RISK__PRICE_Z": "1000",
    "BOT_RISK__VOLUME_Z": "1000",
    "BOT_CONSENSUS__AGREEMENT": "0.25",
    "BOT_CONSENSUS__MIN_CONFIDENCE": "0.2",
    "BOT_REPLAY__MAKER_FEE_RATE": "0.0",
    "BOT_REPLAY__TAKER_FEE_RATE": "0.001",
}
"""So that some hours hold entries, with the fees that the exchange takes; features, label,
strategies, stops and sizes are the profile's.
"""


PROFILES = [pytest.param("phase19", 12, 0.6, marks=pytest.mark.full), ("phase22", 15, 0.3)]


@pytest.mark.parametrize(("profile", "features", "days"), PROFILES)
def test_a_profile_decides_and_earns_the_same_in_ticks_and_in_a_replay(
    profile, features, days, tmp_path
):
    told = parity_world.story(
        seed=6, start_at=parity_world.NEW_YEAR - DAY // 8, days=days, missed=2, late=2
    )
    minutes = parity_world.market_of(told)
    extra = {"BOT_PROFILE": profile, **ASKED_FOR_LESS}
    with world(tmp_path / "home", now=told.start_at, minutes=minutes, extra=extra) as scene:
        bundle = trained(scene, minutes, told.start_at)
        assert len(bundle.features) == features
        assert (bundle.barriers.kind, bundle.barriers.move_rate) == ("next_candle", 0.003)
        reports = parity_world.driven(scene, told, parity_world.in_process(scene))
        schedule = schedule_from(reports, INTERVAL)
        inputs = parity_world.inputs(
            scene,
            minutes,
            schedule=schedule,
            start_at=told.start_at,
            end_at=told.end_at,
            every_tick=True,
        )
    seen = parity_world.counted(reports)
    assert seen["ticks"] == len(told.deliveries) > 100
    assert seen["entries"] >= 2, seen
    assert seen["trades"] >= 1, seen
    found = compare_reports(reports, replay(inputs).ticks, schedule=schedule)
    assert found.differences == (), found.sentence
    assert found.equal_decisions == len(reports)


def trained(scene, minutes, as_of):
    """A model of the profile that serves from now on; its manifest."""
    settings = wiring.settings_from({**QUICK, **scene.environ})
    signing_key(scene.settings, {"BOT_BUNDLE_SIGNING_KEY": SIGNING_KEY})
    known = minutes.closed_by(as_of - DAY)
    candles = {frame: aggregate(known, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    made = train(
        candles, settings, as_of=as_of - DAY, seed=1, commit="0" * 40, signing_key=SIGNING_KEY
    )
    registry = BundleRegistry(wiring.bucket_for(scene.settings))
    registry.publish(made.version, made.files)
    registry.promote(made.version, at=as_of, why="a test", by="test")
    return made.manifest
