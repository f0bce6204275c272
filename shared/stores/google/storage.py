"""Objects in a bucket of Cloud Storage, by Google's own client.

Every request is bounded in time and repeated by us alone, for we know what may be: reading, and
what is fenced by a generation. Every write is, also one without a precondition of its caller: it
asks for the generation that it found. So an upload or a removal that comes late, after its caller
gave it up or sent it again, changes nothing.

Each upload carries a random `writer`. One whose answer was lost fails its precondition when it is
sent again; then the object says who wrote it.
"""

import re
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from http.client import HTTPException
from typing import Any, Self, TypeVar

import google.auth
from google.api_core import exceptions as answers
from google.auth import compute_engine
from google.auth import exceptions as credentials
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud.storage import Bucket, Client
from google.cloud.storage.exceptions import InvalidResponse
from urllib3.exceptions import HTTPError

from shared.core.deadline import bound_at
from shared.core.errors import BadData, BadSettings, Conflict, RateLimited, Unavailable
from shared.core.masking import quote_value
from shared.core.retry import backoff_seconds, retry
from shared.core.sessions import (
    BoundedCall,
    NoTimeLeft,
    bounded_session,
    call_end,
    ending,
)
from shared.stores.google import objects
from shared.stores.google.connection import Connection
from shared.stores.google.failures import answer_error, silence_error
from shared.stores.google.objects import Damaged, Overtaken, StoredObject, Upload
from shared.stores.keys import check_generation, check_key, check_prefix, precondition_text
from shared.stores.ports import Blob

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_UNIVERSE = "googleapis.com"
_SCOPES = ("https://www.googleapis.com/auth/devstorage.read_write",)
_SILENT = (
    NoTimeLeft,
    InvalidResponse,
    OSError,
    HTTPError,
    HTTPException,
    credentials.GoogleAuthError,
)
"""What says nothing of the request: the connection is thrown away."""

Result = TypeVar("Result")


