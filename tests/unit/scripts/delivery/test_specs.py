"""How each function runs, and the exact words that gcloud is told."""

import json
import shutil
import subprocess
from dataclasses import replace

import msgspec
import pytest

from scripts.delivery.deployment import ORDER, plan_deployment
from scripts.delivery.specs import SPECS, deploy_words, environment_of, load_specs
from scripts.delivery.staged import list_functions
from scripts.installation.checkout import ROOT
from shared.core.settings import load_settings
from tests.support.deployments import LIVE, NOTHING, RELEASE, TREES, deployed


def words_of(function: str, *, release=RELEASE, is_new: bool = False) -> list[str]:
    words = deploy_words(
        function,
        load_specs(),
        release,
        folder=TREES / function,
        tick_url="https://tick-x.run.app",
        is_new=is_new,
    )
    return list(words)


def test_gcloud_is_told_exactly_this_of_a_candidate_of_the_tick() -> None:
    environ = (
        "BOT_ALERTS=pubsub://demo-project/alerts|BOT_BUCKET=gs://demo-project-bot"
        f"|BOT_BUNDLE_PUBLIC_KEY={'ab' * 32}|BOT_CAPITAL_JPY=300000|BOT_MODE=live"
        "|BOT_PROFILE=loose|BOT_STAGE=stage-10|BOT_STATE=firestore://demo-project/(default)"
        f"|CLOUD_RUN_TIMEOUT_SECONDS=150|COMMIT_SHA={'3f2a' * 10}|THREADS=1|WORKERS=1"
    )
    secrets = (
        "DISCORD_WEBHOOK_URL=DISCORD_WEBHOOK_URL:3,"
        "BITBANK_API_KEY=BITBANK_API_KEY:7,BITBANK_API_SECRET=BITBANK_API_SECRET:8"
    )
    account = "demo-project.iam.gserviceaccount.com"
    assert words_of("tick", release=LIVE) == [
        "run",
        "deploy",
        "tick",
        "--region=asia-northeast1",
        "--source=/trees/tick",
        "--function=tick",
        "--base-image=python312",
        "--no-automatic-updates",
        "--set-build-env-vars=SOURCE_DATE_EPOCH=1780000000",
        f"--build-service-account=projects/demo-project/serviceAccounts/bot-build@{account}",
        f"--service-account=bot-tick@{account}",
        "--no-allow-unauthenticated",
        "--memory=512Mi",
        "--cpu=1",
        "--cpu-boost",
        "--concurrency=1",
        "--max-instances=1",
        "--timeout=150s",
        f"--set-env-vars=^|^{environ}",
        f"--set-secrets={secrets}",
        f"--labels=code={'c0de' * 4},commit={'3f2a' * 3},stage=stage-10",
        "--no-traffic",
        "--tag=candidate",
    ]


def test_a_new_service_gets_its_traffic_at_once() -> None:
    for function in ORDER:
        assert not {"--no-traffic", "--tag=candidate"} & set(words_of(function, is_new=True))
        assert {"--no-traffic", "--tag=candidate"} <= set(words_of(function))


def test_every_function_is_private_pinned_and_alone_with_its_account() -> None:
    specs = load_specs()
    assert sorted(ORDER) == list_functions()
    for function in ORDER:
        words = words_of(function)
        assert "--no-allow-unauthenticated" in words
        assert "--no-automatic-updates" in words
        assert "--concurrency=1" in words
        address = f"bot-{function}@demo-project.iam.gserviceaccount.com"
        assert f"--service-account={address}" in words
        assert specs.function_spec(function).instances == {"tick": 1, "retrain": 1}.get(function, 3)
        versions = next((word for word in words if word.startswith("--set-secrets=")), "")
        assert "latest" not in versions


def test_a_key_of_the_exchange_is_given_to_the_tick_alone_and_only_with_real_money() -> None:
    for function in ORDER:
        told = " ".join(words_of(function, release=LIVE))
        assert ("BITBANK_API_KEY" in told) == (function == "tick")
        assert "BITBANK" not in " ".join(words_of(function))
    assert "--clear-secrets" in words_of("backtest")
    assert "SIGNING_KEY" not in " ".join(words_of("tick", release=LIVE))


