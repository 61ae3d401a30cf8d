"""Backup and restore, as a drill: an empty server gets everything back, and what does not fit is refused."""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from collector.clock import SystemClock
from collector.db.schema import features, schema_revisions, tables
from collector.db.server import programs
from collector.db.server.local_server import LocalServer
from collector.db.upkeep import backup, compaction
from collector.domain.errors import BackupError, CollectorError, DatabaseError, DatabaseUnavailable
from collector.domain.market_data.spans import Span
from collector.domain.reports.run_report import Cause
from collector.notify.alerts.troubleshooting import cause_of
from tests.support.engines import Engine, settings
from tests.support.fixtures_engines import Matrix
from tests.support.server_folders import server_folder
from tests.support.whole_numbers import insert

_NOW = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)  # 02:00 in New York
_CLOCK = SystemClock()

_BARS = insert(
    "option_bars_5min",
    "time, contract_id, open, high, low, close, volume, bid_close, ask_close, delta",
    """
    SELECT day + slot * INTERVAL '5 minutes', c, c, c + 1, c, c + 0.5, slot, c - 0.01, c + 0.01, 0.5
    FROM generate_series('2026-11-02 14:30Z'::timestamptz, '2026-11-19 14:30Z', '1 day') AS day,
        generate_series(0, 77) AS slot, generate_series(1, 20) AS c
    """,
)
_UNDERLYING_BARS = insert(
    "underlying_bars_5min",
    "time, underlying_id, close",
    "SELECT generate_series('2026-11-02 14:30Z'::timestamptz, '2026-11-19 14:30Z', '1 day'), 1, 640.25",
)
_FILL = f"""
INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
VALUES ('SPY', 756733, 'STK', 'SMART', 'USD');
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT 1, 'SPY ' || n, '2026-12-18', n, 'C', n, 100, 'SMART', 'SPY', 'USD' FROM generate_series(1, 20) AS n;
INSERT INTO option_contract_lifecycle (contract_id, first_seen, listed_since, last_seen, selected)
SELECT id, '2026-11-02', '2026-11-02', '2026-11-19', '{{[2026-11-02,2026-11-20)}}' FROM option_chains;
INSERT INTO intraday_collection_runs (run_date, run_type, attempt, started_at, heartbeat_at, symbols_requested,
    bar_size, status, error_details)
VALUES ('2026-11-19', 'eod', 1, now(), now(), '{{SPY}}', '5 mins', 'success', '{{"codes": {{"162": 3}}}}');
{_BARS};
{_UNDERLYING_BARS};
INSERT INTO request_coverage (instrument_id, data_set, what_to_show, covered, settled)
SELECT id, 1, 'TRADES', '{{[2026-11-02 14:30Z,2026-11-20 14:30Z)}}', '{{[2026-11-02 14:30Z,2026-11-19 14:30Z)}}'
FROM option_chains;
"""  # noqa: S608 - our own words


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder for backups."""
    path = server_folder("collector-backup-")
    yield path / "backups"
    shutil.rmtree(path)


@pytest.fixture
def empty_server(engine: Engine, engine_matrix: Matrix) -> Iterator[str]:
    """Give an empty database on a new server of the same kind (on the same server where it is not ours)."""
    if engine.bindir is None:
        yield from engine_matrix.create(engine, "template0")
        return
    path = server_folder("collector-empty-")
    server = LocalServer(engine.bindir, path / "pg", settings(engine.name))
    server.start()
    try:
        yield server.url("postgres")
    finally:
        server.stop("immediate")
        shutil.rmtree(path)


@pytest_asyncio.fixture
async def filled(database_url: str, engine: Engine) -> AsyncIterator[str]:
    """Give a database with rows in every kind of table; on Community with compressed days and aggregates."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(_FILL)
    if engine.name == "community":
        await connection.execute(
            "SELECT compress_chunk(c)"
            " FROM show_chunks('store.option_bars_5min', older_than => '2026-11-16Z'::timestamptz) AS c"
        )
        await compaction.refresh_aggregates(database_url, Span(_NOW - timedelta(days=30), _NOW))
        # A late bar in a compressed day: such a half-compressed chunk must survive, too.
        await connection.execute("UPDATE store.option_bars_5min SET volume = 999 WHERE time = '2026-11-03 15:00Z'")
    await connection.close()
    yield database_url


