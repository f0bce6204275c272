"""Documents in a Firestore database, through Google's own client.

Every change is one commit under preconditions: that a document is not there, or that it was last
written when we read it. There are no transactions, whose locks a stopped function would leave
behind. An equal write would keep its time, so each carries a nonce that makes it another, and by
which it is recognised where its answer was lost.

Nothing waits longer than the deadline that is bound (`shared.core.deadline`), nor than the limits
below; the client's own are a minute and five, longer than a tick.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from shared.core.deadline import bound_at, seconds_left
from shared.core.errors import BadSettings, BotError, StoreBroken, Unavailable
from shared.core.masking import quote_value
from shared.core.retry import backoff_seconds, retry
from shared.core.sessions import bounded_session, ending
from shared.stores.documents import AnswerLost, CheckedQuery, CheckedWrite, Documents
from shared.stores.google.answers import (
    Contention,
    Declined,
    Silence,
    google_failure,
    sign_in_failure,
)
from shared.stores.google.batches import add_write, version_of
from shared.stores.google.connection import Connection
from shared.stores.google.layout import INDEXES, read_document, read_found
from shared.stores.ports import Document

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.firestore import Client, DocumentSnapshot

    Snapshot: TypeAlias = DocumentSnapshot[Any]

CALL_SECONDS = 10.0
"""One request; the first of a process also connects and signs in."""
ATTEMPTS = 3
LONGEST_SECONDS = 40.0
"""All attempts of one reading, or of one batch that met others again and again."""
PAUSE_SECONDS = 0.1
PAGE = 300
"""Documents of a query that are read by one request."""
DEFAULT_DATABASE = "(default)"

Result = TypeVar("Result")
Call: TypeAlias = "Callable[[Client, float], Result]"
"""A request of a client, with the seconds that it may take."""
Condition: TypeAlias = tuple[str, str, Any]
"""Field, comparison and value."""


class FirestoreDocuments(Documents):
    """Documents of one database. Threads may share it; nothing is connected before the first call.

    Raises `Unavailable` where Firestore gives no useful answer in time, and `StoreBroken` with the
    remedy where it must be set up.
    """

    def __init__(self, project: str, database: str = DEFAULT_DATABASE) -> None:
        """Keep documents in a database of a project."""
        super().__init__()
        self._project, self._database = project, database
        self._counting = threading.Lock()
        self._credentials: Any = None
        self._connection: Connection[Client] = Connection(make=self._client, close=_close_client)

    @classmethod
    def open(cls, address: str) -> Self:
        """The store at `PROJECT/DATABASE`; without a database the one that is called (default)."""
        project, _, database = address.partition("/")
        if not project or "/" in database or any(sign.isspace() for sign in address):
            raise BadSettings(
                f"BOT_STATE was {quote_value(f'firestore://{address}')}, which names no database",
                remedy="set it to firestore://PROJECT/DATABASE, like firestore://my-bot/(default)",
            )
        return cls(project, database or DEFAULT_DATABASE)

    def close(self) -> None:
        """Close the connection; a later call opens another."""
        self._connection.drop()

    def _get(self, path: str) -> Document | None:
        snapshot = self._snapshots([path], attempts=ATTEMPTS).get(path)
        return None if snapshot is None else _document(snapshot)

    def _snapshots(self, paths: Sequence[str], *, attempts: int) -> "Mapping[str, Snapshot]":
        """Those documents that are there, by path, in one request."""

        def ask(client: "Client", timeout: float) -> "list[Snapshot]":
            references = [client.document(path) for path in paths]
            return list(client.get_all(references, retry=_once(timeout), timeout=timeout))

        found = self._read(f"the document {paths[0]}", ask, attempts=attempts)
        return {
            path: snapshot
            for snapshot in found
            if snapshot.exists and (path := snapshot.reference.path)
        }

    def _apply(self, batch: Sequence[CheckedWrite], writer: str) -> str:
        """Send a batch until others have let it through. Raises `AnswerLost`."""
        try:
            version = retry(
                lambda: self._try_batch(batch, writer),
                on=Contention,
                pause_seconds=lambda _, number: backoff_seconds(PAUSE_SECONDS, number),
                deadline=bound_at(time.monotonic() + LONGEST_SECONDS),
            )
        except Contention as error:
            raise Unavailable(
                f"Firestore could not write {_batch_name(batch)} beside others ({error})"
            ) from error
        self._answer()
        return version

    def _try_batch(self, batch: Sequence[CheckedWrite], writer: str) -> str:
        try:
            return self._send(batch, writer)
        except (Declined, Contention) as refused:
            stored = self._read_back(batch)
            if (version := _own_version(stored, writer)) is not None:
                return version
            for item in batch:
                found = stored.get(item.path)
                item.check(None if found is None else version_of(found.update_time))
            raise Contention(str(refused)) from refused
        except AnswerLost as lost:
            try:
                version = _own_version(self._read_back(batch), writer)
            except (Unavailable, StoreBroken):
                version = None
            if version is None:
                raise AnswerLost(f"{lost}; it is open whether it was written") from lost
            return version

    def _send(self, batch: Sequence[CheckedWrite], writer: str) -> str:
        def commit(client: "Client", timeout: float) -> str:
            writes, now = client.batch(), time.time()
            for item in batch:
                add_write(client, writes, item, writer=writer, now=now)
            writes.commit(retry=_once(timeout), timeout=timeout)
            return version_of(writes.commit_time)

        try:
            return self._ask(_batch_name(batch), commit)
        except Silence as error:
            raise AnswerLost(str(error)) from error

    def _read_back(self, batch: Sequence[CheckedWrite]) -> "Mapping[str, Snapshot]":
        """What is stored where a batch was to write."""
        paths = [item.path for item in batch]
        self._count(reads=len(paths))
        return self._snapshots(paths, attempts=ATTEMPTS - 1)

    def _query(self, query: CheckedQuery) -> list[Document]:
        found: list[Document] = []
        for condition in _conditions(query):
            page: list[Snapshot] = []
            while len(found) < query.limit:
                wanted = min(PAGE, query.limit - len(found))
                page = self._page(query, condition, after=page[-1] if page else None, limit=wanted)
                if found and not page:
                    self._count(reads=1)  # it is asked for, so it is paid for
                found += [_queried_document(snapshot) for snapshot in page]
                if len(page) < wanted:
                    break
        return found

    def _page(
        self,
        query: CheckedQuery,
        condition: "Condition | None",
        *,
        after: "Snapshot | None",
        limit: int,
    ) -> "list[Snapshot]":
        from google.cloud.firestore import FieldFilter, Query

        def ask(client: "Client", timeout: float) -> "list[Snapshot]":
            asked: Any = client.collection(query.collection)
            if condition is not None:
                field, op, value = condition
                asked = asked.where(filter=FieldFilter(field, op, value))
                if op != "==" or query.descending:
                    direction = Query.DESCENDING if query.descending else Query.ASCENDING
                    asked = asked.order_by(field, direction=direction)
            if after is not None:
                asked = asked.start_after(after)
            return list(asked.limit(limit).stream(retry=_once(timeout), timeout=timeout))

        return self._read(f"a query of {query.collection}", ask, attempts=ATTEMPTS)

    def _read(self, what: str, call: "Call[Result]", *, attempts: int) -> Result:
        """Ask, and ask again on a new connection where there was no answer."""

        def ask() -> Result:
            try:
                return self._ask(what, call)
            except Declined as refused:
                raise StoreBroken(
                    f"the database {self._database} of {self._project} cannot answer for {what}"
                    f" ({refused})",
                    remedy=_SET_UP,
                ) from refused
            except Contention as error:
                raise Unavailable(f"{what} could not be read beside others ({error})") from error

        return retry(
            ask,
            on=Unavailable,
            pause_seconds=lambda _, number: backoff_seconds(PAUSE_SECONDS, number),
            attempts=attempts,
            deadline=bound_at(time.monotonic() + LONGEST_SECONDS),
        )

    def _ask(self, what: str, call: "Call[Result]") -> Result:
        """One request, with all that is needed for it to be sent.

        Raises what `answers` knows; a connection without an answer is dropped.
        """
        until = time.monotonic() + seconds_left(CALL_SECONDS, what)
        with self._ready_client(what, until) as client:
            timeout = min(until - time.monotonic(), seconds_left(CALL_SECONDS, what))
            if timeout <= 0:
                raise Unavailable(f"no time was left for {what}: connecting took it")
            try:
                return call(client, timeout)
            except (BotError, Declined):
                raise
            except Exception as error:
                failure = google_failure(error, what)
                if isinstance(failure, Silence):
                    self._connection.drop(client)
                raise failure from error

    @contextmanager
    def _ready_client(self, what: str, until: float) -> "Iterator[Client]":
        """The client, connected and signed in by `until`."""
        with ExitStack() as use:
            try:
                with ending(until=until, silence_seconds=CALL_SECONDS):
                    client = use.enter_context(self._connection.client(until=until))
            except BotError:
                raise
            except Exception as error:
                raise sign_in_failure(error, what) from error
            yield client

    def _client(self) -> "Client":
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.firestore import Client

        anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
        client = Client(project=self._project, database=self._database, credentials=anonymous)
        if getattr(client, "_emulator_host", None) is not None:
            return client
        if self._credentials is None:
            self._credentials = _sign_in(Client.SCOPE)
        return Client(project=self._project, database=self._database, credentials=self._credentials)

    def _count(self, *, reads: int = 0, writes: int = 0) -> None:
        with self._counting:
            super()._count(reads=reads, writes=writes)


_SET_UP = f"make the database, and the indexes of {INDEXES.name}, then try again"


def _sign_in(scopes: Sequence[str]) -> Any:
    """The credentials of this machine, found within the time of the thread's call."""
    import google.auth
    from google.auth.transport.requests import Request

    found, _ = google.auth.default(scopes=scopes, request=Request(bounded_session()))
    return found


