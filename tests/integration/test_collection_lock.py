"""The collection lock: who can hold it, who cannot, and that it needs no open transaction."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.connection import locks, pool
from collector.db.connection.pool import Database
from collector.db.readers import day_status
from collector.db.schema import features, migrate
from collector.domain.database_url import DatabaseUrl
from collector.domain.errors import DatabaseError, LockHeld
from tests.support.db_rows import rows
from tests.support.engines import Engine
from tests.support.fixtures_engines import Matrix

CLOCK = SystemClock()
FORMER = "SELECT pg_try_advisory_lock(7310579, 1)"
"""How earlier versions take it."""
_ROLE = "DO $$ BEGIN CREATE ROLE {}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
HELD = "SELECT classid::bigint::integer, objid::bigint::integer FROM pg_locks WHERE locktype = 'advisory' AND granted"


@pytest.fixture
def empty_plain_url(plain_engine: Engine, engine_matrix: Matrix) -> Iterator[str]:
    """Give an empty database."""
    yield from engine_matrix.create(plain_engine, "template0")


@pytest.fixture
def login(plain_engine: Engine) -> Iterator[str]:
    """Give a login that may do nothing but connect."""
    name = f"somebody_{os.getpid()}"
    plain_engine.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    plain_engine.execute(f"DROP ROLE {name}")


def as_(url: str, login: str) -> str:
    """Return the URL of a database for another login."""
    return replace(DatabaseUrl.parse(url), user=login).text


async def take_all(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Take every advisory lock that anybody holds, as soon as it is free."""
    for key in await connection.fetch(HELD):
        await connection.execute("SELECT pg_advisory_lock($1, $2)", *key)


@pytest.fixture
async def plain(plain_database_url: str) -> Any:  # noqa: ANN401 - an open database
    """Give an open database."""
    async with pool.connect(plain_database_url, CLOCK) as opened:
        yield opened


@pytest.mark.parametrize("reads", [False, True])
async def test_a_login_that_may_not_collect_stops_nobody(
    plain: Database,
    login: str,
    reads: bool,
) -> None:
    """Neither the former key nor one that it has seen in use, taken by a reader, keeps a run from beginning."""
    await features.create_roles(plain.url)
    if reads:
        await rows(plain, f"GRANT collector_ro TO {login}")
    intruder = await asyncpg.connect(as_(plain.url, login))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await intruder.fetch("SELECT key FROM store.collection_lock")
    assert await intruder.fetchval(FORMER)
    for _ in range(2):
        async with locks.collection_lock(plain, "a run"):
            assert str(await day_status.lock_holder(plain)).startswith("collector a run")
            waiting = asyncio.create_task(take_all(intruder))
            await asyncio.sleep(0.1)  # the server is at work
        await asyncio.wait_for(waiting, 10)
        assert await day_status.lock_holder(plain) is None
    with pytest.raises(DatabaseError, match="may not"):
        async with pool.connect(as_(plain.url, login), CLOCK) as other, locks.collection_lock(other):
            pass
    await intruder.close()


async def test_a_lost_key_is_drawn_anew(plain: Database, login: str) -> None:
    """Where the key's row is gone and a stranger holds the former lock, one run still keeps the next out."""
    await features.create_roles(plain.url)
    await rows(plain, "DELETE FROM store.collection_lock")
    stranger = await asyncpg.connect(as_(plain.url, login))
    assert await stranger.fetchval(FORMER)
    async with locks.collection_lock(plain, "a run"):
        with pytest.raises(LockHeld, match="collector a run"):
            async with locks.collection_lock(plain):
                pass
    await stranger.close()
    assert len(await rows(plain, "SELECT key FROM store.collection_lock")) == 1


async def test_a_login_that_collects_by_a_role_that_it_takes_on(plain: Database, login: str) -> None:
    """Who inherits nothing and sets the role collector_rw holds the lock like anybody else."""
    await features.create_roles(plain.url)
    await rows(plain, f"ALTER ROLE {login} NOINHERIT")
    await rows(plain, f"GRANT collector_rw TO {login}")
    url = as_(plain.url, login) + "&options=-c%20role%3Dcollector_rw"
    async with pool.connect(url, CLOCK) as other, locks.collection_lock(other, "theirs"):
        with pytest.raises(LockHeld, match="collector theirs"):
            async with locks.collection_lock(plain):
                pass


