"""The channels beside Discord: an e-mail, a command of the user's, and a line of the log by which
Cloud Monitoring writes an e-mail.

Each tells one text that names everything: they are asked at most once in five minutes.
"""

import os
import re
import shlex
import signal
import smtplib
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from shared.alerts.embeds import shorten_text
from shared.alerts.ports import LogWriter
from shared.core.deadline import bound_at
from shared.core.errors import BadSettings
from shared.core.logs import log
from shared.core.masking import mask_secrets, register_secrets
from shared.core.sentences import say
from shared.core.sentences.figures import jst_and_utc
from shared.core.types import Alert

CRITICAL_LINE = "alert.critical"
"""The event of the log line that Cloud Monitoring's policy waits for: `infra/policies`."""
_MOST_NAMED = 100
_MOST_FIELDS = 8
_LONGEST_TITLE, _LONGEST_TEXT = 200, 1_000
_LONGEST_SECONDS = 20.0
_CONNECT_SECONDS = 5.0
_LAST_SECONDS = 0.5
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SMTP_PORT, _SMTPS_PORT = 587, 465


def headline(alerts: Sequence[Alert]) -> str:
    """What a phone shows: how many, and the first of them.

    >>> from shared.core.types import Level
    >>> halt = Alert(key="a", level=Level.CRITICAL, kind="halt", title="Trading is halted.", at=0)
    >>> headline([halt])
    'crypto-bot: Trading is halted.'
    """
    first = " ".join(_plain_text(alerts[0].title).split())
    if len(alerts) == 1:
        return say("alerts.second.one", title=first)
    return say("alerts.second.many", title=first, more=len(alerts) - 1)


def body_text(alerts: Sequence[Alert]) -> str:
    """All of them in plain text, the first in full; without secrets, and without what a wire cannot
    carry.
    """
    lines: list[str] = []
    for number, alert in enumerate(alerts[:_MOST_NAMED]):
        title = _plain_text(alert.title)
        lines.append(f"[{alert.level.value}] {title}  ({jst_and_utc(alert.at)})")
        shown = _MOST_FIELDS if number < _MOST_FIELDS else 0
        lines += [
            f"    {_plain_text(name)}: {_plain_text(text, _LONGEST_TEXT)}"
            for name, text in list(alert.fields.items())[:shown]
        ]
    if len(alerts) > _MOST_NAMED:
        lines.append(say("alerts.value.more_titles", count=len(alerts) - _MOST_NAMED))
    return mask_secrets("\n".join([*lines, "", say("alerts.value.list_them")]))


def _plain_text(text: str, most: int = _LONGEST_TITLE) -> str:
    """The beginning of a text, without secrets, and without what neither a mail nor a command can
    carry.
    """
    text = _CONTROL.sub(" ", mask_secrets(text)).encode(errors="replace").decode()
    return shorten_text(text, most)


class CriticalLine:
    """One critical line of the log that counts and names all that waits."""

    name = "log line"

    def __init__(self, write: LogWriter = log) -> None:
        """Write by `write`."""
        self._write = write

    def tell(self, alerts: Sequence[Alert], *, deadline_ms: int) -> bool:  # noqa: ARG002 - no time
        """Write it."""
        self._write(
            CRITICAL_LINE,
            severity="CRITICAL",
            count=len(alerts),
            headline=headline(alerts),
            titles=[_plain_text(alert.title) for alert in alerts[:_MOST_NAMED]],
            keys=[_plain_text(alert.key) for alert in alerts[:_MOST_NAMED]],
        )
        return True


