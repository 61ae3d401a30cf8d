"""Bring a database to this version's schema, and back.

Bringing a database to the schema of this version, and back: alembic, usable from code.

One upgrade runs at a time (an advisory lock), each revision in its own transaction, and nothing waits longer than the
lock time-out for a table that somebody uses.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from collector.clock import Clock, SystemClock
from collector.config.package_files import resource
from collector.db.connection import driver_errors
from collector.db.connection.pool import begin_session, connected, driver_arguments
from collector.db.connection.statements import query
from collector.db.schema import schema_revisions, tables
from collector.domain.errors import DatabaseError

ResultT = TypeVar("ResultT")


def configuration() -> Config:
    """Return alembic's configuration, wherever the package is installed."""
    config = Config(str(resource("alembic.ini")))
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    return config


async def upgrade(url: str, clock: Clock | None = None, revision: str = "head") -> tuple[str, ...]:
    """Bring a database to a revision, the newest by default; does nothing when it is there already.

    Returns:
        What a person should know of what the steps have changed, a sentence each.

    Raises:
        DatabaseUnavailable: no server, or another upgrade holds the lock.
        DatabaseError: the database holds tables of the same names that are not the collector's, or its revision is
            unknown to this version.
    """
    return await _on(url, clock, lambda connection: _upgrade(connection, revision))


async def downgrade(url: str, revision: str, clock: Clock | None = None) -> None:
    """Take a database back to an earlier revision (`base`: no tables). Rows of dropped tables are lost."""
    await _on(url, clock, lambda connection: _migrate(connection, command.downgrade, revision))


def _upgrade(connection: Connection, revision: str) -> tuple[str, ...]:
    here = _revision(connection)
    if here is None:
        _refuse_strangers(connection)
    elif here not in schema_revisions.known():
        raise DatabaseError(
            f"the database is at revision {here}, which this version of the collector does not know",
            "install the version that made it, or a newer one",
        )
    return _migrate(connection, command.upgrade, revision)


def _refuse_strangers(connection: Connection) -> None:
    ours = {table.name for table in tables.metadata.tables.values()}
    strangers = sorted(ours.intersection(inspect(connection).get_table_names()))
    connection.rollback()
    if strangers:
        raise DatabaseError(
            f"the database already holds tables of an earlier system: {', '.join(strangers)}",
            "back it up, then run `collector db adopt`; or use an empty database",
        )


def _revision(connection: Connection) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    return revision


def _migrate(connection: Connection, step: Callable[[Config, str], None], revision: str) -> tuple[str, ...]:
    """Take a step, and return the notes that revisions have left in `config.attributes["notes"]`."""
    config = configuration()
    config.attributes.update(connection=connection, notes=[])
    connection.execute(text(query("lock_migrations")))
    connection.commit()
    try:
        step(config, revision)
    finally:
        connection.rollback()
        connection.execute(text(query("unlock_migrations")))
        connection.commit()
    return tuple(config.attributes["notes"])


async def _on(url: str, clock: Clock | None, work: Callable[[Connection], ResultT]) -> ResultT:
    with (clock or SystemClock()).hold(), driver_errors.door(), unwrapped():
        engine = engine_for(url)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()


@contextlib.contextmanager
def unwrapped() -> Iterator[None]:
    """Raise asyncpg's own error instead of SQLAlchemy's wrapping."""
    try:
        yield
    except DBAPIError as error:
        inner: BaseException = error
        while (cause := getattr(inner, "orig", None) or inner.__cause__) is not None:
            inner = cause
        raise inner from error


def engine_for(url: str) -> AsyncEngine:
    """Return an engine for a database, reading the URL exactly as `collector.db.connection.pool.connect` does."""
    arguments = driver_arguments(url, "collector db upgrade")

    async def creator() -> "asyncpg.Connection[asyncpg.Record]":
        connection = await connected(**arguments)
        await begin_session(connection, arguments)
        return connection

    return create_async_engine("postgresql+asyncpg://", async_creator=creator, poolclass=NullPool)
