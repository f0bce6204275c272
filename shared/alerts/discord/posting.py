"""One request to a webhook, over HTTP and in its time."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from shared.alerts.discord.answers import (
    TOO_MANY,
    Answer,
    asked_seconds,
    is_for_all_webhooks,
    message_id,
)
from shared.alerts.discord.letters import Letter
from shared.core.errors import Unavailable

_MOST_BODY_BYTES = 4_096
_MOST_MESSAGE_BYTES = 262_144

Post: TypeAlias = Callable[[str, Letter, float], Answer]
"""Sends a letter to an address within a number of seconds. Raises `Unavailable`, without the
address in its text."""


def post_by_requests(url: str, letter: Letter, timeout_seconds: float) -> Answer:
    """Send by `requests`, without following redirects; all of it ends within `timeout_seconds`.

    Raises `Unavailable` naming only the kind of the failure.
    """
    import requests

    from shared.core.sessions import NoTimeLeft, bounded_session, ending

    until = time.monotonic() + timeout_seconds
    try:
        with (
            ending(until=until, silence_seconds=timeout_seconds),
            bounded_session() as session,
            session.request(
                "PATCH" if letter.edits else "POST",
                url,
                data=letter.body,
                headers={"Content-Type": letter.content_type},
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            text = _body(response) if response.status_code == TOO_MANY else b""
            return Answer(
                status=response.status_code,
                retry_after_seconds=asked_seconds(response.headers, text),
                everywhere=is_for_all_webhooks(response.headers, text),
                message=_message_of(response) if response.ok else "",
            )
    except (requests.RequestException, OSError, NoTimeLeft) as error:
        problem = type(error).__name__
    raise Unavailable(
        f"Discord did not answer ({problem})"
    )  # outside of except: no chain that holds the address


def _message_of(response: Any) -> str:
    """Of the message that was made; empty where the answer does not say it in time."""
    import requests
    from urllib3.exceptions import HTTPError

    from shared.core.sessions import NoTimeLeft

    try:
        return message_id(response.raw.read(_MOST_MESSAGE_BYTES, decode_content=True))
    except (requests.RequestException, OSError, NoTimeLeft, HTTPError):
        return ""


def _body(response: Any) -> bytes:
    """The beginning of an answer's body, as much of it as came in time: status and headers say
    enough without the rest.
    """
    import requests

    from shared.core.sessions import NoTimeLeft

    text = bytearray()
    with suppress(NoTimeLeft, requests.RequestException):
        for chunk in response.iter_content(1):
            text += chunk
            if len(text) >= _MOST_BODY_BYTES:
                break
    return bytes(text)
