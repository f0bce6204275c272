"""Documents in one SQLite file: several processes and threads at once, every commit on the disk
before it is answered.

WAL lets people read (`bot status`) while a tick writes. `synchronous=FULL` costs one fsync a
commit, about a millisecond: with NORMAL a power cut could take back the last commits, and an
order's intent must not be forgotten once the order is out. The writer's nonce doubles as the
version: it is new with every write, also after a delete and a create.
"""

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from shared.core.errors import BotError, StoreBroken
from shared.core.retry import retry
from shared.stores.documents import AnswerLost, CheckedQuery, CheckedWrite, Documents, collection_of
from shared.stores.local.connections import Pool
from shared.stores.ports import Document, Json, Write

SCHEMA = 1
_BUSY_PAUSE_SECONDS = 0.01
APPLICATION_ID = 0x63627430  # "cbt0": no other program's file is taken for ours

_TABLES = f"""
CREATE TABLE documents (
    path TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    data TEXT NOT NULL,
    writer TEXT NOT NULL
);
CREATE INDEX documents_by_path ON documents (collection, path);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA};
"""

_PUT = """
INSERT INTO documents (path, collection, data, writer) VALUES (?, ?, ?, ?)
ON CONFLICT (path) DO UPDATE SET data = excluded.data, writer = excluded.writer
"""


