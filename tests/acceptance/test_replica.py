"""Readers of a replica: a real one that streams, falls behind, is cut off, and outlives its database."""

import asyncio
import os
import pwd
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import asyncpg
import pytest

from collector import research
from collector.clock import SystemClock
from collector.db.schema import features, migrate
from collector.db.server import embedded
from collector.db.server.local_server import LocalServer
from collector.domain.errors import DatabaseError
from tests.support import engines
from tests.support.command_line import Home, home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.server_folders import server_folder

Capsys = pytest.CaptureFixture[str]
_SETTINGS = {"fsync": "off", "hot_standby_feedback": "on"}
_UNDERLYING = (
    "INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)"
    " VALUES ('{0}', {1}, 'STK', 'SMART', 'USD')"
)
_REPLAYED = """
DO $$ BEGIN
    WHILE pg_last_wal_replay_lsn() < '{0}'::pg_lsn OR NOT EXISTS (SELECT FROM pg_stat_wal_receiver) LOOP
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$
"""
_RECEIVED = _REPLAYED.replace("pg_last_wal_replay_lsn", "pg_last_wal_receive_lsn")


class Pair(NamedTuple):
    """A server, its replica, and the database's address at each."""

    primary: LocalServer
    replica: LocalServer
    url: str
    read_url: str


def _asked(url: str, *statements: str) -> object:
    async def work() -> object:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(work())


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A server with an empty database of the collector's, and a replica that has caught up with it."""
    folder = server_folder("collector-replica-")
    programs = embedded.binaries()
    primary = LocalServer(programs, folder / "a", _SETTINGS)
    replica = LocalServer(programs, folder / "b", _SETTINGS)
    try:
        primary.start()
        _asked(primary.url("postgres"), "CREATE DATABASE collector", "SELECT 1")
        url = primary.url("collector")
        engines.run(migrate.upgrade(url))
        engines.run(features.apply(url))
        owner = primary.data_dir.stat().st_uid
        (folder / "b").mkdir(mode=0o700)
        os.chown(folder / "b", owner, pwd.getpwuid(owner).pw_gid)
        subprocess.run(
            [programs / "pg_basebackup", "-D", replica.data_dir, "-R", "-X", "stream", "-c", "fast", "-d", url],
            check=True,
            capture_output=True,
            user=owner if os.geteuid() == 0 else None,
            cwd=folder,
        )
        (replica.data_dir / ".s.PGSQL.5432.lock").unlink()  # the other server's socket lies in its data folder
        replica.start()
        made = Pair(primary, replica, url, replica.url("collector"))
        _caught_up(made)
        yield made
    finally:
        replica.stop("immediate")
        primary.stop("immediate")
        shutil.rmtree(folder)


def _caught_up(pair: Pair, until: str = _REPLAYED) -> None:
    """Wait until the replica has replayed, or received, what its database has written."""
    written = _asked(pair.url, "SELECT pg_current_wal_lsn()::text")
    _asked(pair.read_url, until.format(written), "SELECT 1")


@pytest.fixture
def account(pair: Pair) -> Iterator[Home]:
    """An account whose runs write to the one and whose readers ask the other."""
    given = {"COLLECTOR_DATABASE__URL": pair.url, "COLLECTOR_DATABASE__READ_URL": pair.read_url}
    with home(SystemClock(AFTER_THE_CLOSE)) as made:
        yield replace(made, more=given)