class GoogleBucket:
    """Objects below `prefix` of the bucket `name`.

    A call, with all that it repeats, takes `timeout_seconds` at most, less where a deadline is
    bound (`shared.core.deadline`). Its methods raise `Unavailable` where the service did not answer
    usefully in that time (of a write: nobody knows whether it happened), `BadData` for what is
    damaged, and `StoreBroken`, with the remedy, where the bucket does not exist or may not be used.
    """

    def __init__(
        self,
        name: str,
        prefix: str = "",
        *,
        endpoint: str | None = None,
        timeout_seconds: float = 60.0,
        silence_seconds: float = 10.0,
        attempts: int = 4,
        pause_seconds: float = 0.2,
    ) -> None:
        """Connect to nothing yet.

        Args:
            name: Of the bucket.
            prefix: What all keys lie below, without the slash at its end.
            endpoint: Where the service is; None: where Google's client finds it, which heeds
                `STORAGE_EMULATOR_HOST`. Credentials are sent to https alone.
            timeout_seconds: For a whole call.
            silence_seconds: For one wait in which not a byte moves.
            attempts: How often a request is sent.
            pause_seconds: Before it is sent again; doubled with each.
        """
        self.name, self._below = name, f"{prefix}/" if prefix else ""
        self._endpoint = endpoint
        self._timeout_seconds, self._silence_seconds = timeout_seconds, silence_seconds
        self._attempts, self._pause_seconds = attempts, pause_seconds
        self._credentials: Any = None
        self._connection: Connection[Client] = Connection(
            make=self._connect, close=lambda client: client.close()
        )

    @classmethod
    def open(cls, address: str) -> Self:
        """The bucket at `BUCKET` or `BUCKET/prefix`. Raises `BadSettings`."""
        name, _, prefix = address.strip("/").partition("/")
        try:
            if prefix:
                check_key(prefix)
        except BadData:
            name = ""
        if not _NAME.fullmatch(name):
            raise BadSettings(
                f"BOT_BUCKET was {quote_value(f'gs://{address}')}: it names no bucket",
                remedy="write it like gs://my-bucket or gs://my-bucket/prefix",
            )
        return cls(name, prefix)

    def __repr__(self) -> str:
        return f"GoogleBucket(gs://{self.name}/{self._below})"

    def close(self) -> None:
        """Give the connections back."""
        self._connection.drop()

    def get(self, key: str) -> Blob | None:
        """The object, or None: bytes and generation of one answer, and the bytes as they were
        stored.
        """
        name = self._name(key)
        with self._call():
            return self._ask(key, lambda bucket: objects.download(bucket, name, key))

    def generation(self, key: str) -> int | None:
        """Only its generation, or None."""
        name = self._name(key)
        with self._call():
            stored = self._look(key, name)
        return None if stored is None else stored.generation

    def put(self, key: str, data: bytes, *, if_generation: int | None = None) -> int:
        """Write it and return its new generation.

        Raises `Conflict` where the precondition fails; of several writers with the same one,
        exactly one succeeds.
        """
        name = self._name(key)
        check_generation(if_generation)
        mine = Upload(data=data, checksum=objects.checksum_of(data), writer=secrets.token_hex(16))
        with self._call():
            stored = self._look(key, name) if if_generation is None else None
            while True:
                found = stored.generation if stored else 0
                wanted = found if if_generation is None else if_generation
                upload = partial(objects.upload, name=name, mine=mine, at=wanted)
                silent: Unavailable | None = None
                try:
                    return self._ask(key, upload)
                except Overtaken:
                    stored = self._look(key, name)
                except Unavailable as error:
                    stored, silent = self._look(key, name), error
                if stored is not None and stored.writer == mine.writer:
                    return objects.whole_generation(stored, mine, key)
                if silent is not None:
                    raise silent
                if if_generation is not None:
                    at = stored.generation if stored else None
                    raise Conflict(precondition_text(key, if_generation, at))

    def delete(self, key: str) -> None:
        """Take it away, if it is there: what is there now, not what somebody writes meanwhile."""
        name = self._name(key)
        with self._call():
            stored = self._look(key, name)
            if stored is None:
                return
            with suppress(Overtaken):
                try:
                    self._ask(key, lambda bucket: objects.remove(bucket, name, stored.generation))
                except Unavailable:
                    if self._look(key, name) == stored:
                        raise

    def keys(self, prefix: str = "") -> list[str]:
        """All keys with a prefix, sorted."""
        below = f"{self._below}{check_prefix(prefix)}"
        with self._call():
            names = self._ask(f"{prefix}*", lambda bucket: objects.names_below(bucket, below))
        return sorted(key for name in names if _is_key(key := name[len(self._below) :]))

    def _name(self, key: str) -> str:
        return check_key(f"{self._below}{check_key(key)}")

    def _call(self) -> AbstractContextManager[BoundedCall]:
        """The time of one call begins here."""
        until = time.monotonic() + self._timeout_seconds
        return ending(until=bound_at(until) or until, silence_seconds=self._silence_seconds)

    def _look(self, key: str, name: str) -> StoredObject | None:
        return self._ask(key, lambda bucket: objects.look_up(bucket, name))

    def _ask(self, key: str, ask: Callable[[Bucket], Result]) -> Result:
        """What `ask` gives, asked again where the service did not answer usefully."""
        return retry(
            lambda: self._ask_once(key, ask),
            on=(Unavailable, Damaged),
            pause_seconds=self._pause_before,
            attempts=self._attempts,
            deadline=call_end(),
        )

    def _ask_once(self, key: str, ask: Callable[[Bucket], Result]) -> Result:
        try:
            with self._connection.client(until=call_end()) as client:
                try:
                    return ask(client.bucket(self.name))
                except _SILENT:
                    self._connection.drop(client)
                    raise
        except answers.GoogleAPICallError as error:
            raise answer_error(error, f"gs://{self.name}", key) from error
        except _SILENT as error:
            raise silence_error(error, f"gs://{self.name}", key) from error

    def _pause_before(self, failure: Exception, number: int) -> float:
        asked = failure.retry_after_seconds if isinstance(failure, RateLimited) else 0.0
        jitter = secrets.randbelow(1000) / 1000
        return max(asked, backoff_seconds(self._pause_seconds, number, jitter=jitter))

    def _connect(self) -> Client:
        options = {"api_endpoint": self._endpoint} if self._endpoint else None
        client = Client(
            project=None,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options=options,
            _http=bounded_session(),
        )
        if not client.api_endpoint.startswith("https://"):
            return client
        asking = Request(bounded_session())
        if self._credentials is None:
            found, _ = google.auth.default(scopes=_SCOPES, request=asking)
            self._credentials = _in_our_universe(found)
        session = bounded_session(
            AuthorizedSession(self._credentials, auth_request=asking)  # type: ignore[no-untyped-call]
        )
        return Client(
            project=None, credentials=self._credentials, client_options=options, _http=session
        )


def _in_our_universe(found: Any) -> Any:
    """The credentials without the question in which universe of clouds they are good: the client
    asks it of a machine's own by a request that has no limit of ours.
    """
    if isinstance(found, compute_engine.Credentials):
        return found.with_universe_domain(_UNIVERSE)
    return found


def _is_key(name: str) -> bool:
    """Whether we could have written it: a console makes `folder/`, for example."""
    try:
        return bool(check_key(name))
    except BadData:
        return False
