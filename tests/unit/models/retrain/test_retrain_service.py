"""The weekly retraining in one process: claimed once, the same bytes, and only proven things move
the pointer.
"""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from functions import wiring
from models.jobs.pace import TimeIsUp
from models.retrain import OtherRetrain, RetrainRequest, Retrains
from models.retrain.place import ArchiveHistory
from shared import model
from shared.core.errors import StoreBroken, Unavailable
from shared.core.types import Level, Timeframe
from shared.market.archive import CandleArchive
from shared.model.manifest import CLASSES, MANIFEST, SIGNATURE, Verdict, decode_manifest, encode
from shared.model.proven import proof_terms
from shared.model.registry import BundleRegistry
from shared.model.signing import public_keys, sign
from shared.stores.trials import TrialLog
from tests.support.retrain_world import DAY, NOW, bundle_bytes, home_at, place_in, retrained
from tests.support.world import SIGNING_KEY

WEEK = 7 * DAY


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> tuple[Path, dict, dict]:
    """A data folder after its first retraining, its environment, and what was told."""
    home = tmp_path_factory.mktemp("retrain") / "home"
    environ = home_at(home)
    return home, environ, retrained(environ)


def registry_of(environ) -> BundleRegistry:
    return BundleRegistry(wiring.bucket_for(wiring.settings_from(environ)))


def documents_of(environ):
    return wiring.documents_for(wiring.settings_from(environ))


def test_the_first_bundle_is_gated_signed_published_and_serves(first):
    _, environ, told = first
    result, registry = told["result"], registry_of(environ)
    assert (told["status"], result["outcome"]) == ("done", "promoted")
    assert (
        registry.current().version
        == registry.versions()[0]
        == result["version"]
        == result["serves"]
    )
    assert registry.current().retrained_at == NOW
    files = registry.files(result["version"], audit=True)
    keys = public_keys(wiring.settings_from(environ))
    manifest = model.load_bundle(
        files, public_keys=keys, version=result["version"], whole=True
    ).manifest
    groups = {check.group for check in manifest.verdict.checks}
    assert groups >= {"serve", "enter", "note"}
    assert manifest.verdict == msgspec.convert(result["verdict"], Verdict)
    assert manifest.as_of == NOW - 20_000
    assert manifest.classes == CLASSES
    assert {"skill", "f1", "precision", "recall", "accuracy"} <= set(result["metrics"]["vote"])
    assert result["folds"]["count"] == manifest.trials["folds"] >= 4
    assert sum(result["files"].values()) < 4 * 2**20
    assert manifest.proven == proof_terms(wiring.settings_from(environ))
    assert [one.split()[0] for one in manifest.loosened] == [
        "gate.history_days",
        "gate.shuffles",
    ], "as this small world has it"
    assert any("gate.shuffles" in note for note in manifest.notes)


def test_the_card_tells_trials_folds_verdict_and_how_to_overrule_and_its_pictures_are_signed(first):
    _, environ, told = first
    version = told["result"]["version"]
    files = registry_of(environ).files(version, audit=True)
    card = files["MODEL_CARD.md"].decode()
    for words in (
        f"# Model {version}",
        "1 configurations are on",
        "risk.overrule_model",
        "## Folds of the walk-forward",
    ):
        assert words in card
    assert card.count("\n| 0 |") == 1
    pictures = [name for name in files if name.endswith(".svg")]
    assert sorted(pictures) == [
        "equity.svg",
        "gate.svg",
        "reliability.svg",
        "scores.svg",
        "skill_by_month.svg",
    ]
    assert all(f"]({name})" in card and files[name].startswith(b"<svg") for name in pictures)
    assert {*pictures, "MODEL_CARD.md", "recipe.json"} <= set(
        json.loads(files["manifest.json"])["files"]
    )


def test_a_week_is_worked_on_once(first):
    home, environ, told = first
    before = bundle_bytes(home)
    again = retrained(environ, now=NOW + DAY)
    assert again["already"]
    assert again["result"] == told["result"]
    assert bundle_bytes(home) == before
    assert len(TrialLog(documents_of(environ)).all().trials) == 1
    with pytest.raises(OtherRetrain, match="claimed with 50 days and seed 7"):
        retrained(environ, asked=RetrainRequest(seed=3))


def test_one_alert_tells_what_was_trained_the_verdict_the_numbers_and_what_serves(first):
    _, environ, told = first
    stored = documents_of(environ).query("alerts")
    alerts = [
        document.data["alert"]
        for document in stored
        if document.data["alert"]["kind"] == "retrained"
    ]
    assert len(alerts) == 1
    assert alerts[0]["level"] == Level.INFO
    assert set(alerts[0]["fields"]) >= {"trained", "verdict", "dsr", "serves now"}
    assert alerts[0]["fields"]["serves now"] == told["result"]["version"]
    assert "asked is at least 0.95" in alerts[0]["fields"]["dsr"]


