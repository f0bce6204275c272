"""Calling the tick's function once, as its scheduler does: by HTTP, under this function's own
account.
"""

import time
from collections.abc import Callable
from typing import TypeAlias

import requests

from shared.core.deadline import seconds_left
from shared.core.logs import log
from shared.core.sessions import StayingSession, bounded_session, ending
from shared.core.settings import Settings, is_loopback

_OK = 200
_MARGIN_SECONDS = 5.0
"""For the way there and back, beyond what a tick takes at the most."""

Token: TypeAlias = Callable[[str, requests.Session], str]
"""The identity token of this process for an audience, asked for over a session."""


class TickCaller:
    """Runs a tick by a POST that names no schedule time: it is one by hand, and swallows none."""

    def __init__(self, settings: Settings, *, token: Token | None = None) -> None:
        """Call `rounds.tick_url`; `token` stands in for Google's metadata server."""
        self._url = settings.rounds.tick_url.rstrip("/")
        self._seconds = settings.tick.answer_by_seconds + _MARGIN_SECONDS
        self._token = _google_token if token is None else token

    def __call__(self) -> bool:
        """Whether it answered that it ran. Never raises; the log says why not."""
        try:
            until = time.monotonic() + seconds_left(self._seconds, "the call of a tick")
            with (
                bounded_session(StayingSession()) as session,
                ending(until=until, silence_seconds=self._seconds),
            ):
                answer = session.post(f"{self._url}/", json={}, headers=self._headers(session))
        # No text of theirs: it may carry a header.
        except Exception as error:  # noqa: BLE001
            log("watch.call_failed", severity="ERROR", error=type(error).__name__)
            return False
        if answer.status_code != _OK:
            log("watch.call_refused", severity="ERROR", status=answer.status_code)
        return answer.status_code == _OK

    def _headers(self, session: requests.Session) -> dict[str, str]:
        if is_loopback(self._url):
            return {}
        return {"Authorization": f"Bearer {self._token(self._url, session)}"}


def _google_token(audience: str, session: requests.Session) -> str:
    """That of the function's own account, which the metadata server gives."""
    from google.auth.transport.requests import Request
    from google.oauth2 import id_token

    fetch: Callable[[Request, str], str] = id_token.fetch_id_token
    return fetch(Request(session=session), audience)