def test_readers_ask_the_replica(pair: Pair, account: Home, capsys: Capsys) -> None:
    """Status says where it has read, sees what has arrived and nothing else, and tells a replica that is cut off."""
    _asked(pair.url, _UNDERLYING.format("SPY", 1), "SELECT 1")
    _caught_up(pair)
    found = account.call(capsys, "status", "--json")
    assert (found.code, found.err) == (0, "")
    assert found.document["read_from"] == "a replica that is not behind"
    assert [one["symbol"] for one in found.document["symbols"]] == ["SPY"]
    assert "read from database.read_url: a replica that is not behind" in account.call(capsys, "status").out
    asked = account.call(capsys, "doctor")
    assert "ok  readers        a replica that is not behind" in asked.out

    _asked(pair.read_url, "SELECT pg_wal_replay_pause()", "SELECT 1")
    _asked(pair.url, _UNDERLYING.format("TSLA", 2), "SELECT 1")
    _caught_up(pair, _RECEIVED)
    behind = account.call(capsys, "status", "--json")
    assert behind.document["read_from"].startswith("a replica, ")
    assert behind.document["read_from"].endswith(" s behind")
    assert [one["symbol"] for one in behind.document["symbols"]] == ["SPY"]
    _asked(pair.read_url, "SELECT pg_wal_replay_resume()", "SELECT 1")
    _caught_up(pair)
    assert len(account.call(capsys, "status", "--json").document["symbols"]) == 2

    pair.primary.stop()
    alone = account.call(capsys, "gaps", "--json")
    assert alone.code == 0, alone.err
    [warned] = alone.events
    assert warned["event"] == "replica_is_late"
    assert "a replica that receives nothing; what it has is" in warned["read_from"]
    assert account.call(capsys, "run", "--window", "eod").code == 5  # what writes goes to the database itself


def test_what_explains_and_research_ask_the_replica(
    pair: Pair, account: Home, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All three kinds of why, and research with its own, answer while the database is away, and say what they read."""
    _asked(pair.url, _UNDERLYING.format("SPY", 1), "SELECT 1")
    _caught_up(pair)
    for name, value in account.environment().items():
        monkeypatch.setenv(name, value)
    with warnings.catch_warnings(action="error"), research.open() as data:
        assert data.sources().num_rows == 0

    pair.primary.stop()
    of, at = ("--symbol", "SPY"), "2026-11-20 15:30"
    for words in (("SPY", "--at", at), ("--missing", *of, "--day", "2026-11-20"), ("--session", "2026-11-20", *of)):
        found = account.call(capsys, "why", *words)
        assert found.code == 0, found.err
        assert [one["event"] for one in found.events] == ["replica_is_late"]
    with pytest.warns(research.LateReplica, match="^read from database.read_url: a replica that receives") as told:
        data = research.open()
    assert [one.filename for one in told] == [__file__]
    with data:
        assert data.underlying("SPY", "2026-11-20", "2026-11-20").reasons["reason"].to_pylist() == ["never_collected"]
        assert not data.why("SPY", f"{at} America/New_York").is_stored


def test_another_database_is_told(pair: Pair, account: Home, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is no replica of the database is told by doctor; one without its tables is refused to readers."""
    other = embedded.ensure_running(account.data_dir)
    refused = account.call(capsys, "status", COLLECTOR_DATABASE__READ_URL=other)
    assert refused.code == 5
    assert refused.complaint == "database.read_url leads to a database with no tables of the collector"
    asked = account.call(capsys, "why", "SPY", "--at", "2026-11-20 15:30", COLLECTOR_DATABASE__READ_URL=other)
    assert (asked.code, asked.complaint) == (5, refused.complaint)
    for name, value in {**account.environment(), "COLLECTOR_DATABASE__READ_URL": other}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DatabaseError, match=f"^{refused.complaint}"):
        research.open()
    engines.run(migrate.upgrade(other))
    engines.run(features.apply(other))
    asked = account.call(capsys, "doctor", COLLECTOR_DATABASE__READ_URL=other)
    assert "no replica: a server that is written to, and not of the database that runs write to" in asked.out
    own = f"{pair.url}&application_name=mine"
    told = account.call(capsys, "doctor", COLLECTOR_DATABASE__READ_URL=own)
    assert "ok  readers        no replica: a server that is written to\n" in told.out
    same = account.call(capsys, "status", COLLECTOR_DATABASE__READ_URL=pair.url)
    assert (same.code, "is database.url itself" in same.complaint) == (2, True)
