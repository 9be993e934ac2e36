"""The queue in one SQLite file: write-ahead log, synchronous=FULL, one thread that owns the connection."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from loadtests.sendapi.blocks import Lane, Once, QueueFull, Stored, StoreFailed, Write

T = TypeVar("T")

_TABLE = """
CREATE TABLE IF NOT EXISTS blocks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, priority TEXT, channel TEXT, messages INTEGER, data BLOB
);
CREATE INDEX IF NOT EXISTS lanes ON blocks (priority, channel, id);
CREATE TABLE IF NOT EXISTS once (name BLOB PRIMARY KEY, record BLOB, until_s REAL);
CREATE INDEX IF NOT EXISTS ages ON once (until_s);
"""


class SqliteQueue:
    """Blocks as rows; AUTOINCREMENT never gives a deleted row's key again, so a cursor stays true."""

    name = "sqlite"
    in_flight = 1

    def __init__(self, path: Path, *, durable: bool) -> None:
        self.durable = durable
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._connection = self._thread.submit(_connect, path).result()

    async def append(self, writes: Sequence[Write]) -> Sequence[bytes]:
        """One transaction; it has reached the disk when this returns."""

        def run(connection: sqlite3.Connection) -> list[bytes]:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                return _insert(connection, writes)

        return await self._run(run)

    async def append_once(self, writes: Sequence[Write], once: Once) -> bytes | None:
        """One transaction for record and blocks; records that are old enough go with it."""

        def run(connection: sqlite3.Connection) -> bytes | None:
            now_s = time.time()
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DELETE FROM once WHERE until_s <= ?", (now_s,))
                found = connection.execute("SELECT record FROM once WHERE name = ?", (once.name,)).fetchone()
                if found is not None:
                    return bytes(found[0])
                row = (once.name, once.record, now_s + once.keep_s)
                connection.execute("INSERT INTO once (name, record, until_s) VALUES (?, ?, ?)", row)
                _insert(connection, writes)
            return None

        return await self._run(run)

    async def read(self, lane: Lane, after: bytes, count: int) -> list[Stored]:
        """Rows behind `after`, oldest first."""

        def run(connection: sqlite3.Connection) -> list[Stored]:
            found = connection.execute(
                "SELECT id, messages, data FROM blocks WHERE priority = ? AND channel = ? AND id > ?"
                " ORDER BY id LIMIT ?",
                (*lane, int(after or b"0"), count),
            )
            return [Stored(b"%d" % key, messages, data) for key, messages, data in found]

        return await self._run(run)

    async def delete(self, keys: Sequence[tuple[Lane, bytes]]) -> None:
        """One transaction for all."""

        def run(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("DELETE FROM blocks WHERE id = ?", [(int(key),) for _, key in keys])

        await self._run(run)

    async def compact(self) -> None:
        """The log is folded into the file, and the file shrinks to what it holds."""

        def run(connection: sqlite3.Connection) -> None:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        await self._run(run)

    async def ping(self) -> None:
        """The file can be read."""

        def run(connection: sqlite3.Connection) -> None:
            connection.execute("SELECT 1 FROM blocks LIMIT 1").fetchall()

        await self._run(run)

    async def close(self) -> None:
        """Let the log be folded into the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise QueueFull from error
            raise StoreFailed(str(error)) from error
        except sqlite3.Error as error:
            raise StoreFailed(str(error)) from error


def _insert(connection: sqlite3.Connection, writes: Sequence[Write]) -> list[bytes]:
    """The rows' keys."""
    insert = "INSERT INTO blocks (priority, channel, messages, data) VALUES (?, ?, ?, ?)"
    rows = ((*lane, messages, data) for lane, messages, data in writes)
    return [b"%d" % (connection.execute(insert, row).lastrowid or 0) for row in rows]


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(_TABLE)
    return connection
