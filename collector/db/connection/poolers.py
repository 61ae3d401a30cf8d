"""Refuse poolers that lend one session to several clients.

The collection lock, session settings, prepared statements and temporary tables are a session's. A pooler in
transaction mode gives each transaction to whichever session is free, so that two collectors hold the same lock.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

import asyncpg

from collector.db.connection.statements import query
from collector.domain.errors import SharedSession

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_OTHERS = 3
"""Which session a pooler lends next is its own affair; mostly the one that came back last, which the first finds."""
_PATIENCE_S = 2.0
"""A pooler that has no session left for another client lets it wait; that proves nothing."""


class _Session(NamedTuple):
    """pid: of the server's process. mark: what a client has left in the session, "" for none."""

    pid: int
    mark: str


async def require_own_session(connection: Connection, another: Callable[[], Awaitable[Connection]]) -> None:
    """Make sure that a connection has a session of the server to itself, for as long as it lasts.

    The server's own start-up names the process that works for us; a pooler cannot name it, because it is not yet
    decided, or will change. Behind a pooler, what is set in one statement must be there in the next while other clients
    are in the middle of transactions. Nothing here is prepared: a shared session would keep it for the next client.

    Args:
        connection: as the driver has opened it; nothing asked of it yet.
        another: opens a further connection in the same way.

    Raises:
        SharedSession: its session is lent to others, too.
    """
    own = await _session(connection)
    if own.pid == connection.get_server_pid():
        return
    await connection.execute(query("mark_session"))
    marked = _Session(own.pid, str(own.pid))
    async with contextlib.AsyncExitStack() as others:
        for _ in range(_OTHERS):
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    other = await another()
                    others.callback(other.terminate)
                    await other.transaction().start()
                    shared = (await _session(other)).pid == marked.pid
            except (TimeoutError, asyncpg.PostgresError):
                break
            if shared or await _session(connection) != marked:
                raise SharedSession
    if await _session(connection) != marked:
        raise SharedSession


async def _session(connection: Connection) -> _Session:
    """Return the session that a connection has now; as a copy, which the driver asks for without preparing anything."""
    found = bytearray()

    async def keep(data: bytes) -> None:
        found.extend(data)

    await connection.copy_from_query(query("session"), output=keep)
    pid, mark = found.decode().removesuffix("\n").split("\t")
    return _Session(int(pid), mark)
