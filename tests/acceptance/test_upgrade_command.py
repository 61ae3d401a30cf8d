"""The upgrade of an old database from a person's side: what it would do, when it waits, what runs say meanwhile."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.schema import features, migrate, schema_revisions
from collector.db.server import embedded
from collector.db.upkeep import backup
from tests.support import engines, old_databases
from tests.support.command_line import Done, Home, home
from tests.support.engines import Engine
from tests.support.fixtures_engines import Matrix

Capsys = pytest.CaptureFixture[str]
BEFORE_EOD = datetime(2026, 11, 30, 15, 30, tzinfo=ZoneInfo("America/New_York"))
"""A Monday whose eod is due at 16:45."""
BARS = 4 * 28 * 6 + 2 * 28 * 7


@pytest.fixture
def old_url(plain_engine: Engine, engine_matrix: Matrix) -> Iterator[str]:
    """Give a database of revision 0006 with bars."""
    for url in engine_matrix.create(plain_engine, "template0"):
        engines.run(old_databases.build(url, "plain"))
        yield url


@pytest.fixture
def empty_url(plain_engine: Engine, engine_matrix: Matrix) -> Iterator[str]:
    """Give an empty database."""
    yield from engine_matrix.create(plain_engine, "template0")


@pytest.fixture
def account() -> Iterator[Home]:
    """Give a home shortly before eod."""
    with home(SystemClock(BEFORE_EOD)) as made:
        yield made


def revision(url: str) -> str | None:
    """Return the schema's revision."""
    return engines.run(schema_revisions.current(url))


def test_it_tells_and_waits_for_eod(account: Home, old_url: str, capsys: Capsys) -> None:
    """A dry run and an upgrade before eod change nothing and say why; --now upgrades, and nothing is left to do."""
    own = {"COLLECTOR_DATABASE__URL": old_url}
    told = account.call(capsys, "db", "upgrade", "--dry-run", **own)
    assert told.code == 0, told.err
    first, second, *_, last = told.out.splitlines()
    assert first == "schema 0006, to be upgraded to 0010"
    assert second == f"{BARS:,} bars of 7 days to move, 2026-10-05 to 2026-11-23"
    assert last == "eod is due at 16:45 New York time: begin after it has run, or call with --now"
    assert "this may take less than a minute; no run begins meanwhile" in told.out
    assert "meanwhile 0.0 GB have to be free on the server's disk" in told.out

    refused = account.call(capsys, "db", "upgrade", **own)
    assert refused.code == 2
    assert refused.complaint == ("eod is due at 16:45 New York time, and no run begins while the bars of 7 days move")
    assert "collector db upgrade --now" in refused.err
    assert revision(old_url) == "0006"

    done = account.call(capsys, "db", "upgrade", "--now", **own)
    assert done.code == 0, done.err
    assert revision(old_url) == "0010"
    assert "not finished" not in account.call(capsys, "db", "status", **own).out
    again = account.call(capsys, "db", "upgrade", "--dry-run", **own)
    assert again.out.splitlines() == ["schema 0010", "no bars have to be moved"]


def test_a_terminal_shows_each_day(old_url: str) -> None:
    """A line a day says how many bars have moved, and how many days are done."""
    with home(SystemClock(BEFORE_EOD), COLLECTOR_DATABASE__URL=old_url) as made:
        done = made.on_terminal("db", "upgrade", "--now")
    assert done.code == 0, done.out
    shown = " ".join(done.out.split())
    assert "2026-11-23 168 bars moved, 1 of 7 days; less than a minute left" in shown
    assert "2026-10-05 56 bars moved, 7 of 7 days" in shown


def test_it_waits_for_a_run(old_url: str) -> None:
    """While a run is at work nothing is begun, and the message says who is."""
    with home(SystemClock(BEFORE_EOD), COLLECTOR_DATABASE__URL=old_url) as made:

        async def busy() -> Done:
            connection = await asyncpg.connect(old_url, server_settings={"application_name": "collector eod"})
            await connection.execute("SELECT pg_advisory_lock(7310579, 1)")
            try:
                return await asyncio.to_thread(made.run, "db", "upgrade", "--now")
            finally:
                await connection.close()

        done = engines.run(busy())
    assert (done.code, revision(old_url)) == (6, "0006")
    assert done.complaint.startswith("another run is at work: collector eod")


def test_until_it_is_done_runs_wait(account: Home, old_url: str, capsys: Capsys) -> None:
    """Interrupted before its first day: a run, the status and the doctor say how much is left; then it goes on."""
    engines.run(migrate.upgrade(old_url))
    engines.run(features.apply(old_url))
    own, left = {"COLLECTOR_DATABASE__URL": old_url}, f"7 days have still to be moved ({BARS:,} bars)"

    run = account.call(capsys, "run", "--window", "backup", **own)
    assert (run.code, run.complaint) == (5, f"the upgrade of the database is not finished: {left}")
    assert "run: collector db upgrade" in run.err
    assert left in " ".join(account.call(capsys, "db", "status", **own).out.split())
    examined = account.call(capsys, "doctor", **own)
    assert examined.code == 5
    assert left in " ".join(examined.out.split())
    assert account.call(capsys, "status", **own).code == 0

    assert account.call(capsys, "db", "upgrade", **own).code == 0
    assert account.call(capsys, "run", "--window", "backup", **own).code == 0


def test_an_older_backup_is_upgraded(
    account: Home, old_url: str, empty_url: str, tmp_path: Path, capsys: Capsys
) -> None:
    """Restored into an empty database it is at once of this version; one of a version to come is not even begun."""
    made = engines.run(backup.backup(old_url, tmp_path, datetime(2026, 11, 24, tzinfo=UTC), clock=SystemClock()))
    assert made.revision == "0006"
    manifest = made.path.with_suffix(".json")
    written = manifest.read_text()
    manifest.write_text(written.replace('"0006"', '"9999"'))
    refused = account.call(capsys, "db", "restore", str(made.path), COLLECTOR_DATABASE__URL=empty_url)
    assert (refused.code, revision(empty_url)) == (5, None)
    assert refused.complaint == "the backup has schema 9999, which this version of the collector does not know"
    manifest.write_text(written)
    done = account.call(capsys, "db", "restore", str(made.path), COLLECTOR_DATABASE__URL=empty_url)
    assert done.code == 0, done.err
    assert f"restored {made.path.name}, taken 2026-11-24 00:00 UTC, upgraded from schema 0006" in done.out
    assert revision(empty_url) == "0010"


def test_the_embedded_database_is_not_converted_unasked(account: Home, capsys: Capsys) -> None:
    """Runs bring it up to date by themselves, but bars that take long to move are a person's decision."""
    assert account.call(capsys, "db", "upgrade").code == 0
    url = embedded.ensure_running(account.data_dir)
    engines.run(migrate.downgrade(url, "base"))
    engines.run(old_databases.build(url, "plain"))
    refused = account.call(capsys, "status")
    assert refused.code == 5
    assert refused.complaint.startswith(
        "the database is of an earlier version: of its bars 7 days have still to be moved"
    )
    assert revision(url) == "0006"
    assert "schema 0006 instead of 0010" in " ".join(account.call(capsys, "doctor").out.split())
    assert account.call(capsys, "db", "upgrade", "--now").code == 0
    assert account.call(capsys, "status").code == 0
