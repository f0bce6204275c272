"""`models`, `promote` and `rollback` as a person uses them, on a store with two real bundles."""

import json
from dataclasses import replace

import pytest

from functions import wiring
from models.fit.train import Training
from models.jobs.keys import signing_key
from scripts.cli import main
from shared.model.manifest import MANIFEST, SIGNATURE, decode_manifest, encode
from shared.model.registry import BundleRegistry
from shared.model.signing import sign
from shared.tick.documents import BotDocuments
from shared.turn.watch import shadow
from tests.support import world as worlds
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, world

NOW = START + HISTORY_DAYS * DAY


def first() -> Training:
    return worlds.training(8.0, 5)


def second() -> Training:
    return worlds.training(8.0, 6)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A data folder where the first bundle serves and the second was published after it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOT_HOME", str(tmp_path / "home"))
    settings = wiring.settings_from({"BOT_HOME": str(tmp_path / "home")})
    signing_key(settings, {"BOT_BUNDLE_SIGNING_KEY": worlds.SIGNING_KEY})
    registry = BundleRegistry(wiring.bucket_for(settings))
    for made in (first(), second()):
        registry.publish(made.version, made.files)
    registry.promote(first().version, at=NOW, why="the first", by="test")
    return settings


def told(capsys, *words: str, code: int = 0):
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def audits(settings) -> list[dict]:
    documents = wiring.documents_for(settings)
    try:
        return [dict(item.data) for item in documents.query("audit")]
    finally:
        documents.close()


def test_a_promotion_and_a_rollback_are_one_command_each_and_leave_who_when_and_why(
    home, capsys
) -> None:
    old, new = first().version, second().version
    answer = told(capsys, "promote", new, "--reason", "better", "--by", "alice")
    assert (answer["promoted"], answer["pointer"]["version"], answer["pointer"]["previous"]) == (
        True,
        new,
        old,
    )
    back = told(capsys, "rollback", "--reason", "worse after all", "--by", "bob")
    assert (back["pointer"]["version"], back["before"], back["loads"]) == (old, new, True)
    moves = [
        (move["what"], move["version"], move["by"], move["why"])
        for move in back["pointer"]["history"]
    ]
    assert moves == [
        ("promote", old, "test", "the first"),
        ("promote", new, "alice", "better"),
        ("rollback", old, "bob", "worse after all"),
    ]
    kept = sorted(audits(home), key=lambda record: record["at"])
    assert [(record["who"], record["why"], record["what"]) for record in kept] == [
        ("alice", "better", {"promote": new}),
        ("bob", "worse after all", {"rollback": old}),
    ]
    assert all(record["at"] > 0 for record in kept)


def test_a_bundle_of_another_label_or_made_for_a_backtest_is_refused_by_name(
    home, capsys, monkeypatch
) -> None:
    made = second()
    own = f"{made.version[:-1]}{'0' if made.version[-1] != '0' else '1'}"
    manifest = encode(
        replace(decode_manifest(made.files[MANIFEST]), version=own, purpose="backtest")
    )
    apart = {**made.files, MANIFEST: manifest, SIGNATURE: sign(manifest, worlds.SIGNING_KEY)}
    BundleRegistry(wiring.bucket_for(home)).publish(own, apart)
    assert main(["promote", own, "--why", "x"]) == 2
    assert "was made for a backtest" in capsys.readouterr().err
    monkeypatch.setenv("BOT_LEARNING__BARRIER_ATR", "3")
    assert main(["promote", made.version, "--why", "x"]) == 2
    refused = capsys.readouterr().err
    assert f"{made.version} cannot serve" in refused
    assert "the settings ask for 3 ATR" in refused
    assert audits(home) == []


def test_promoting_what_serves_already_says_so_and_leaves_no_record(home, capsys) -> None:
    assert main(["promote", first().version, "--why", "x"]) == 0
    said = capsys.readouterr().out
    assert "serves already: nothing was changed" in said
    assert "none: in live mode it enters nothing" in said
    assert audits(home) == []


