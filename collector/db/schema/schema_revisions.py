"""Read schema revisions without alembic.

Revisions of the schema, read without alembic, which takes half a second to import.
"""

import re

import asyncpg

from collector.clock import Clock, SystemClock
from collector.config.package_files import resource
from collector.db.connection import driver_errors
from collector.db.connection.pool import open_connection
from collector.db.connection.statements import query

_REVISION = re.compile(r"^revision\b[^=\n]*= *\"(\w+)\"", re.MULTILINE)
_EARLIER = re.compile(r"^down_revision\b[^=\n]*= *\"(\w+)\"", re.MULTILINE)


def known() -> frozenset[str]:
    """Return the revisions that this version of the collector can upgrade from."""
    return frozenset(_chain())


def head() -> str:
    """Return the newest revision that this version of the collector knows."""
    chain = _chain()
    (newest,) = set(chain) - set(chain.values())
    return newest


def _chain() -> dict[str, str | None]:
    """Return each revision with the one before it."""
    chain = {}
    for path in (resource("migrations") / "versions").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        own, earlier = _REVISION.search(text), _EARLIER.search(text)
        if own is None:
            raise LookupError(f"{path.name} names no revision")
        chain[own[1]] = None if earlier is None else earlier[1]
    return chain


async def current(url: str, clock: Clock | None = None) -> str | None:
    """Return the revision of a database, None when it has none of the collector's tables.

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`.
    """
    clock = clock or SystemClock()
    connection = await open_connection(url, clock, application_name="collector schema")
    with clock.hold(), driver_errors.door():
        try:
            revision: str | None = await connection.fetchval(query("schema_revision"))
        except asyncpg.UndefinedTableError:
            return None
        else:
            return revision
        finally:
            await connection.close()
