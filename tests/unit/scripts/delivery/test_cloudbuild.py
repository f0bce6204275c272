"""The build: valid by Google's schema and by rules of our own, each of which a planted mistake
breaks.
"""

import copy
import subprocess

import pytest
import yaml

from scripts.installation.checkout import ROOT
from scripts.testing.pins import TARGETS

pytest.importorskip("googleapiclient")

from tests.support.cloud.build_rules import faults_of_build

BUILD = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text(encoding="utf-8"))


def step(build: dict, name: str) -> dict:
    return next(one for one in build["steps"] if one["id"] == name)


def test_the_build_is_right() -> None:
    assert faults_of_build(BUILD) == []
    assert [one["id"] for one in BUILD["steps"]] == [
        "builder",
        "check",
        "smoke",
        "audit",
        "deploy",
    ]


def plant(path: str, value: object):
    """A change of one place of the build: `steps.check.timeout`."""

    def change(build: dict) -> None:
        *above, last = path.split(".")
        place = build
        for part in above:
            place = step(build, part) if isinstance(place, list) else place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value

    return change


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (plant("steps.check.waitfor", ["builder"]), "waitfor"),
        (plant("steps.check.timeout", "60"), "timeout"),
        (plant("steps.check.timeout", "20m"), "timeout"),
        (plant("steps.check.args", "-euc"), "args"),
        (plant("options.logging", "CLOUD_LOGING_ONLY"), "logging"),
        (plant("options.diskSizeGb", "big"), "diskSizeGb"),
        (plant("status", "SUCCESS"), "status"),
        (plant("steps.deploy.waitFor", ["check", "smoke", "audits"]), "waits for audits"),
        (plant("steps.smoke.id", "check"), "two steps are called check"),
        (plant("substitutions._REGION", None), "_REGION is not declared"),
        (plant("substitutions._ZONE", "b"), "_ZONE is not used"),
        (plant("steps.check.timeout", "17000s"), "the steps may take"),
        (plant("steps.check.timeout", None), "check has no time limit"),
        (plant("options.logging", "GCS_ONLY"), "CLOUD_LOGGING_ONLY"),
        (plant("serviceAccount", None), "no account of its own"),
        (plant("steps.check.name", "python:3.12-slim"), "no builder of ours"),
        (plant("substitutions._BUILDER", BUILD["substitutions"]["_BUILDER"][:-17]), "tomorrow"),
        (plant("steps.smoke.args", ["-euc", "echo $(date)"]), "a lone $"),
        (plant("steps.audit.args", ["-euc", "scripts/bot audit"]), "leaves no word"),
        (plant("steps.deploy.waitFor", ["check", "smoke"]), "does not wait for audit"),
        (plant("steps.deploy.args", ["deploy", "--stage=${_STAGE}", "${_REGION}"]), "whether"),
        (plant("steps.deploy.args", ["plan", "${_STAGE}", "${_REGION}"]), "does not deploy"),
        (
            plant("steps.smoke.args", ["-euc", "gcloud run deploy --allow-unauthenticated"]),
            "makes a function public",
        ),
    ],
)
def test_a_planted_mistake_is_found(mistake, says) -> None:
    build = copy.deepcopy(BUILD)
    mistake(build)
    assert [fault for fault in faults_of_build(build) if says in fault], faults_of_build(build)


@pytest.mark.parametrize(
    ("stage", "builder", "code"),
    [
        ("paper", "gcr.io/some/image:1.2.3", 0),
        ("paper", "gcr.io/some/image@sha256:00", 0),
        ("live", "gcr.io/some/image@sha256:00", 0),
        ("live", "gcr.io/some/image:1.2.3", 1),
        ("stage-10", "gcr.io/some/image:1.2.3", 1),
    ],
)
def test_with_real_money_the_builder_is_named_by_its_digest(tmp_path, stage, builder, code) -> None:
    script = step(BUILD, "builder")["args"][1]
    script = script.replace("${_STAGE}", stage).replace("${_BUILDER}", builder)
    ran = subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=False, capture_output=True)
    assert ran.returncode == code
    assert (tmp_path / "passed").exists() == (code == 0)


def test_what_a_build_from_a_folder_needs_is_uploaded() -> None:
    ignored = (ROOT / ".gcloudignore").read_text(encoding="utf-8").split("\n")
    for place in (".ci/", "docs/", "infra/", "scripts/", "tests/", "shared/", "*.md"):
        assert place not in ignored
    assert {".env", ".venv*", "*.sqlite"} <= set(ignored)
    assert all(str(target.path).partition("/")[0] not in ignored for target in TARGETS)