async def test_an_earlier_version_at_work(plain: Database) -> None:
    """A run of an earlier version, begun before the upgrade, is waited for, and does not begin beside one of ours."""
    earlier = await asyncpg.connect(plain.url, server_settings={"application_name": "collector eod of an earlier one"})
    assert await earlier.fetchval(FORMER)
    with pytest.raises(LockHeld, match="eod of an earlier one"):
        async with locks.collection_lock(plain):
            pass
    await earlier.execute("SELECT pg_advisory_unlock_all()")
    async with locks.collection_lock(plain):
        assert not await earlier.fetchval(FORMER)
    assert await earlier.fetchval(FORMER)
    await earlier.close()


async def test_a_lock_from_before_the_upgrade_is_one_after_it(empty_plain_url: str) -> None:
    """Who upgrades holds the lock meanwhile; the key that the upgrade draws lets nobody in."""
    await migrate.upgrade(empty_plain_url, revision="0007")
    async with pool.connect(empty_plain_url, CLOCK) as db:
        async with locks.collection_lock(db, "upgrade") as lock:
            for revision in ("0007", "head"):
                await migrate.upgrade(empty_plain_url, revision=revision)
                with pytest.raises(LockHeld, match="collector upgrade"):
                    async with locks.collection_lock(db):
                        pass
                await lock.keep()
        async with locks.collection_lock(db):
            pass


async def test_the_key_is_out_of_readers_sight_from_the_first(empty_plain_url: str) -> None:
    """In a database with roles of an earlier version, whose readers get to see every new table of the store."""
    await migrate.upgrade(empty_plain_url, revision="0007")
    async with pool.connect(empty_plain_url, CLOCK) as db:
        for role in ("collector_ro", "collector_rw"):
            await rows(db, _ROLE.format(role))
        await rows(db, "ALTER DEFAULT PRIVILEGES IN SCHEMA store GRANT SELECT ON TABLES TO collector_ro, collector_rw")
        await migrate.upgrade(empty_plain_url)
        may = "SELECT has_table_privilege($1, 'store.collection_lock', 'SELECT, UPDATE')"
        assert [(await rows(db, may, role))[0][0] for role in ("collector_ro", "collector_rw")] == [False, True]


async def test_no_transaction_stays_open(plain: Database) -> None:
    """The session that holds the lock is idle, and keeps no vacuum from its work."""
    async with locks.collection_lock(plain, "a run"):
        found = await rows(
            plain,
            "SELECT state, xact_start, backend_xmin, backend_xid FROM pg_stat_activity"
            " WHERE application_name LIKE 'collector a run%'",
        )
    assert found == [("idle", None, None, None)]


async def test_a_key_of_its_own_each_time(plain: Database, empty_plain_url: str) -> None:
    """Two databases have different keys, and so have two runs; the row stays one."""
    await migrate.upgrade(empty_plain_url)
    async with pool.connect(empty_plain_url, CLOCK) as other:
        keys = [await rows(db, "SELECT key FROM store.collection_lock") for db in (plain, other)]
    for _ in range(3):
        async with locks.collection_lock(plain):
            keys.append(await rows(plain, "SELECT key FROM store.collection_lock"))
    drawn = {key for [(key,)] in keys}
    assert len(drawn) == 5
    assert not drawn & {1, 2}


async def test_of_many_at_once_one_holds_it(plain: Database) -> None:
    """Twelve that ask at the same moment: never two, and never none; nobody waits."""
    inside = most = turns = 0

    async def run() -> None:
        nonlocal inside, most, turns
        async with pool.connect(plain.url, CLOCK, size=1) as own:
            for _ in range(5):
                try:
                    async with locks.collection_lock(own):
                        inside += 1
                        most, turns = max(most, inside), turns + 1
                        await asyncio.sleep(0.002)  # real time: the server decides who is next
                        inside -= 1
                except LockHeld:
                    continue

    await asyncio.gather(*(run() for _ in range(12)))
    assert (most, inside) == (1, 0)
    assert turns >= 5