class Mail:
    """E-mail over a server of SMTP: `smtp://USER@HOST:587/?from=A&to=B`, or `smtps://` on 465.

    The password is no part of the address. The conversation is encrypted (STARTTLS, or TLS from the
    start) with a certificate that is checked; only a server on this machine may go without.
    """

    name = "mail"

    def __init__(self, address: str, *, password: str = "", write: LogWriter = log) -> None:
        """Connect to nothing yet. Raises `BadSettings` without telling the address."""
        register_secrets(*([password] if password else []))
        try:
            parts = urlsplit(address)
            asked = parse_qs(parts.query)
            self._host, self._port = parts.hostname or "", parts.port
            self._from, self._to = asked["from"][0], [*asked["to"]]
            good = parts.scheme in {"smtp", "smtps"} and bool(self._host) and not parts.password
        except (ValueError, KeyError):
            good = False
        if not good:
            raise BadSettings(
                "BOT_SECOND_CHANNEL is no address of a mail server",
                remedy=(
                    "write it like smtp://HOST:587/?from=bot@example.org&to=me@example.org, with a"
                    " user and @ before HOST where it wants one, and BOT_MAIL_PASSWORD"
                ),
            )
        self._user, self._password = unquote(parts.username or ""), password
        self._is_tls = parts.scheme == "smtps"
        self._write = write

    def __repr__(self) -> str:
        return f"Mail({self._host})"

    def tell(self, alerts: Sequence[Alert], *, deadline_ms: int) -> bool:
        """Send one e-mail; whether the server took it for anybody: who is refused once is refused
        for ever, and must not make it come again.
        """
        from shared.core.sessions import NoTimeLeft, ending

        left = (bound_at(deadline_ms / 1000) or deadline_ms / 1000) - time.monotonic()
        if left <= 0:
            self._log_failure("no time was left")
            return False
        until = time.monotonic() + min(left, _LONGEST_SECONDS)
        try:
            with ending(until=until, silence_seconds=_LONGEST_SECONDS):
                refused = self._send(self._message(alerts), min(left, _CONNECT_SECONDS))
        except (OSError, smtplib.SMTPException, ValueError, NoTimeLeft) as error:
            self._log_failure(type(error).__name__)
            return False
        if refused:
            self._log_failure("the server refused an address")
        return True

    def _message(self, alerts: Sequence[Alert]) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = headline(alerts)[:200]
        message["From"], message["To"] = self._from, ", ".join(self._to)
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="crypto-bot.local")
        message.set_content(body_text(alerts))
        return message

    def _send(self, message: EmailMessage, connect_seconds: float) -> Mapping[str, Any]:
        """Whom the server refused, of those to whom it was sent."""
        server = self._connect(connect_seconds)
        try:
            if self._user:
                server.login(self._user, self._password)
            refused = server.send_message(message)
            with suppress(OSError, smtplib.SMTPException):
                server.putcmd("quit")  # it has taken the mail, whatever it answers now
            return refused
        finally:
            server.close()

    def _connect(self, seconds: float) -> smtplib.SMTP:
        from shared.alerts.smtp import BoundedSMTP, BoundedSMTPS

        context = ssl.create_default_context()
        if self._is_tls:
            port = self._port or _SMTPS_PORT
            return BoundedSMTPS(self._host, port, timeout=seconds, context=context)
        server = BoundedSMTP(self._host, self._port or _SMTP_PORT, timeout=seconds)
        with ExitStack() as failing:
            failing.callback(server.close)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
            elif self._host not in {"127.0.0.1", "localhost", "::1"}:
                raise smtplib.SMTPNotSupportedError("the server does not encrypt")
            failing.pop_all()
        return server

    def _log_failure(self, problem: str) -> None:
        self._write("alerts.second_failed", severity="ERROR", channel=self.name, problem=problem)


class OwnCommand:
    """A command of the user's: it gets the headline as its last word, the text as its input, and
    has told everything where it ends with 0.
    """

    name = "command"

    def __init__(self, command: str, *, write: LogWriter = log) -> None:
        """Run nothing yet. Raises `BadSettings` for a line that no shell could read."""
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise BadSettings(
                f"BOT_SECOND_CHANNEL is a command that cannot be read ({error})",
                remedy="write it as in a shell, with its quotes closed",
            ) from error
        if not self._words:
            raise BadSettings("BOT_SECOND_CHANNEL is an empty command", remedy="name a program")
        self._write = write

    def __repr__(self) -> str:
        return f"OwnCommand({self._words[0]})"

    def tell(self, alerts: Sequence[Alert], *, deadline_ms: int) -> bool:
        """Run it; whether it ended well in time. What it started ends with it."""
        left = (bound_at(deadline_ms / 1000) or deadline_ms / 1000) - time.monotonic()
        if left <= 0:
            self._log_failure("no time was left")
            return False
        until = time.monotonic() + min(left, _LONGEST_SECONDS)
        try:
            # It is the owner's own line, split without a shell.
            process = subprocess.Popen(  # noqa: S603
                [*self._words, headline(alerts)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._log_failure(type(error).__name__)
            return False
        try:
            process.communicate(body_text(alerts).encode(), timeout=until - time.monotonic())
        except subprocess.TimeoutExpired:
            self._log_failure("it did not end in time")
            return False
        except OSError as error:
            self._log_failure(type(error).__name__)
            return False
        finally:
            # It may belong to somebody else by now (`sudo`), and then nothing of ours ends it.
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LAST_SECONDS)
        if process.returncode != 0:
            self._log_failure(f"it ended with {process.returncode}")
        return process.returncode == 0

    def _log_failure(self, problem: str) -> None:
        self._write("alerts.second_failed", severity="ERROR", channel=self.name, problem=problem)


def second_channel(address: str, *, password: str = "") -> "Mail | OwnCommand":
    """The channel at an address: a mail server's, or `command:` and a line.

    >>> second_channel("command:notify-send -u critical")
    OwnCommand(notify-send)
    """
    if address.startswith("command:"):
        return OwnCommand(address.removeprefix("command:"))
    return Mail(address, password=password)