def _close_client(client: "Client") -> None:
    # The client has no method for it; nothing is to be opened by closing.
    opened = getattr(client, "_firestore_api_internal", None)
    if opened is not None:
        opened.transport.close()


def _once(timeout: float) -> "Retry":
    """The client asks once: asking again is ours, on another connection."""
    from google.api_core.retry import Retry

    return Retry(predicate=lambda _: False, timeout=timeout)


def _own_version(stored: "Mapping[str, Snapshot]", writer: str) -> str | None:
    """The version of the documents that carry the nonce; None where none does."""
    for snapshot in stored.values():
        if (snapshot.to_dict() or {}).get("writer") == writer:
            return version_of(snapshot.update_time)
    return None


def _document(snapshot: "Snapshot") -> Document:
    path = snapshot.reference.path
    return read_document(path, snapshot.to_dict() or {}, version=version_of(snapshot.update_time))


def _queried_document(snapshot: "Snapshot") -> Document:
    path = snapshot.reference.path
    return read_found(path, snapshot.to_dict() or {}, version=version_of(snapshot.update_time))


def _conditions(query: CheckedQuery) -> "Sequence[Condition | None]":
    """The filters of the requests that answer a query, in their order.

    A filter finds values of one type only, so that an order without a filter is two requests: that
    of all numbers, and that of all texts.
    """
    if query.field is None:
        return [None]
    field = f"data.{query.field}"
    if query.value is not None:
        return [(field, query.op, query.value)]
    every: list[Condition | None] = [(field, ">=", -math.inf), (field, ">=", "")]
    return every[::-1] if query.descending else every


def _batch_name(batch: Sequence[CheckedWrite]) -> str:
    more = f" and {len(batch) - 1} more" if len(batch) > 1 else ""
    return f"the document {batch[0].path}{more}"
