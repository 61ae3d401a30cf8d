"""The collection lock, an advisory lock.

An advisory lock on a connection of its own, so that two runs never share the gateway.

Its key is drawn anew each time, and stands in a table that only collectors may read and write. Every login can take
any advisory lock, and see those that others hold; but one that may not write the key holds nothing here, whatever it
takes, and the next key is not known before it is held. The row of the key lets one collector at a time look who holds
the lock, for a moment: no transaction stays open.

Earlier versions know one fixed key. It is held, too, so that one of them that is still at work is not overlooked, and
does not begin; before the table is made it is all there is.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from collector.db.connection import driver_errors
from collector.db.connection.pool import Database, open_connection, session_name
from collector.db.connection.statements import query
from collector.domain.errors import DatabaseError, DatabaseUnavailable, LockHeld

if TYPE_CHECKING:
    import asyncpg

_PATIENCE_S = 60.0
"""A server that restarts is back within a minute; after that the run that lost its lock stops."""


class Lock:
    """The collection lock in this process's hands; made by `collection_lock`."""

    def __init__(self, db: Database, application_name: str) -> None:
        self._db = db
        self._application_name = application_name
        self._connection: asyncpg.Connection[Any] | None = None
        self._lost = asyncio.Event()

    @property
    def lost(self) -> bool:
        """Return whether the connection that holds the lock has ended; `keep` may win it back."""
        return self._lost.is_set()

    async def wait_lost(self) -> None:
        """Wait until the lock is lost."""
        await self._lost.wait()

    async def acquire(self) -> None:
        """Take the lock.

        Raises:
            LockHeld: another process has it; the message names it.
            DatabaseUnavailable, DatabaseError: the server cannot be asked.
        """
        connection = await open_connection(self._db.url, self._db.clock, application_name=self._application_name)
        try:
            with self._db.clock.hold(), driver_errors.door():
                taken, holder = await _take(connection)
                ghost = self._is_own_ghost(holder)
                if ghost:
                    await connection.fetchval(query("end_session"), holder["pid"])
        except BaseException:  # whoever is cancelled meanwhile must not keep the lock
            connection.terminate()
            raise
        if taken:
            connection.add_termination_listener(self._on_end)
            self._lost.clear()
            self._connection = connection
            return
        with self._db.clock.hold():
            await connection.close()
        if ghost:
            raise DatabaseUnavailable("the session that held the lock is being ended")
        raise held_by(holder)

    async def keep(self) -> None:
        """Make sure that the lock is held: ask the server, and win it back if the connection was lost.

        Waits out a server that restarts, about a minute.

        Raises:
            LockHeld: another process took it meanwhile.
            DatabaseUnavailable, DatabaseError: the server stays away.
        """
        if not await self._is_held():
            await self._db.patiently(self.acquire, _PATIENCE_S)

    async def release(self) -> None:
        """Give the lock up; a server that is gone has released it already."""
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        connection.remove_termination_listener(self._on_end)
        with contextlib.suppress(DatabaseError), self._db.clock.hold(), driver_errors.door():
            await connection.close(timeout=10)

    async def _is_held(self) -> bool:
        if self._connection is None or self._connection.is_closed():
            return False
        try:
            with self._db.clock.hold(), driver_errors.door():
                return bool(await self._connection.fetchval(query("holds_collection_lock"), timeout=30))
        except DatabaseUnavailable:
            self._connection.terminate()
            return False

    def _is_own_ghost(self, holder: Any) -> bool:  # noqa: ANN401 - a row of pg_stat_activity, or None
        """Return whether the holder is the session that we lost: a cut line that the server has not noticed yet."""
        if self._connection is None or holder is None:
            return False
        return bool(holder["application_name"] == session_name(self._application_name))

    def _on_end(self, _: object) -> None:
        self._lost.set()


@contextlib.asynccontextmanager
async def collection_lock(db: Database, purpose: str = "") -> AsyncIterator[Lock]:
    """Hold the collection lock for the length of the block.

    Args:
        db: the database, which the lock belongs to.
        purpose: what the run does (window and day), shown to whom it keeps waiting.

    Raises:
        LockHeld: another process has it; the message names it.
    """
    lock = Lock(db, " ".join(filter(None, ("collector", purpose, f"on {socket.gethostname()}, process {os.getpid()}"))))
    await lock.acquire()
    try:
        yield lock
    finally:
        await lock.release()


@contextlib.asynccontextmanager
async def archive_lock(db: Database) -> AsyncIterator[None]:
    """Keep others from writing the archive for the length of the block; collecting goes on beside it.

    Raises:
        LockHeld: another process has the lock; the message names it.
        DatabaseUnavailable, DatabaseError: the server cannot be asked.
    """
    name = f"collector archive on {socket.gethostname()}, process {os.getpid()}"
    connection = await open_connection(db.url, db.clock, application_name=name)
    try:
        with db.clock.hold(), driver_errors.door():
            taken = await connection.fetchval(query("try_archive_lock"))
            holder = None if taken else await connection.fetchrow(query("archive_lock_holder"))
        if not taken:
            raise _archive_held_by(holder)
        yield
    finally:
        with contextlib.suppress(DatabaseError), db.clock.hold(), driver_errors.door():
            await connection.close(timeout=10)


def _archive_held_by(holder: Any) -> LockHeld:  # noqa: ANN401 - a row of pg_stat_activity, or None
    who = "a moment ago" if holder is None else f"now: {holder['application_name']}"
    return LockHeld(f"another process was writing the archive {who}", "wait until it has finished, and try again")


async def _take(connection: "asyncpg.Connection[Any]") -> tuple[bool, Any]:
    """Try to take the lock for as long as the connection lives.

    Returns:
        Whether it is taken now, and a row about who holds it if not; None when that one has just gone.
    """
    async with connection.transaction():
        drawn = await connection.fetchval(query("has_collection_lock"))
        key = await connection.fetchval(query("draw_collection_key")) if drawn else None
        # This one first: what an earlier version takes later than that is refused, what it took before is seen now.
        former = await connection.fetchval(query("try_former_lock"))
        holder = await connection.fetchrow(query("collection_lock_holder"))
        if holder is not None or not (drawn or former):
            return False, holder
        if key is not None:
            await connection.execute(query("take_collection_lock"), key)
    return True, None


def held_by(holder: Any) -> LockHeld:  # noqa: ANN401 - a row of pg_stat_activity, or None
    """Return the error that names who holds the lock."""
    if holder is None:
        return LockHeld("another run held the lock a moment ago", "try again")
    # PostgreSQL hides when the session of another user's began.
    since = f", since {began:%Y-%m-%d %H:%M:%S} UTC" if (began := holder["backend_start"]) else ""
    return LockHeld(
        f"another run is at work: {holder['application_name']}{since}",
        "wait until it has finished; `collector status` shows it",
    )