async def _contents(url: str, engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of all tables and summaries, and on Community which days are compressed, and the policies."""
    names = [*tables.metadata.tables, *features.AGGREGATES, "alembic_version"]
    queries = {name: f"SELECT * FROM {name} AS t ORDER BY t::text" for name in names}  # noqa: S608 - our names
    if engine.name != "plain":
        queries["chunks"] = (
            "SELECT hypertable_name, range_start, is_compressed FROM timescaledb_information.chunks ORDER BY 1, 2"
        )
        queries["jobs"] = (
            "SELECT job_id, proc_name, schedule_interval, config FROM timescaledb_information.jobs ORDER BY 1"
        )
    connection = await asyncpg.connect(url)
    try:
        return {name: [tuple(row) for row in await connection.fetch(query)] for name, query in queries.items()}
    finally:
        await connection.close()


async def test_the_service_may_back_up(engine: Engine, filled: str, empty_server: str, folder: Path) -> None:
    """A login that may only collect writes a backup like the owner's: the schedule runs as such a one."""
    await features.create_roles(filled)
    owner = await asyncpg.connect(filled)
    await owner.execute("DROP ROLE IF EXISTS collector_service")
    await owner.execute("CREATE ROLE collector_service LOGIN IN ROLE collector_rw")
    try:
        service = urlsplit(filled)
        made = await backup.backup(
            urlunsplit(service._replace(netloc=f"collector_service@{service.netloc.rpartition('@')[2]}")),
            folder,
            _NOW,
            clock=_CLOCK,
        )
    finally:
        await owner.execute("DROP ROLE collector_service")
        await owner.close()
    await backup.restore(made.path, empty_server, _CLOCK)
    assert await _contents(empty_server, engine) == await _contents(filled, engine)


async def test_drill(engine: Engine, filled: str, empty_server: str, folder: Path) -> None:
    """A backup restored into an empty server gives equal tables, and a database that goes on working."""
    before = await _contents(filled, engine)
    made = await backup.backup(filled, folder, _NOW, clock=_CLOCK)
    assert (made.server, made.extension or "", made.revision) == (
        engine.server,
        engine.extension,
        schema_revisions.head(),
    )
    assert [kept.path.name for kept in backup.backups(folder)] == ["collector-20261120T070000Z.dump"]
    assert made.path.stat().st_mode & 0o077 == 0

    await backup.restore(made.path, empty_server, _CLOCK)

    assert await _contents(empty_server, engine) == before
    assert len(before["store.option_bars_5min"]) == 28_080
    report = await features.apply(empty_server)
    assert report == await features.report(filled)
    connection = await asyncpg.connect(empty_server)
    late = "UPDATE store.option_bars_5min SET volume = 5 WHERE contract_id = 1 AND time = '2026-11-04 15:00Z'"
    assert await connection.execute(late) == "UPDATE 1"
    await compaction.compact(empty_server)
    await compaction.refresh_aggregates(empty_server, Span(_NOW - timedelta(days=30), _NOW))
    hour = "SELECT hour_volume FROM hourly_option_summary WHERE contract_id = 1 AND hour = '2026-11-04 15:00Z'"
    assert await connection.fetchval(hour) == sum(range(6, 18)) - 6 + 5
    await connection.close()


async def test_restore_never_writes_into_a_used_database(filled: str, folder: Path) -> None:
    """A database with tables is refused, and stays as it is."""
    made = await backup.backup(filled, folder, _NOW, clock=_CLOCK)
    with pytest.raises(DatabaseError, match="not empty"):
        await backup.restore(made.path, filled, _CLOCK)


async def test_backups_are_pruned_after_a_good_one_only(plain_database_url: str, folder: Path) -> None:
    """What is older than 30 days goes with the next good backup; a failed one prunes nothing and leaves no dump."""
    first = await backup.backup(plain_database_url, folder, _NOW, clock=_CLOCK)
    await backup.backup(plain_database_url, folder, _NOW + timedelta(days=1), clock=_CLOCK)
    nowhere = plain_database_url.replace("/collector_test_", "/no_such_")
    with pytest.raises(CollectorError):
        await backup.backup(nowhere, folder, _NOW + timedelta(days=60), clock=_CLOCK)
    assert len(os.listdir(folder)) == 4  # noqa: PTH208 - a look at two backups, not a walk
    await backup.backup(plain_database_url, folder, _NOW + timedelta(days=31, hours=-1), clock=_CLOCK)
    assert [kept.taken_at.day for kept in backup.backups(folder)] == [21, 21]
    assert not first.path.exists()


async def test_damaged_and_unfinished_backups_do_not_count(plain_database_url: str, folder: Path) -> None:
    """A dump without manifest, or of another size than its manifest says, is no backup."""
    made = await backup.backup(plain_database_url, folder, _NOW, clock=_CLOCK)
    (folder / "collector-20261119T070000Z.dump").write_bytes(b"half")
    assert backup.backups(folder) == (made,)
    made.path.write_bytes(made.path.read_bytes()[:-1])
    assert backup.backups(folder) == ()
    with pytest.raises(DatabaseError, match="damaged"):
        await backup.restore(made.path, plain_database_url, _CLOCK)


async def test_what_is_missing(plain_database_url: str, folder: Path) -> None:
    """Without a backup since one was due, it is said how old the latest is, or that there is none."""
    two = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    assert backup.missing(folder, _NOW, _NOW) == f"there is no backup in {folder}"
    await backup.backup(plain_database_url, folder, _NOW + timedelta(minutes=3), clock=_CLOCK)
    assert backup.latest(folder) == _NOW + timedelta(minutes=3)
    assert backup.missing(folder, _NOW, two + timedelta(hours=3)) is None
    late = backup.missing(folder, two, two + timedelta(hours=3))
    assert late == f"the latest backup in {folder} is 27 hours old"


async def test_a_disk_without_room_is_not_filled(plain_database_url: str, folder: Path) -> None:
    """A backup is not begun when its disk would have less left than the reserve; it says how much is needed."""
    await backup.backup(plain_database_url, folder, _NOW, reserve_gb=0.001, clock=_CLOCK)
    before = _names(folder)
    needed = r"GB free; 0\.0 GB for the dump and 1,000,000\.0 GB in reserve are needed"
    with pytest.raises(BackupError, match=needed) as no:
        await backup.backup(plain_database_url, folder, _NOW + timedelta(days=40), reserve_gb=1e6, clock=_CLOCK)
    assert "backup.directory" in no.value.hint
    assert _names(folder) == before


async def test_a_machine_without_pg_dump(
    plain_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a fitting pg_dump no backup can be made; the error says what to install, and is not the database's."""
    monkeypatch.setattr(programs, "_installed", lambda _name: iter(()))
    with pytest.raises(BackupError, match=r"pg_dump of version \d+ or later is needed; on this machine: none") as no:
        await backup.backup(plain_database_url, folder, _NOW, clock=_CLOCK)
    assert "install postgresql-client-" in no.value.hint
    assert cause_of(no.value) is Cause.BACKUP
    assert _names(folder) == []


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _leave(part: Path, at: datetime) -> None:
    """Write an unfinished dump that was last written to at an instant."""
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"half")
    os.utime(part, (at.timestamp(), at.timestamp()))


async def test_what_a_power_cut_left_goes_with_the_next_good_one(plain_database_url: str, folder: Path) -> None:
    """A dump that nobody finished within a day is removed; one that may be at work stays."""
    for name, age in (("old", timedelta(hours=25)), ("new", timedelta(hours=1))):
        _leave(folder / f"collector-{name}.part", _NOW - age)
    await backup.backup(plain_database_url, folder, _NOW, clock=_CLOCK)
    assert [name for name in _names(folder) if name.endswith(".part")] == ["collector-new.part"]


async def test_server_that_does_not_fit_is_refused(plain_database_url: str, folder: Path) -> None:
    """A backup with TimescaleDB, or of a newer PostgreSQL, is not restored where it would be something else."""
    made = await backup.backup(plain_database_url, folder, _NOW, clock=_CLOCK)
    manifest = made.path.with_suffix(".json")
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**facts, "extension": "2.27.2", "edition": "community"}))
    with pytest.raises(DatabaseError, match=r"needs TimescaleDB 2\.27\.2, which this server does not have"):
        await backup.restore(made.path, plain_database_url, _CLOCK)
    manifest.write_text(json.dumps({**facts, "server": "99.1"}))
    with pytest.raises(DatabaseError, match=r"is of PostgreSQL 99\.1"):
        await backup.restore(made.path, plain_database_url, _CLOCK)


