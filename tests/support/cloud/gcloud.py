"""The real gcloud, sent to the server of the tests: no account, no network, no user.

with running("demo-project") as cloud:
    gcloud = Gcloud.of(cloud, tmp_path)
    gcloud.run("secrets", "create", "key", "--replication-policy=automatic")
    gcloud.json("secrets", "list")
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.cloud.certificate import certificate
from tests.support.cloud.routes import APIS
from tests.support.cloud.server import Cloud

TIMEOUT_SECONDS = 120.0

_BASES: Mapping[str, str] = {"storage": "storage/v1/"}
"""Where gcloud wants more than the host in an endpoint."""


def environment(cloud: Cloud, folder: Path) -> dict[str, str]:
    """The variables that send gcloud to `cloud`, its own files below `folder`.

    All goes through the server as a proxy: gcloud puts the region before the host of Cloud Run,
    and such a host has no address.
    """
    address = urlsplit(cloud.url)
    trusted = folder / "trusted.pem"
    trusted.write_bytes(certificate().pem)
    told = {
        "HOME": str(folder),
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_CORE_PROJECT": cloud.state.project,
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_CORE_DISABLE_FILE_LOGGING": "true",
        "CLOUDSDK_CORE_SHOW_STRUCTURED_LOGS": "never",
        "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": str(trusted),
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_SURVEY_DISABLE_PROMPTS": "true",
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": str(address.hostname),
        "CLOUDSDK_PROXY_PORT": str(address.port),
    }
    for service in APIS:
        base = _BASES.get(service, "")
        told[f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{service.upper()}"] = f"http://{service}.fake/{base}"
    kept = {"PATH", "LANG", "TMPDIR"}
    return {**{name: os.environ[name] for name in kept if name in os.environ}, **told}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gcloud:
    """The program and its environment."""

    program: str
    environ: Mapping[str, str]

    @classmethod
    def of(cls, cloud: Cloud, folder: Path) -> "Gcloud":
        """The gcloud of this machine; skips the test, by the word `gcloud`, where it has none."""
        program = shutil.which("gcloud")
        if program is None:
            pytest.skip("gcloud: not installed here")
        return cls(program=program, environ=environment(cloud, folder))

    def run(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """What it said and its code."""
        return subprocess.run(
            [self.program, *args],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            env=dict(self.environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )

    def json(self, *args: str, stdin: str | None = None) -> Any:
        """What it answers as JSON; AssertionError with what it said where it fails."""
        ran = self.run(*args, "--format=json", stdin=stdin)
        assert ran.returncode == 0, f"gcloud {' '.join(args)}: {ran.stderr}"
        return json.loads(ran.stdout) if ran.stdout.strip() else None
