"""The two descriptions of the schema agree, and every step goes both ways."""

import re
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.schema import CreateSchema

from collector.clock import SystemClock
from collector.db.connection import pool
from collector.db.schema import migrate, schema_revisions, tables
from collector.domain.errors import DatabaseError, DatabaseUnavailable

CATALOG = """
SELECT 'column', c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
    a.attgenerated::text, a.attidentity::text,
    coalesce(pg_get_expr(d.adbin, d.adrelid), ''), coalesce(col_description(c.oid, a.attnum), '')
FROM pg_class AS c
INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace IN ('public'::regnamespace, to_regnamespace('store')) AND c.relkind = 'r'
    AND c.relname <> 'alembic_version'
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', '', '', ''
FROM pg_constraint
WHERE connamespace IN ('public'::regnamespace, to_regnamespace('store'))
    AND conrelid::regclass::text <> 'alembic_version'
UNION ALL
SELECT 'index', schemaname || '.' || tablename, indexname, indexdef, '', '', '', '', ''
FROM pg_indexes WHERE schemaname IN ('public', 'store') AND tablename <> 'alembic_version'
ORDER BY 1, 2, 3
"""


async def catalog(url: str) -> list[tuple[Any, ...]]:
    """Return what the server knows of tables, constraints and indexes."""
    connection = await pool.open_connection(url, SystemClock(), application_name="test")
    try:
        return [tuple(row.values()) for row in await connection.fetch(CATALOG)]
    finally:
        await connection.close()


async def execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run statements of the test's own, and return the rows of a single one."""
    connection = await pool.open_connection(url, SystemClock(), application_name="test")
    try:
        if statement.startswith("SELECT"):
            return [tuple(row.values()) for row in await connection.fetch(statement)]
        await connection.execute(statement)
        return []
    finally:
        await connection.close()


async def test_upgrade_equals_the_metadata(empty_plain_url: str) -> None:
    """After the upgrade of an empty database, alembic finds no difference from the metadata."""
    await migrate.upgrade(empty_plain_url)

    def differences(connection: Connection) -> list[Any]:
        seen = {
            "include_schemas": True,
            "include_name": lambda name, kind, _: kind != "schema" or name in {None, "store"},
        }
        return list(compare_metadata(MigrationContext.configure(connection, opts=seen), tables.metadata))

    engine = migrate.engine_for(empty_plain_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_upgrade_equals_create_all(empty_plain_url: str) -> None:
    """Types, defaults, checks, generated columns, indexes and comments too are what the metadata would create."""
    await migrate.upgrade(empty_plain_url)
    migrated = await catalog(empty_plain_url)
    await migrate.downgrade(empty_plain_url, "base")

    engine = migrate.engine_for(empty_plain_url)
    async with engine.begin() as connection:
        await connection.execute(CreateSchema("store"))
        await connection.run_sync(tables.metadata.create_all)
    await engine.dispose()

    assert migrated == await catalog(empty_plain_url)
    assert len(migrated) > 100


async def test_every_downgrade_works(empty_plain_url: str) -> None:
    """Each revision can be taken back and applied again; at the bottom no table is left."""
    chain = [script.revision for script in ScriptDirectory.from_config(migrate.configuration()).walk_revisions()]
    assert (schema_revisions.head(), schema_revisions.known()) == (chain[0], frozenset(chain))
    await migrate.upgrade(empty_plain_url)
    whole = await catalog(empty_plain_url)
    for lower in [*chain[1:], "base"]:
        await migrate.downgrade(empty_plain_url, lower)
    assert await catalog(empty_plain_url) == []
    assert await schema_revisions.current(empty_plain_url) is None
    for revision in reversed(chain):
        await migrate.upgrade(empty_plain_url, revision=revision)
    assert await catalog(empty_plain_url) == whole


async def test_upgrade_is_idempotent(empty_plain_url: str) -> None:
    """A second upgrade changes nothing; the revision is the newest."""
    assert await schema_revisions.current(empty_plain_url) is None
    await migrate.upgrade(empty_plain_url)
    once = await catalog(empty_plain_url)
    await migrate.upgrade(empty_plain_url)
    assert await catalog(empty_plain_url) == once
    assert await schema_revisions.current(empty_plain_url) == schema_revisions.head()


async def test_downgrade_on_every_engine(database_url: str) -> None:
    """With the features of each engine on top, the downgrade still removes everything; the upgrade brings it back."""
    await migrate.downgrade(database_url, "base")
    assert [row for row in await catalog(database_url) if row[0] == "column"] == []
    await migrate.upgrade(database_url)
    assert await schema_revisions.current(database_url) == schema_revisions.head()


async def test_tables_of_an_earlier_system_are_refused(empty_plain_url: str) -> None:
    """A database that holds tables of the same names is left alone, and the message says which."""
    await execute(empty_plain_url, "CREATE TABLE option_chains (id serial)")
    with pytest.raises(DatabaseError, match=r"tables of an earlier system: option_chains") as caught:
        await migrate.upgrade(empty_plain_url)
    assert "db adopt" in caught.value.hint
    assert [row[1] for row in await catalog(empty_plain_url) if row[0] == "column"] == ["option_chains"]


async def test_a_database_from_the_future_is_refused(empty_plain_url: str) -> None:
    """A revision that this version does not know is no reason to guess."""
    await migrate.upgrade(empty_plain_url)
    await execute(empty_plain_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match="at revision 9999, which this version of the collector does not know"):
        await migrate.upgrade(empty_plain_url)


async def test_one_upgrade_at_a_time(empty_plain_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another upgrade holds the lock, ours waits for the lock time-out and says so."""
    monkeypatch.setattr(pool, "LOCK_TIMEOUT_S", 0.2)
    other = await pool.open_connection(empty_plain_url, SystemClock(), application_name="test")
    try:
        await other.execute("SELECT pg_advisory_lock(7310579, 2)")
        with pytest.raises(DatabaseUnavailable, match="did not get a lock in time"):
            await migrate.upgrade(empty_plain_url)
    finally:
        await other.close()
    await migrate.upgrade(empty_plain_url)


def test_no_foreign_key_leads_from_bars() -> None:
    """Bar tables have no foreign keys and their key holds the time, so that they can become hypertables."""
    for table in (tables.stored_option_bars_5min, tables.stored_underlying_bars_5min):
        assert not table.foreign_keys
        assert "time" in table.primary_key.columns
        assert all("time" in index.columns for index in table.indexes)


def test_names_fit_the_server() -> None:
    """No name is longer than the 63 bytes that PostgreSQL keeps, so no two can become one."""
    for table in tables.metadata.tables.values():
        for item in (*table.constraints, *table.indexes):
            name = getattr(item, "name", None)
            assert name is None or len(str(name)) <= 63
        for column in table.columns:
            assert re.fullmatch(r"[a-z_]+", column.name)