def test_what_cannot_serve_is_refused_in_one_sentence_with_a_remedy(home, capsys) -> None:
    assert main(["promote", "no-such-version", "--why", "x"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        "error: no-such-version cannot serve: files: there is no complete bundle"
    )
    assert first().version in error.splitlines()[1]
    bucket = wiring.bucket_for(home)
    bucket.put(f"bundles/{second().version}/model.npz", b"damaged")
    assert main(["promote", second().version, "--why", "x"]) == 2
    assert "hashes: model.npz" in capsys.readouterr().err
    assert BundleRegistry(bucket).current().version == first().version
    assert audits(home) == []


def test_without_a_model_before_it_there_is_nothing_to_roll_back_to(home, capsys) -> None:
    assert main(["rollback", "--why", "x"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        "error: nothing was rolled back: no bundle served before the present one"
    )
    assert "remedy: `scripts/bot models`" in error
    assert audits(home) == []


def test_the_list_names_roles_verdicts_and_what_is_wrong(home, capsys) -> None:
    registry = BundleRegistry(wiring.bucket_for(home))
    registry.challenge(second().version, at=NOW, why="a test", by="test")
    answer = told(capsys, "models")
    assert {row["version"]: (row["role"], row["verdict"]) for row in answer["models"]} == {
        first().version: ("champion", "may serve"),
        second().version: ("challenger", "may serve"),
    }
    assert answer["live"] == {}
    wiring.bucket_for(home).put(f"bundles/{second().version}/model.npz", b"damaged")
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert f"champion    {first().version} since" in said
    assert f"challenger  {second().version} since" in said
    assert "does not load" in said
    assert "hashes: model.npz" in said
    assert "no candle that a model spoke of has its outcome yet" in said


def test_the_list_is_empty_before_the_first_training(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOT_HOME", str(tmp_path / "home"))
    answer = told(capsys, "models")
    assert (answer["pointer"], answer["models"], answer["archived"], answer["live"]) == (
        None,
        [],
        [],
        {},
    )


def recorded(scene: World) -> World:
    """A bot that ticked once a candle for 54 candles with a challenger beside it."""
    registry = BundleRegistry(wiring.bucket_for(scene.with_model().settings))
    registry.publish(second().version, second().files)
    registry.challenge(second().version, at=NOW, why="a test", by="test")
    ports = scene.ports()
    for candle in range(54):
        scene.tick(NOW + candle * 5 * INTERVAL, ports)
    record = shadow.decode_shadow(
        BotDocuments(ports.documents, "default").days(since="2000-01-01", until="2100-01-01")
    )
    assert record.both(first().version, second().version).sum() == 54, (
        "every candle is in the record"
    )
    assert (record.sides == 0).any(), "also those without a consensus"
    return scene


def test_the_list_says_how_both_models_have_come_out(tmp_path, monkeypatch, capsys) -> None:
    with world(tmp_path / "home") as scene:
        recorded(scene)
        for name, value in scene.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        live = told(capsys, "models")["live"]
        assert main(["models"]) == 0
    assert set(live) == {first().version, second().version}
    assert len({score["rows"] for score in live.values()}) == 1
    assert next(iter(live.values()))["rows"] >= 5
    assert all(score["log_loss"] > 0 for score in live.values())
    assert "independent ones" in capsys.readouterr().out


def test_the_status_says_that_a_person_overruled_the_gate(tmp_path, monkeypatch, capsys) -> None:
    with world(tmp_path / "home", extra={"BOT_RISK__OVERRULE_MODEL": first().version}) as scene:
        scene.with_model().tick(NOW)
        for name, value in scene.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        main(["status"])
        said = capsys.readouterr().out
        main(["doctor"])
        examined = capsys.readouterr().out
    assert (
        f"model     model_overruled: risk.overrule_model lets {first().version} enter although"
        in said
    )
    assert "model_overruled" in examined


def test_the_doctor_says_what_is_not_proven_and_that_an_overruled_version_does_not_serve(
    tmp_path, monkeypatch, capsys
) -> None:
    with world(tmp_path / "home", extra={"BOT_RISK__OVERRULE_MODEL": "another"}) as scene:
        scene.with_model()
        for name, value in scene.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        main(["doctor"])
        examined = capsys.readouterr().out
    assert (
        "its edge is not proven: it trades on paper and would enter nothing in live mode"
        in examined
    )
    assert "risk.overrule_model names another, which does not serve" in examined
