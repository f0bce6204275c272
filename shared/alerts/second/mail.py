"""An e-mail over a server of SMTP."""

import smtplib
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from shared.alerts.ports import LogWriter
from shared.alerts.second.bounded import LONGEST_SECONDS, BoundedChannel
from shared.alerts.second.text import body_text, headline
from shared.core.errors import BadSettings
from shared.core.logs import log
from shared.core.masking import register_secrets
from shared.core.types import Alert

_CONNECT_SECONDS = 5.0
_SMTP_PORT, _SMTPS_PORT = 587, 465


class Mail(BoundedChannel):
    """E-mail over a server of SMTP: `smtp://USER@HOST:587/?from=A&to=B`, or `smtps://` on 465.

    The password is no part of the address. The conversation is encrypted (STARTTLS, or TLS from the
    start) with a certificate that is checked; only a server on this machine may go without.
    """

    name = "mail"

    def __init__(self, address: str, *, password: str = "", write: LogWriter = log) -> None:
        """Connect to nothing yet. Raises `BadSettings` without telling the address."""
        super().__init__(write)
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

    def __repr__(self) -> str:
        return f"Mail({self._host})"

    def _tell_until(self, alerts: Sequence[Alert], until: float) -> bool:
        """Send one e-mail; whether the server took it for anybody: who is refused once is refused
        for ever, and must not make it come again.
        """
        from shared.core.sessions import NoTimeLeft, ending

        try:
            with ending(until=until, silence_seconds=LONGEST_SECONDS):
                left = until - time.monotonic()
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
        from shared.alerts.second.smtp import BoundedSMTP, BoundedSMTPS

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
