"""Alembic's environment: one connection, given by the collector or made from DATABASE_URL."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection

from collector.db.schema.migrate import engine_for
from collector.db.schema.tables import metadata


def ours(name: str | None, kind: str, _parents: object) -> bool:
    """Tell whether a comparison is to look at what it has found: of schemas, at the default one and the store."""
    return kind != "schema" or name in {None, "store"}


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=True,
        include_name=ours,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_migrate(url: str) -> None:
    engine = engine_for(url)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    asyncio.run(connect_and_migrate(os.environ["DATABASE_URL"]))
