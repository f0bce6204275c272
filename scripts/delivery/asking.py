"""Asking a deployed tick, as whoever deploys: a person by gcloud's own account, a build by that of
the build.
"""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import requests

from shared.core.errors import BotError, Unavailable, UserError
from shared.core.masking import mask_secrets, register_secrets
from shared.core.settings import is_loopback

Token: TypeAlias = Callable[[str], str]
"""Gives an identity token for an audience."""

ANSWER_SECONDS = 180.0
"""A tick answers within two minutes; an instance that starts takes some seconds more."""
_TOKEN_SECONDS = 60.0
_OK = 200


def gcloud_token(environ: Mapping[str, str]) -> Token:
    """Tokens that gcloud makes; they are never written down."""
    program = shutil.which("gcloud", path=environ.get("PATH")) or "gcloud"

    def make(audience: str) -> str:
        words = [program, "auth", "print-identity-token", "--quiet"]
        said = ""
        # A person's account may not name the audience, a service account has to.
        for more in ([f"--audiences={audience}"], []):
            ran = subprocess.run(
                [*words, *more],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_TOKEN_SECONDS,
            )
            if ran.returncode == 0 and ran.stdout.strip():
                token = ran.stdout.strip()
                register_secrets(token)
                return token
            said = said or " ".join(ran.stderr.split())
        raise UserError(
            f"gcloud gives no identity token: {mask_secrets(said)}",
            remedy="sign in with `gcloud auth login` as an owner of the project",
        )

    return make


class DeployedTick:
    """Runs ticks of a deployed function by HTTP."""

    def __init__(self, token: Token, *, seconds: float = ANSWER_SECONDS) -> None:
        """Ask with tokens of `token`, and wait for `seconds` at most."""
        self._token, self._seconds = token, seconds

    def __call__(self, url: str, *, audience: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post `body` to the tick at `url`; its report.

        No schedule time is named, so that it is a tick by hand and swallows none. Raises
        `Unavailable` where nobody answered, and `BotError` for an answer that is no report.
        """
        headers = {}
        if not is_loopback(url):
            headers["Authorization"] = f"Bearer {self._token(audience)}"
        try:
            answer = requests.post(
                f"{url.rstrip('/')}/", json=body, headers=headers, timeout=self._seconds
            )
            told = answer.json()
        except requests.RequestException as error:
            raise Unavailable(
                f"the tick at {url} did not answer: {type(error).__name__}"
            ) from error
        if not isinstance(told, dict) or "status" not in told:
            raise BotError(f"the tick at {url} answered with status {answer.status_code}")
        report: dict[str, Any] = told
        return report
