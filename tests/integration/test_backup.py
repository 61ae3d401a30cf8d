"""Backup and restore, as a drill: an empty server gets everything back, and what does not fit is refused."""

import asyncio
import contextlib
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from collector.clock import SystemClock
from collector.db.schema import features, schema_revisions, tables
from collector.db.server import embedded, programs
from collector.db.server.local_server import LocalServer
from collector.db.upkeep import backup, backup_files, compaction
from collector.db.upkeep.restore import known_to_the_server, restore
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
    """Give a database with rows in every kind of table; on Community with compressed days and aggregates.

    One of its compressed days was repaired and compressed again, another one has rows that came late and are not yet,
    a third was compressed again by the command that TimescaleDB itself recommends.
    """
    connection = await asyncpg.connect(database_url)
    await connection.execute(_FILL)
    if engine.name == "community":
        await connection.execute(
            "SELECT compress_chunk(c)"
            " FROM show_chunks('store.option_bars_5min', older_than => '2026-11-16Z'::timestamptz) AS c"
        )
        await compaction.refresh_aggregates(database_url, Span(_NOW - timedelta(days=30), _NOW))
        for day in (3, 4):
            await connection.execute(
                "UPDATE store.option_bars_5min SET volume = 999 WHERE time = $1",
                datetime(2026, 11, day, 15, tzinfo=UTC),
            )
            if day == 3:
                assert [one.day.day for one in await compaction.compact(database_url)] == [3]
        await connection.execute(
            "SELECT compress_chunk(c, recompress => true)"
            " FROM show_chunks('store.option_bars_5min', '2026-11-06Z'::timestamptz, '2026-11-05Z'::timestamptz) AS c"
        )
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
    await restore(made.path, empty_server, _CLOCK)
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
    assert [kept.path.name for kept in backup_files.backups(folder)] == ["collector-20261120T070000Z.dump"]
    assert made.path.stat().st_mode & 0o077 == 0

    await restore(made.path, empty_server, _CLOCK)

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


@pytest.mark.parametrize("dumped_by", ["the server's own tools", "newer tools"])
async def test_newer_tools_restore_into_an_older_server(
    engine: Engine, filled: str, empty_server: str, folder: Path, monkeypatch: pytest.MonkeyPatch, dumped_by: str
) -> None:
    """Where only tools newer than the server are left, its backups come back as well, whichever tools made them."""
    newer = embedded.binaries()
    if engine.bindir is None or int(engine.server.split(".")[0]) >= embedded.MAJOR_VERSION:
        pytest.skip(f"there are no tools newer than PostgreSQL {engine.server} on this machine")
    tools = [newer if dumped_by == "newer tools" else engine.bindir]
    monkeypatch.setattr(programs, "_installed", lambda name: iter([folder / name for folder in tools]))
    made = await backup.backup(filled, folder, _NOW, clock=_CLOCK)
    assert made.program == (embedded.MAJOR_VERSION if dumped_by == "newer tools" else made.major)
    tools[:] = [newer]
    await restore(made.path, empty_server, _CLOCK)
    assert await _contents(empty_server, engine) == await _contents(filled, engine)


_OF_THE_OLDEST = frozenset(
    {
        "check_function_bodies",
        "client_encoding",
        "client_min_messages",
        "default_table_access_method",
        "default_tablespace",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
        "row_security",
        "standard_conforming_strings",
        "statement_timeout",
        "xmloption",
    }
)
"""What pg_dump 14 sets, as its source says: parameters of the oldest server that is supported."""


def _settings_of(script: bytes) -> set[str]:
    """Return the parameters that a script sets anywhere but in its rows."""
    found, is_row = set(), False
    for line in script.splitlines():
        if is_row or re.match(rb"COPY .* FROM stdin;$", line):
            is_row = line != b"\\."
        elif name := re.match(rb"SET (\w+) = ", line):
            found.add(name[1].decode())
    return found