class SqliteDocuments(Documents):
    """Documents in the file `path`, opened at first use; a missing folder is made.

    Threads and processes may share the file; a child of a fork opens its own connections. Every
    method raises `StoreBroken`, with the remedy, where the file is locked for longer than
    `busy_seconds`, damaged, foreign or not writable; nothing is ever deleted or repaired.
    """

    def __init__(self, path: str | os.PathLike[str], *, busy_seconds: float = 5.0) -> None:
        """Keep documents in `path`; wait at most `busy_seconds` for other writers."""
        super().__init__()
        self.path = Path(path).expanduser().absolute()
        self._busy_seconds = busy_seconds
        self._pool = Pool(self.path)

    @classmethod
    def open(cls, address: str) -> Self:
        """The store at a path."""
        return cls(Path(address))

    def commit(self, writes: Sequence[Write]) -> Mapping[str, Document]:
        """All writes or none; on the disk when it returns."""
        try:
            return super().commit(writes)
        except AnswerLost as lost:
            raise StoreBroken(str(lost), remedy=_REMEDIES[sqlite3.SQLITE_IOERR]) from lost

    def close(self) -> None:
        """Close all connections; those in use close when their call ends.

        A later call opens the file again.
        """
        pool, self._pool = self._pool, Pool(self.path)
        pool.close()

    def _get(self, path: str) -> Document | None:
        with self._connection() as connection:
            row = connection.execute(
                "SELECT path, data, writer FROM documents WHERE path = ?", (path,)
            ).fetchone()
        return None if row is None else _document(row)

    def _apply(self, batch: Sequence[CheckedWrite], writer: str) -> str:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            versions = _versions(connection, [item.path for item in batch])
            if writer not in versions.values():
                for item in batch:
                    item.check(versions.get(item.path))
                _write(connection, batch, writer)
            self._commit(connection)
        self._answer()
        return writer

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if _primary_code(error) == sqlite3.SQLITE_IOERR:
                raise AnswerLost(
                    f"the disk did not confirm a write to {self.path} ({error})"
                ) from error
            raise

    def _query(self, query: CheckedQuery) -> list[Document]:
        text, values = _select(query)
        with self._connection() as connection:
            if query.field is not None:
                self._index(connection, query.field)
            rows = connection.execute(text, values).fetchall()
        return [_document(row) for row in rows]

    def _index(self, connection: sqlite3.Connection, field: str) -> None:
        """Make the index of a field when it is first asked for: a year of ticks is too much to
        parse for the newest.
        """
        pool = self._own_pool()
        if field in pool.indexed:
            return
        name = f"documents_by_field_{field}"
        if (
            connection.execute(
                "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?", (name,)
            ).fetchone()
            is None
        ):
            value = _value(field)
            connection.execute(
                f'CREATE INDEX IF NOT EXISTS "{name}" ON documents (collection, {value}, path)'
                f" WHERE {value} IS NOT NULL",
            )
        pool.indexed.add(field)

    def _count(self, *, reads: int = 0, writes: int = 0) -> None:
        with self._own_pool().lock:
            super()._count(reads=reads, writes=writes)

    def _own_pool(self) -> Pool:
        self._pool = self._pool.own()
        return self._pool

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one call.

        It goes back unless SQLite or the outside world broke the call.
        """
        pool = self._own_pool()
        connection = pool.take()
        try:
            connection = connection or self._open(pool)
            yield connection
        except BaseException as error:
            if (
                connection is not None
                and isinstance(error, BotError)
                and not isinstance(error, AnswerLost)
            ):
                with suppress(sqlite3.Error):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                pool.give(connection)
            else:
                pool.drop(connection)
            if isinstance(error, sqlite3.Error):
                raise self._store_error(error) from error
            raise
        pool.give(connection)

    def _open(self, pool: Pool) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreBroken(
                f"the folder of the database {self.path} cannot be made ({error.strerror})",
                remedy=_REMEDIES[sqlite3.SQLITE_CANTOPEN],
            ) from error
        connection = self._connect()
        try:
            self._prepare(connection)
            pool.remember_file()
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self.path,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,  # a connection moves between threads, never in two at once
        )

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Look whose file it is before anything is changed in it, then make the table where the
        file is new.
        """
        connection.execute(
            "BEGIN"
        )  # one look at all of it: another process may be making the table just now
        ours = self._has_our_schema(connection)
        connection.execute("COMMIT")
        if not ours:
            self._persistently(connection, "PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            if not self._has_our_schema(connection):  # another process may have been first
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
            connection.execute("COMMIT")
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":
            raise StoreBroken(
                f"the database {self.path} cannot use SQLite's write-ahead log (its mode is"
                f" {mode})",
                remedy="put it on a local disk; network and shared folders do not work",
            )
        connection.execute("PRAGMA synchronous = FULL")

    def _has_our_schema(self, connection: sqlite3.Connection) -> bool:
        """Whether the file has our schema; False for an empty one.

        Raises `StoreBroken` for anybody else's.
        """
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        if (owner, version) == (APPLICATION_ID, SCHEMA):
            return True
        if owner == APPLICATION_ID:
            raise StoreBroken(
                f"the database {self.path} has schema {version}, and this version of the bot knows"
                f" {SCHEMA}",
                remedy="run the version of the bot that wrote it, or set BOT_STATE to another file",
            )
        if owner or version or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise StoreBroken(
                f"the database {self.path} belongs to another program; it was not touched",
                remedy=_REMEDIES[sqlite3.SQLITE_NOTADB],
            )
        return False

    def _persistently(self, connection: sqlite3.Connection, statement: str) -> None:
        """Repeat until the time is up: SQLite does not wait by itself when it changes the journal
        mode.
        """

        def pause_seconds(error: sqlite3.OperationalError, _number: int) -> float | None:
            return _BUSY_PAUSE_SECONDS if _primary_code(error) == sqlite3.SQLITE_BUSY else None

        retry(
            lambda: connection.execute(statement).fetchall(),
            on=sqlite3.OperationalError,
            pause_seconds=pause_seconds,
            deadline=time.monotonic() + self._busy_seconds,
        )

    def _store_error(self, error: sqlite3.Error) -> StoreBroken:
        code = _primary_code(error)
        found = {
            sqlite3.SQLITE_BUSY: (
                f"has been locked by another process for more than {self._busy_seconds:g} s"
            ),
            sqlite3.SQLITE_NOTADB: "is not a database",
            sqlite3.SQLITE_CORRUPT: f"is damaged ({error})",
            sqlite3.SQLITE_FULL: "has no room left on its disk",
            sqlite3.SQLITE_READONLY: "cannot be written",
            sqlite3.SQLITE_CANTOPEN: "cannot be opened",
            sqlite3.SQLITE_IOERR: f"could not be read or written ({error})",
        }.get(code, f"failed ({error})")
        return StoreBroken(
            f"the database {self.path} {found}",
            remedy=_REMEDIES.get(code, _REMEDIES[sqlite3.SQLITE_IOERR]),
        )


_REMEDIES: Mapping[int, str] = {
    sqlite3.SQLITE_BUSY: (
        "wait for the other process, or stop it (another bot, an open database browser), then try"
        " again"
    ),
    sqlite3.SQLITE_NOTADB: "set BOT_STATE to another file, or move this one away",
    sqlite3.SQLITE_CORRUPT: (
        "restore a copy, or move the file and those beside it ending in -wal and -shm away to start"
        " empty"
    ),
    sqlite3.SQLITE_FULL: "free some space; everything written before is safe",
    sqlite3.SQLITE_READONLY: (
        "let this user write the file and its folder, or set BOT_STATE to another file"
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "check that its folder is a folder that this user may write, or set BOT_STATE to another"
        " file"
    ),
    sqlite3.SQLITE_IOERR: "check the disk, then try again; everything written before is safe",
}


def _primary_code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def _versions(connection: sqlite3.Connection, paths: Sequence[str]) -> dict[str, str]:
    marks = ", ".join("?" * len(paths))
    # Marks only.
    rows = connection.execute(f"SELECT path, writer FROM documents WHERE path IN ({marks})", paths)  # noqa: S608
    return dict(rows.fetchall())


def _write(connection: sqlite3.Connection, batch: Sequence[CheckedWrite], writer: str) -> None:
    for item in batch:
        if item.kind == "delete":
            connection.execute("DELETE FROM documents WHERE path = ?", (item.path,))
        elif item.text is not None:
            connection.execute(_PUT, (item.path, collection_of(item.path), item.text, writer))


def _document(row: tuple[str, str, str]) -> Document:
    path, text, version = row
    try:
        data = json.loads(text)
    except ValueError as error:
        raise StoreBroken(
            f"the stored document {path} is not JSON any more ({error})",
            remedy="restore a copy of the database, or delete that row of its table documents",
        ) from error
    return Document(path=path, data=data, version=version)


def _value(field: str) -> str:
    """The SQL of a field's value.

    The field is letters, digits, underscores and dots: `check_query` has seen to it.
    """
    return f"json_extract(data, '$.{field}')"


_KINDS: Mapping[type, str] = {bool: "'true', 'false'", int: "'integer', 'real'", str: "'text'"}


def _select(query: CheckedQuery) -> tuple[str, list[Json]]:
    where, order = ["collection = ?"], ["path"]
    values: list[Json] = [query.collection]
    if query.field is not None:
        value = _value(query.field)
        kinds = "'integer', 'real', 'text'" if query.value is None else _KINDS[type(query.value)]
        where += [f"{value} IS NOT NULL", f"json_type(data, '$.{query.field}') IN ({kinds})"]
        if query.value is None or query.op != "==":  # SQLite would sort by a constant
            order = [value, "path"]
        if query.value is not None:
            where.append(f"{value} {query.op} ?")
            values.append(query.value)
    direction = " DESC" if query.descending else ""
    text = (
        # Names checked, values bound.
        f"SELECT path, data, writer FROM documents WHERE {' AND '.join(where)} "  # noqa: S608
        f"ORDER BY {', '.join(item + direction for item in order)} LIMIT ?"
    )
    return text, [*values, query.limit]