async def test_community_backup_is_refused_by_an_apache_build(
    request: pytest.FixtureRequest, engine_matrix: Matrix, folder: Path
) -> None:
    """A build of the Apache edition alone tells its license only once the extension is there, and is refused, too."""
    community = engine_matrix.engine(request, "community")
    apache = engine_matrix.engine(request, "apache")
    if apache.bindir in (None, community.bindir):
        pytest.skip("needs a build of the Apache edition of TimescaleDB alone on this machine")
    with contextlib.closing(engine_matrix.create(community, engine_matrix.template(community))) as urls:
        made = await backup.backup(next(urls), folder, _NOW, clock=_CLOCK)
    assert made.edition == "community"
    unset = {name: value for name, value in settings("apache").items() if name != "timescaledb.license"}
    server = LocalServer(apache.bindir, folder.with_name("pg"), unset)
    server.start()
    try:
        with pytest.raises(DatabaseError, match="backup is of the Community edition") as no:
            await backup.restore(made.path, server.url("postgres"), _CLOCK)
    finally:
        server.stop("immediate")
    assert "a server with the Community edition" in no.value.hint


async def test_a_program_ends_with_who_waits_for_it(folder: Path) -> None:
    """A dump that is given up does not go on writing."""
    said = folder.with_suffix(".pid")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await programs.run(Path("/bin/sh"), "-c", f"echo $$ > {said}; exec sleep 60", env=os.environ)
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.read_text()), 0)


