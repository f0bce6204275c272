"""Conversations with a mail server that end in time, also where it sends a byte now and then: see
`shared.core.sessions`, whose limits hold here.
"""

import io
import smtplib
from typing import Any

from shared.core.sessions import BoundedReading, NoTimeLeft, wait_seconds


class _Bounded(smtplib.SMTP):
    """Each read and each write within what is left of the call."""

    def getreply(self) -> tuple[int, bytes]:
        """The next answer. Raises `NoTimeLeft`."""
        if self.file is None and self.sock is not None:
            wire = self.sock
            self.file = io.BufferedReader(BoundedReading(wire.makefile("rb", buffering=0), wire))
        try:
            return super().getreply()
        except NoTimeLeft:
            self.close()
            raise

    def send(self, s: Any) -> None:
        """Send it. Raises `NoTimeLeft`."""
        if self.sock is not None:
            self.sock.settimeout(wait_seconds())
        super().send(s)


class BoundedSMTP(_Bounded):
    """`smtplib.SMTP`, bounded."""


class BoundedSMTPS(_Bounded, smtplib.SMTP_SSL):
    """`smtplib.SMTP_SSL`, bounded."""
