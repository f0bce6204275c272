"""Secrets beyond their contract: what the folder looks like, what Secret Manager may do wrong, and
who may know of them at all.
"""

import itertools
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from functions.wiring import secrets_for
from shared.core.errors import BadSettings, StoreBroken, Unavailable
from shared.core.masking import mask_secrets
from shared.stores.google.secrets import GoogleSecrets
from shared.stores.local.secrets import FolderSecrets
from tests.support import secret_manager
from tests.support.wire import Wire

ROOT = Path(__file__).resolve().parents[3]
PLANTED = "planted-value-5519-never-to-be-seen"
NAME = "projects/my-project/secrets/a"


@pytest.fixture
def manager() -> Iterator[secret_manager.SecretManager]:
    with secret_manager.running() as made:
        yield made


@pytest.fixture
def secrets(manager) -> Iterator[GoogleSecrets]:
    limits = {"timeout_seconds": 0.5, "pause_seconds": 0.01}
    with closing(GoogleSecrets("my-project", endpoint=manager.address, **limits)) as made:
        yield made


def test_files_are_for_this_user_alone_whatever_the_umask(tmp_path) -> None:
    before = os.umask(0)
    try:
        folder = FolderSecrets(tmp_path / "secrets")
        folder.add("a", "one")
        folder.add("a", "two")
        folder.disable("a", 1)
    finally:
        os.umask(before)
    files = sorted((tmp_path / "secrets" / "a").iterdir())
    assert [(file.name, file.stat().st_mode & 0o777) for file in files] == [
        ("1.disabled", 0o600),
        ("2", 0o600),
    ]
    assert (tmp_path / "secrets" / "a").stat().st_mode & 0o077 == 0


def test_a_value_that_somebody_else_put_there_is_masked_when_it_is_read(tmp_path) -> None:
    value = f"{PLANTED}-by-hand"
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1").touch(mode=0o600)
    (tmp_path / "a" / "1").write_text(value)
    assert mask_secrets(value) == value
    assert FolderSecrets(tmp_path).read_newest("a").value == value
    assert mask_secrets(value) == "***"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_not_used(tmp_path, mode) -> None:
    folder = FolderSecrets(tmp_path)
    folder.add("a", PLANTED)
    (tmp_path / "a" / "1").chmod(mode)
    with pytest.raises(StoreBroken, match="may be read by other users") as told:
        folder.read_newest("a")
    assert "chmod 600" in told.value.remedy


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        *itertools.product(["CreateSecret", "AddSecretVersion"], ["lost", "hang", "unavailable"]),
        ("ListSecretVersions", "unavailable"),
    ],
)
def test_under_a_fault_a_new_secret_gets_one_version(manager, secrets, call, fault) -> None:
    manager.plan(call, fault)
    assert secrets.add("a", "one") == 1
    assert manager.values == {NAME: [b"one"]}
    assert sum(manager.requests.values()) > 3  # to look, to create, to add


@pytest.mark.parametrize("fault", ["lost", "hang", "unavailable"])
def test_under_a_fault_a_further_version_is_one(manager, secrets, fault) -> None:
    secrets.add("a", "one")
    manager.plan("AddSecretVersion", fault)
    assert secrets.add("a", "two") == 2
    assert manager.values == {NAME: [b"one", b"two"]}


@pytest.mark.parametrize("fault", ["lost", "hang", "unavailable", "damaged"])
def test_under_a_fault_a_reading_and_a_disabling_are_right(manager, secrets, fault) -> None:
    secrets.add("a", "one")
    manager.plan("AccessSecretVersion", fault)
    assert secrets.read_newest("a").value == "one"
    assert manager.requests["AccessSecretVersion"] == 2
    if fault != "damaged":
        manager.plan("DisableSecretVersion", fault)
        secrets.disable("a", 1)
        assert manager.disabled == {f"{NAME}/versions/1"}


@pytest.mark.parametrize("fault", ["lost", "unavailable", "denied", "damaged"])
@pytest.mark.parametrize("call", ["AddSecretVersion", "AccessSecretVersion"])
def test_no_error_holds_a_value_nor_does_its_traceback(manager, secrets, call, fault) -> None:
    secrets.add("a", PLANTED)
    manager.plan(call, *itertools.repeat(fault, 3))
    if (call, fault) == ("AddSecretVersion", "damaged"):
        return  # an answer without a payload
    if (call, fault) == ("AddSecretVersion", "lost"):
        assert secrets.add("a", f"{PLANTED}-2") == 2  # recognised by its value
        assert len(manager.values[NAME]) == 2
        return
    is_adding = call == "AddSecretVersion"
    ask = (
        partial(secrets.add, "a", f"{PLANTED}-2")
        if is_adding
        else partial(secrets.read_newest, "a")
    )
    with pytest.raises((Unavailable, StoreBroken)) as told:
        ask()
    assert isinstance(told.value, StoreBroken) == (fault == "denied")
    assert "secret a" in str(told.value) or "for a" in str(told.value)
    told_with_all = "".join(traceback.format_exception(told.value))
    assert PLANTED not in f"{told_with_all} {told.value!r}"


def test_a_service_that_hangs_is_given_up_in_time() -> None:
    limits = {"timeout_seconds": 0.3, "pause_seconds": 0.01, "attempts": 2}
    with Wire(None) as wire, closing(GoogleSecrets("p", endpoint=wire.address, **limits)) as hung:
        for ask in (
            lambda: hung.read_newest("a"),
            lambda: hung.add("a", "v-7fa0"),
            lambda: hung.disable("a", 1),
            lambda: hung.all_versions("a"),
        ):
            began = time.monotonic()
            with pytest.raises(Unavailable, match="did not answer"):
                ask()
            assert time.monotonic() - began < 1.3


@pytest.mark.parametrize("address", ["secretmanager://", "secretmanager://A B", "vault://x", "x"])
def test_an_address_that_names_no_store_is_refused_with_a_remedy(address) -> None:
    with pytest.raises(BadSettings) as told:
        secrets_for(address)
    assert "://" in told.value.remedy


PROGRAM = """
import json, os, sys
import functions.tick.main
from functions import wiring
settings = wiring.settings_from(wiring.environment())
ports = wiring.ports(settings, wiring.environment())
names = ["google.cloud.storage", "google.pubsub_v1", "google.cloud.secretmanager_v1",
         "google.cloud.firestore", "grpc", "shared.stores.secrets", "shared.stores.local.secrets",
         "shared.stores.google.secrets"]
print(json.dumps([name for name in names if name in sys.modules]))
"""


def loaded(tmp_path: Path, **environ: str) -> list[str]:
    """Which of them a tick's process has imported when all its ports are there."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**clean, "BOT_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_a_tick_imports_what_its_settings_name_and_never_the_secrets(tmp_path) -> None:
    assert loaded(tmp_path) == []
    storage = {"BOT_BUCKET": "gs://my-bucket", "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"}
    assert loaded(tmp_path, **storage)[0] == "google.cloud.storage"
    assert "google.pubsub_v1" not in loaded(tmp_path, **storage)
    topic = {"BOT_ALERTS": "pubsub://my-project/alerts", "PUBSUB_EMULATOR_HOST": "127.0.0.1:9"}
    found = loaded(tmp_path, **topic)
    assert "google.pubsub_v1" in found
    assert "google.cloud.storage" not in found
    everything = loaded(tmp_path, **storage, **topic)
    assert {"google.cloud.storage", "google.pubsub_v1"} <= set(everything)
    assert [name for name in everything if "secret" in name] == []