def test_password_is_no_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs get user, password and host by their environment, percent-decoded; none of our other secrets."""
    monkeypatch.setenv("COLLECTOR_NOTIFY__SMTP__PASSWORD", "s3cret")
    monkeypatch.setenv("PGPASSFILE", "/etc/passes")
    env = programs.environment("postgresql://owner:p%40ss@db.example:6543/bars?sslmode=require")
    wanted = ("PGUSER", "PGPASSWORD", "PGHOST", "PGPORT", "PGDATABASE", "PGSSLMODE")
    assert [env[name] for name in wanted] == ["owner", "p@ss", "db.example", "6543", "bars", "require"]
    assert (env["PGPASSFILE"], "s3cret" in env.values()) == ("/etc/passes", False)
    socket = programs.environment("postgresql://postgres@/collector?host=/run/a%20b&port=5432")
    assert (socket["PGHOST"], socket["PGDATABASE"]) == ("/run/a b", "collector")


async def test_failing_program_says_why(folder: Path) -> None:
    """No server, no backup: a clear error of the right kind."""
    with pytest.raises(DatabaseUnavailable):
        await backup.backup("postgresql://nobody@127.0.0.1:1/none", folder, _NOW, clock=_CLOCK)
    with pytest.raises(DatabaseError, match="pg_dump of version 99 or later is needed"):
        await programs.fitting("pg_dump", 99)
