"""psql on the configured database."""

import asyncio
from collections.abc import Sequence

from collector.app import opening
from collector.clock import Clock
from collector.config import Settings
from collector.db.connection import pool
from collector.db.server import embedded, programs


def run(settings: Settings, clock: Clock, words: Sequence[str], *, primary: bool = False) -> int:
    """Let a person use psql, and return its exit code.

    An embedded server that is down is started for it, and stopped afterwards unless somebody else works with it then.

    Args:
        settings: which database.
        clock: ours.
        words: arguments of psql's own.
        primary: ask the database itself, also where there is another address for readers.

    Raises:
        DatabaseUnavailable: the embedded server does not start.
        DatabaseError: there is no psql on this machine.
    """
    own = settings.database.embedded and (primary or settings.database.read_url is None)
    data = settings.database.data_path
    was_down = own and not embedded.server(data).running
    url = asyncio.run(opening.database_url(settings) if primary else opening.reading_url(settings))
    try:
        program = embedded.binaries() / "psql" if own else asyncio.run(programs.first("psql"))
        return programs.in_terminal(
            program, f"--dbname={programs.conninfo(url)}", *words, env=programs.environment_of_person(url)
        )
    finally:
        if was_down and not asyncio.run(others_at_work(url, clock)):
            embedded.stop(data)


async def others_at_work(url: str, clock: Clock) -> bool:
    """Tell whether anybody else is connected to a server.

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`.
    """
    async with pool.connect(url, clock, application_name="collector", size=1) as db:
        return bool(await db.fetchval("count_other_sessions"))