async def test_a_script_sets_nothing_that_the_oldest_server_lacks(database_url: str, folder: Path) -> None:
    """Whatever made it, what reaches a server of version 14 sets only what that knows, also between the tables."""
    made = await backup.backup(database_url, folder, _NOW, clock=_CLOCK)
    reader = await programs.fitting("pg_restore", made.program)
    script = (await programs.run(reader.path, "--file=-", str(made.path), env=os.environ)).encode()
    stream = asyncio.StreamReader()
    stream.feed_data(script)
    stream.feed_eof()
    known = frozenset(name.encode() for name in _OF_THE_OLDEST)
    passed = b"".join([part async for part in known_to_the_server(stream, known)])
    assert _settings_of(passed) == _settings_of(script) & _OF_THE_OLDEST >= {"statement_timeout", "default_tablespace"}
    assert passed.count(b"\n") == script.count(b"\n") - len(_settings_of(script) - _OF_THE_OLDEST)


def _older_tools() -> list[Path]:
    """Return folders of client tools whose file format ends before that of the embedded ones."""
    return [path.parent for path in Path("/usr/lib/postgresql").glob("1[2-5]/bin/psql")]


async def test_tools_that_cannot_read_the_dump_say_so(
    plain_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, engine_matrix: Matrix, plain_engine: Engine
) -> None:
    """Tools older than those that made a dump are tried, say why they cannot, and leave the database as it is."""
    older = _older_tools()
    made = await backup.backup(plain_database_url, folder, _NOW, clock=_CLOCK)
    if not older or made.program < embedded.MAJOR_VERSION:
        pytest.skip("there are no tools older than PostgreSQL 16, or no embedded ones, on this machine")
    monkeypatch.setattr(programs, "_installed", lambda name: iter([older[0] / name]))
    with contextlib.closing(engine_matrix.create(plain_engine, "template0")) as urls:
        empty = next(urls)
        with pytest.raises(DatabaseError, match=r"unsupported version \(1\.16\) in file header") as no:
            await restore(made.path, empty, _CLOCK)
        assert no.value.hint == f"install postgresql-client-{made.program} or later"
        monkeypatch.undo()
        await restore(made.path, empty, _CLOCK)


async def test_a_restore_that_fails_says_what_is_left(
    plain_database_url: str, folder: Path, engine_matrix: Matrix, plain_engine: Engine
) -> None:
    """The first statement that the server refuses ends a restore, in its words, with what to do about the rest."""
    made = await backup.backup(plain_database_url, folder, _NOW, clock=_CLOCK)
    with contextlib.closing(engine_matrix.create(plain_engine, "template0")) as urls:
        url = next(urls)
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE DOMAIN option_chains AS int")
        with pytest.raises(DatabaseError, match=r'psql failed: .*ERROR:  type "option_chains" already exists') as no:
            await restore(made.path, url, _CLOCK)
        await connection.close()
    assert no.value.hint == "the database is half restored: drop it before you try again"


def _roundabout(url: str) -> str:
    """Return a URL of the same database, with a host before it that does not answer and all kinds of parameters."""
    address = urlsplit(url)
    given = dict(parse_qsl(address.query))
    host, port = given.get("host", address.hostname), given.get("port", address.port or 5432)
    said = {"host": f"127.0.0.1,{host}", "port": f"1,{port}", "target_session_attrs": "read-write"}
    options = r'-c work_mem=8MB -c search_path=public,\ "a\ b"'
    more = {"sslmode": "prefer", "application_name": "a drill", "keepalives_idle": "30", "options": options}
    return f"postgresql://{address.username}@{address.path}?{urlencode({**said, **more}, quote_via=quote)}"


async def test_a_url_with_several_hosts_and_parameters(
    plain_database_url: str, folder: Path, engine_matrix: Matrix, plain_engine: Engine
) -> None:
    """Where the driver gets to, pg_dump and psql get to: past a host that is away, with settings for the session."""
    made = await backup.backup(_roundabout(plain_database_url), folder, _NOW, clock=_CLOCK)
    with contextlib.closing(engine_matrix.create(plain_engine, "template0")) as urls:
        empty = next(urls)
        await restore(made.path, _roundabout(empty), _CLOCK)
        assert await schema_revisions.current(empty) == schema_revisions.head()


async def test_restore_never_writes_into_a_used_database(filled: str, folder: Path) -> None:
    """A database with tables is refused, and stays as it is."""
    made = await backup.backup(filled, folder, _NOW, clock=_CLOCK)
    with pytest.raises(DatabaseError, match="not empty"):
        await restore(made.path, filled, _CLOCK)


