"""The engine matrix itself: each engine is what its name says, and databases are independent."""

import asyncpg
import pytest

from tests.support.engines import Engine
from tests.support.fixtures_engines import Matrix


async def _fetchval(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_engine_is_what_its_name_says(engine: Engine, empty_database_url: str) -> None:
    """Plain offers no TimescaleDB; the others create it and answer with their own license."""
    if engine.name == "plain":
        assert engine.extension == ""
        return
    await _fetchval(empty_database_url, "CREATE EXTENSION IF NOT EXISTS timescaledb")
    expected = {"apache": "apache", "community": "timescale"}[engine.name]
    assert await _fetchval(empty_database_url, "SHOW timescaledb.license") == expected
    installed = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
    assert await _fetchval(empty_database_url, installed) == engine.extension


async def test_apache_edition_refuses_what_only_community_has(engine: Engine, empty_database_url: str) -> None:
    """Compression works on Community and is refused on Apache."""
    if engine.name == "plain":
        pytest.skip("needs TimescaleDB, of either edition")
    await _fetchval(empty_database_url, "CREATE EXTENSION IF NOT EXISTS timescaledb")
    await _fetchval(empty_database_url, "CREATE TABLE t (at timestamptz NOT NULL, n int)")
    await _fetchval(empty_database_url, "SELECT create_hypertable('t', 'at')")
    enable = "ALTER TABLE t SET (timescaledb.compress)"
    if engine.name == "community":
        await _fetchval(empty_database_url, enable)
    else:
        with pytest.raises(asyncpg.FeatureNotSupportedError, match="apache"):
            await _fetchval(empty_database_url, enable)


async def test_databases_are_independent(engine: Engine, engine_matrix: Matrix) -> None:
    """Two clones of one template do not see each other's tables."""
    first = engine_matrix.create(engine, "template0")
    second = engine_matrix.create(engine, "template0")
    one, two = next(first), next(second)
    await _fetchval(one, "CREATE TABLE mine ()")
    assert await _fetchval(two, "SELECT to_regclass('mine')") is None
    for generator in (first, second):
        generator.close()
    names = "SELECT count(*) FROM pg_database WHERE datname = ANY (ARRAY['{}', '{}'])"
    assert await _fetchval(engine.url, names.format(one.split("/")[3].split("?")[0], two.split("/")[3])) == 0
