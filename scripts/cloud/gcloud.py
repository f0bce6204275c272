"""The one place that runs gcloud: with a time limit, an answer as JSON, and errors by what the
caller must do.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scripts.cloud.resource import DOCUMENT, GcloudCall
from shared.core.errors import AlreadyExists, BotError, Conflict, NotThere, Unavailable, UserError
from shared.core.masking import mask_secrets, register_secrets

CALL_SECONDS = 300.0
"""One call. The longest, a new database, takes about a minute."""


class NotAllowed(UserError):
    """Google says that this account may not, or does not know who asks."""


class WrongCommand(BotError):
    """gcloud or the API refused what was asked: asking again would not help."""


class Gcloud:
    """gcloud, for one project."""

    def __init__(
        self, project: str, *, environ: Mapping[str, str], seconds: float = CALL_SECONDS
    ) -> None:
        """Find gcloud on the path of `environ`. Raises `UserError` where there is none."""
        found = shutil.which("gcloud", path=environ.get("PATH"))
        if found is None:
            raise UserError(
                "gcloud was not found",
                remedy="install the Google Cloud SDK (https://cloud.google.com/sdk) and sign in",
            )
        self.project = project
        self._program, self._seconds = found, seconds
        self._environ = {**environ, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}

    def run(self, call: GcloudCall, *, value: str = "") -> Any:
        """Run it; `value` goes to its standard input, and nowhere else. Gives its answer.

        Raises:
            NotThere: What it is about does not exist.
            AlreadyExists: What it was to make exists; read again.
            Conflict: Somebody else changed it meanwhile; read again.
            NotAllowed: The account may not.
            Unavailable: No useful answer; it is open whether it was done. Read again.
            WrongCommand: It was refused as it is.
        """
        register_secrets(*filter(None, [value]))
        with _document_file(call) as arguments:
            code, output, errors = self._wait(arguments, value)
        if code != 0:
            raise _failure(call, code, errors)
        try:
            return json.loads(output) if output.strip() else None
        except ValueError as error:
            raise Unavailable(f"the answer to `{call.command_line}` was no JSON") from error

    def _wait(self, arguments: Sequence[str], value: str) -> tuple[int, str, str]:
        command = [
            self._program,
            *arguments,
            f"--project={self.project}",
            "--format=json",
            "--verbosity=error",
        ]
        with subprocess.Popen(
            command,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, errors = process.communicate(value, timeout=self._seconds)
            except subprocess.TimeoutExpired:
                _end(process)
                return _SILENT, "", f"it had not ended after {self._seconds:g} s"
            except BaseException:
                _end(process)
                raise
            return process.returncode, output, errors


_SILENT = -1


def _end(process: subprocess.Popen[str]) -> None:
    """The program with what it has started: gcloud is a shell script around Python."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@contextmanager
def _document_file(call: GcloudCall) -> Any:
    """The arguments, with the path of a file where the call has a document."""
    if call.document is None:
        yield call.arguments
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "document.json"
        path.write_text(json.dumps(call.document, indent=1), encoding="utf-8")
        yield tuple(one.replace(DOCUMENT, str(path)) for one in call.arguments)


_KINDS: Sequence[tuple[type[BotError], str]] = (
    # What has just been made is not known everywhere yet.
    (Unavailable, r"SERVICE_DISABLED|has not been used in project|Cannot find metric"),
    (Unavailable, r"Service account \S+ does not exist"),
    (NotAllowed, r"PERMISSION_DENIED|does not have permission|HTTPError 40[13]|UNAUTHENTICATED"),
    (NotAllowed, r"active account selected|refreshing (your|auth)|gcloud auth login"),
    (Conflict, r"ABORTED|HTTPError 412|[Cc]oncurrent policy changes|etag .*(match|differ)"),
    (AlreadyExists, r"ALREADY_EXISTS|already exists|already own|HTTPError 409"),
    (NotThere, r"NOT_FOUND|HTTPError 404|[Nn]ot found|Cannot find|does not exist|was not found"),
    (Unavailable, r"UNAVAILABLE|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED|INTERNAL|HTTPError (429|5)"),
    (Unavailable, r"[Cc]onnection|[Tt]imed out|[Nn]etwork|[Mm]ax retries|status: 5\d\d"),
)
"""What the texts of gcloud tell, in the order in which they are looked for."""


def _failure(call: GcloudCall, code: int, errors: str) -> BotError:
    said = mask_secrets(" ".join(errors.split()))[-600:]
    told = f"`{call.command_line}` failed: {said or f'exit code {code}'}"
    if code == _SILENT:
        return Unavailable(told)
    kind = next((kind for kind, text in _KINDS if re.search(text, errors)), WrongCommand)
    if kind is NotAllowed:
        return NotAllowed(told, remedy="sign in by `gcloud auth login` as an owner of the project")
    return kind(told)