async def test_backups_are_pruned_after_a_good_one_only(
    plain_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is older than 30 days goes with the next good backup; a failed one prunes nothing and leaves no dump."""
    monkeypatch.setattr(backup_files, "KEPT_AT_LEAST", 2)
    first = await backup.backup(plain_database_url, folder, _NOW, clock=_CLOCK)
    await backup.backup(plain_database_url, folder, _NOW + timedelta(days=1), clock=_CLOCK)
    nowhere = plain_database_url.replace("/collector_test_", "/no_such_")
    with pytest.raises(CollectorError):
        await backup.backup(nowhere, folder, _NOW + timedelta(days=60), clock=_CLOCK)
    assert len(os.listdir(folder)) == 4  # noqa: PTH208 - a look at two backups, not a walk
    await backup.backup(plain_database_url, folder, _NOW + timedelta(days=31, hours=-1), clock=_CLOCK)
    assert [kept.taken_at.day for kept in backup_files.backups(folder)] == [21, 21]
    assert not first.path.exists()


async def test_two_at_once(plain_database_url: str, folder: Path) -> None:
    """Backups that are made at once, by the schedule and by hand, are two good ones; neither prunes the other's."""
    made = await asyncio.gather(
        *(backup.backup(plain_database_url, folder, _NOW, keep_days=1, clock=_CLOCK) for _ in range(3))
    )
    assert {kept.path for kept in backup_files.backups(folder)} == {one.path for one in made}
    assert len({one.path for one in made}) == 3
    assert len(_names(folder)) == 6


async def test_damaged_and_unfinished_backups_do_not_count(plain_database_url: str, folder: Path) -> None:
    """A dump without manifest, or of another size than its manifest says, is no backup."""
    made = await backup.backup(plain_database_url, folder, _NOW, clock=_CLOCK)
    (folder / "collector-20261119T070000Z.dump").write_bytes(b"half")
    assert backup_files.backups(folder) == (made,)
    made.path.write_bytes(made.path.read_bytes()[:-1])
    assert backup_files.backups(folder) == ()
    with pytest.raises(DatabaseError, match="damaged"):
        await restore(made.path, plain_database_url, _CLOCK)


async def test_what_is_missing(plain_database_url: str, folder: Path) -> None:
    """Without a backup since one was due, it is said how old the latest is, or that there is none."""
    two = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    assert backup_files.missing(folder, _NOW, _NOW) == f"there is no backup in {folder}"
    await backup.backup(plain_database_url, folder, _NOW + timedelta(minutes=3), clock=_CLOCK)
    assert backup_files.latest(folder) == _NOW + timedelta(minutes=3)
    assert backup_files.missing(folder, _NOW, two + timedelta(hours=3)) is None
    late = backup_files.missing(folder, two, two + timedelta(hours=3))
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


async def test_server_that_does_not_fit_is_refused(plain_database_url: str, folder: Path) -> None:
    """A backup with TimescaleDB, or of a newer PostgreSQL, is not restored where it would be something else."""
    made = await backup.backup(plain_database_url, folder, _NOW, clock=_CLOCK)
    manifest = made.path.with_suffix(".json")
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**facts, "extension": "2.27.2", "edition": "community"}))
    with pytest.raises(DatabaseError, match=r"needs TimescaleDB 2\.27\.2, which this server does not have"):
        await restore(made.path, plain_database_url, _CLOCK)
    manifest.write_text(json.dumps({**facts, "server": "99.1"}))
    with pytest.raises(DatabaseError, match=r"is of PostgreSQL 99\.1"):
        await restore(made.path, plain_database_url, _CLOCK)


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
            await restore(made.path, server.url("postgres"), _CLOCK)
    finally:
        server.stop("immediate")
    assert "a server with the Community edition" in no.value.hint


async def test_failing_program_says_why(folder: Path) -> None:
    """No server, no backup: a clear error of the right kind."""
    with pytest.raises(DatabaseUnavailable):
        await backup.backup("postgresql://nobody@127.0.0.1:1/none", folder, _NOW, clock=_CLOCK)
    with pytest.raises(DatabaseError, match="pg_dump of version 99 or later is needed"):
        await programs.fitting("pg_dump", 99)