def test_two_at_once_have_one_winner_and_the_other_is_told_who_works(tmp_path):
    environ = home_at(tmp_path / "home")
    at_work, go_on = threading.Event(), threading.Event()

    class Slow(CandleArchive):
        def read(self, *given):
            at_work.set()
            assert go_on.wait(60)
            return super().read(*given)

    bucket = wiring.bucket_for(wiring.settings_from(environ))
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(retrained, environ, history=ArchiveHistory(archive=Slow(bucket)))
        assert at_work.wait(60)
        other = retrained(environ)
        go_on.set()
        told = working.result()
    assert (other["busy"], other["status"], other["result"]) == (True, "working", None)
    assert told["status"] == "done"
    assert registry_of(environ).versions() == [told["result"]["version"]]


def test_time_that_runs_out_saves_what_was_done_and_the_calls_after_it_come_to_the_same_bytes(
    first, tmp_path
):
    home, _, told = first
    environ = home_at(tmp_path / "home")
    waited = Retrains(place_in(environ)).run(RetrainRequest(), seconds=0.0)
    assert (waited["status"], waited["doing"]) == ("waiting", "0 s were over before candles")
    ends = ["fold 2 of", "shuffled labels", "signing and publishing"]
    for number, end in enumerate(ends):
        heard: list[str] = []

        def tell(text: str, _share: float, *, end: str = end, heard: list[str] = heard) -> None:
            heard.append(text)
            if text.startswith(end):
                raise TimeIsUp(f"the test's time was over before {text}")

        stands = Retrains(place_in(environ, now=NOW + number * 60_000)).run(
            RetrainRequest(), on_progress=tell
        )
        assert (stands["status"], stands["more"]) == ("waiting", True)
        assert bundle_bytes(tmp_path / "home") == {}
        if number:
            assert next(text for text in heard if text.startswith("fold ")).startswith(
                f"fold {2 if number == 1 else 5} of"
            )
    heard = []
    stands = Retrains(place_in(environ, now=NOW + DAY)).run(
        RetrainRequest(), on_progress=lambda text, _share: heard.append(text)
    )
    assert "shuffled labels" not in heard
    assert (stands["status"], stands["calls"]) == ("done", 2 + len(ends))
    assert bundle_bytes(tmp_path / "home") == bundle_bytes(home)
    assert stands["result"]["version"] == told["result"]["version"]


def test_a_challenger_runs_beside_the_champion_and_the_next_retraining_lets_it_serve(
    first, tmp_path
):
    """Also: folds of the week before are not fitted again."""
    environ = home_at(
        tmp_path / "home",
        BOT_GATE__MIN_EFFECTIVE_ROWS="5",
        BOT_GATE__CHAMPION_CALIBRATION_SLACK="1.0",
    )
    environ["BOT_GATE__CHAMPION_CONFIDENCE"] = "0.99"
    champion = retrained(environ)["result"]["version"]
    doing: list[str] = []
    place = place_in(environ, now=NOW + WEEK)
    second = Retrains(place).run(
        RetrainRequest(), on_progress=lambda text, _share: doing.append(text)
    )["result"]
    checks = {
        check["name"]: check
        for check in second["verdict"]["checks"]
        if check["group"] == "champion"
    }
    assert checks["champion_comparable"]["passed"]
    assert second["serves"] == champion == second["parent"]
    assert any(text.startswith(("fold 3 of", "fold 4 of")) for text in doing[:6]), doing[:6]
    registry = registry_of(environ)
    better = no_worse(
        registry, second["version"]
    )  # by the numbers of this market it is not; the rest is about what follows
    registry.challenge(better, at=NOW + WEEK, why="test", by="test")
    third = retrained(environ, now=NOW + 2 * WEEK)["result"]
    assert f"{better} serves now" in " ".join(third["notes"])
    assert third["parent"] == better
    assert registry.current().previous == champion


def no_worse(registry: BundleRegistry, version: str) -> str:
    """A published copy of a bundle of which the gate said that it is no worse than the champion."""
    files = registry.files(version, audit=True)
    manifest = decode_manifest(files[MANIFEST])
    verdict = replace(manifest.verdict, takes_over=True)
    body = encode(replace(manifest, version=f"{version}-better", verdict=verdict))
    registry.publish(
        f"{version}-better", {**files, MANIFEST: body, SIGNATURE: sign(body, SIGNING_KEY)}
    )
    return f"{version}-better"