def test_time_limits_stand_around_what_the_settings_promise() -> None:
    specs, settings = load_specs(), load_settings({})
    tick = specs.tick.timeout_seconds
    assert settings.tick.answer_by_seconds < tick < settings.tick.lease_seconds
    assert specs.retrain.timeout_seconds > settings.retrain.time_limit_seconds
    assert specs.backtest.timeout_seconds > settings.backtest.time_limit_seconds
    assert max(specs.function_spec(name).timeout_seconds for name in ORDER) <= 3_600, "of Cloud Run"
    for name in ORDER:
        environ = environment_of(name, specs, RELEASE)
        assert environ["CLOUD_RUN_TIMEOUT_SECONDS"] == str(
            specs.function_spec(name).timeout_seconds
        )
        assert (environ["WORKERS"], environ["THREADS"]) == ("1", "1")


def test_the_alerts_are_told_where_the_tick_is_and_nobody_else() -> None:
    for name in ORDER:
        environ = environment_of(name, load_specs(), RELEASE, tick_url="https://tick-x.run.app")
        told = environ.get("BOT_ROUNDS__TICK_URL")
        assert told == ("https://tick-x.run.app" if name == "alerts" else None)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("instances: 1", "max_instances: 1", "max_instances"),
        ("timeout_seconds: 150 ", 'timeout_seconds: "150s" ', "Expected `int`, got `str`"),
        ("tick:\n", "tock:\n", "tock"),
    ],
)
def test_a_slip_in_the_file_is_refused(tmp_path, before, after, message) -> None:
    text = (ROOT / SPECS).read_text(encoding="utf-8")
    assert before in text
    (tmp_path / "infra").mkdir()
    (tmp_path / SPECS).write_text(text.replace(before, after, 1))
    with pytest.raises(msgspec.ValidationError, match=message):
        load_specs(tmp_path)


def test_the_functions_can_read_their_settings(tmp_path) -> None:
    for name in ORDER:
        environ = environment_of(name, load_specs(), LIVE, tick_url="https://tick-x.run.app")
        settings = load_settings({**environ, "BOT_HOME": str(tmp_path)})
        assert (settings.stage, settings.mode) == ("stage-10", "live")
        assert settings.profile == "loose"


def test_the_real_gcloud_knows_every_word(tmp_path) -> None:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud: not installed here")
    steps = [
        *plan_deployment(load_specs(), LIVE, deployed(stage="stage-10"), trees=TREES),
        *plan_deployment(
            load_specs(), RELEASE, replace(NOTHING, jobs=("tick", "watch")), trees=TREES
        ),
    ]
    lines = [" ".join(["gcloud", *_quoted(step.words)]) for step in steps if step.words]
    assert len(lines) >= 12
    assert _lint(gcloud, tmp_path, lines) == []
    wrong = [line.replace("--max-instances", "--max-instance") for line in lines[:1]]
    assert len(_lint(gcloud, tmp_path, wrong)) == 1


def _quoted(words) -> list[str]:
    return [f"'{word}'" if set(word) & set("^|()$") else word for word in words]


def _lint(gcloud: str, folder, lines: list[str]) -> list[str]:
    """What gcloud itself finds wrong with commands, without running any."""
    path = folder / "commands.json"
    path.write_text(json.dumps([{"command_string": line} for line in lines]))
    ran = subprocess.run(
        [gcloud, "meta", "lint-gcloud-commands", f"--commands-file={path}", "--format=json"],
        env={"PATH": "/usr/bin:/bin", "CLOUDSDK_CONFIG": str(folder / "gcloud")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told, _ = json.JSONDecoder().raw_decode(ran.stdout)  # a second, empty list follows
    assert len(told) == len(lines)
    return [one for one in told if not one["success"]]