@pytest.mark.parametrize("damage", ["manifest.sig", "model.npz"])
def test_a_champion_that_is_not_whole_keeps_no_other_from_being_trained(first, tmp_path, damage):
    home, environ, told = first
    shutil.copytree(home, tmp_path / "home")
    environ = {**environ, "BOT_HOME": str(tmp_path / "home")}
    registry, version = registry_of(environ), told["result"]["version"]
    wiring.bucket_for(wiring.settings_from(environ)).delete(f"bundles/{version}/{damage}")
    second = retrained(environ, now=NOW + WEEK)
    assert second["status"] == "done"
    assert "does not load" in " ".join(second["result"]["notes"])
    assert registry.current().version == second["result"]["version"] != version


def test_a_trial_is_on_record_before_anything_of_its_bundle_is_published(first, tmp_path):
    """A worker that dies in between has looked at a result, and it counts whether anybody goes on
    or not.
    """

    class Full:
        def __init__(self, inner):
            self._inner = inner

        def put(self, key, data, **more):
            if key.startswith("bundles/"):
                raise StoreBroken("the bucket is full")
            return self._inner.put(key, data, **more)

        def __getattr__(self, name):
            return getattr(self._inner, name)

    environ = home_at(tmp_path / "home")
    with pytest.raises(StoreBroken):
        retrained(environ, bucket=Full(place_in(environ).bucket))
    assert len(TrialLog(documents_of(environ)).all("walk-forward").trials) == 1
    assert registry_of(environ).versions() == []
    again = retrained(environ)
    assert again["result"]["version"] == first[2]["result"]["version"]
    assert bundle_bytes(tmp_path / "home") == bundle_bytes(first[0])
    assert len(TrialLog(documents_of(environ)).all().trials) == 1


def test_bad_data_stops_with_words_an_alert_and_nothing_trained(tmp_path):
    environ = home_at(tmp_path / "home")
    told = retrained(environ, now=NOW + 21 * DAY)
    assert told["status"] == "failed"
    assert "stale_end" in told["error"]["error"]
    assert registry_of(environ).versions() == []
    alerts = [document.data["alert"] for document in documents_of(environ).query("alerts")]
    assert [alert["kind"] for alert in alerts] == ["retrain_failed"]
    assert alerts[0]["level"] == Level.WARNING


def test_an_exchange_that_does_not_answer_leaves_the_claim_for_the_next_call(tmp_path):
    class Dead:
        def candle_file(self, file):
            raise Unavailable("the exchange did not answer")

    environ = home_at(tmp_path / "home")
    archive = CandleArchive(wiring.bucket_for(wiring.settings_from(environ)))
    with pytest.raises(Unavailable):
        retrained(environ, history=ArchiveHistory(archive=archive, feed=Dead()))
    claims = Retrains(place_in(environ)).recent()
    assert [(claim["status"], claim["more"]) for claim in claims] == [("waiting", True)]
    assert len(archive.read(Timeframe.M15, 0, NOW)) > 0


def test_who_interrupts_a_training_by_hand_can_go_on_at_once(tmp_path):
    environ = home_at(tmp_path / "home")

    def interrupt(text, _share):
        if "fold" in text:
            raise KeyboardInterrupt

    for calls in (1, 2):  # the second is not told that another process works on it
        with pytest.raises(KeyboardInterrupt):
            Retrains(place_in(environ)).run(RetrainRequest(by_hand=True), on_progress=interrupt)
        (stands,) = Retrains(place_in(environ)).recent()
        assert (stands["status"], stands["calls"]) == ("waiting", calls)


def test_too_little_history_for_a_fold_serves_where_nothing_does_and_proves_nothing(tmp_path):
    environ = home_at(tmp_path / "home", BOT_LEARNING__DAYS="80", BOT_LEARNING__ROW_STEP="4")
    told = retrained(environ)["result"]
    assert (told["folds"], told["money"], told["outcome"]) == (None, None, "promoted")
    verdict = msgspec.convert(told["verdict"], Verdict)
    assert not verdict.may_enter
    assert [check.name for check in verdict.checks if not check.passed] == ["enough_history"]


def test_a_person_decides_where_promotion_is_off(tmp_path):
    environ = home_at(
        tmp_path / "home",
        BOT_RETRAIN__PROMOTE="false",
        BOT_LEARNING__DAYS="80",
        BOT_LEARNING__ROW_STEP="4",
    )
    told = retrained(environ)["result"]
    assert told["outcome"] == "waits"
    assert (registry_of(environ).current(), told["serves"]) == (None, None)
    assert replace(RetrainRequest(), promote=False).digest() != RetrainRequest().digest()
