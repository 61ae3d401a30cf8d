"""What stands between the collector and a database of the owner's: said at once, in one line, with what to do."""

import asyncio
import errno
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.connection import locks, pool
from collector.db.schema import features, migrate
from collector.db.server import embedded
from collector.db.server.local_server import LocalServer
from collector.domain.database_url import DatabaseUrl
from tests.support import engines
from tests.support.by_network import by_network
from tests.support.command_line import Done, Home, gateway_beside, home
from tests.support.engines import Engine
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.pgbouncer import pgbouncer
from tests.support.server_folders import server_folder

Capsys = pytest.CaptureFixture[str]
EOD = ("run", "--window", "eod")
SHOWN = "COLLECTOR_DATABASE__URL"
_PASSWORD = "COLLECTOR_DATABASE__PASSWORD"  # noqa: S105 - the variable's name
LOADED = {"timescaledb.telemetry_level": "off", "timescaledb.max_background_workers": "0", "fsync": "off"}


@pytest.fixture(scope="module")
def account() -> Iterator[Home]:
    """An account with a configuration; no gateway listens on its port."""
    with home(SystemClock(AFTER_THE_CLOSE)) as made:
        yield made


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a server of the test's own."""
    made = server_folder("collector-doors-")
    yield made
    shutil.rmtree(made)


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def unloaded(engine: Engine, folder: Path) -> Iterator[tuple[str, str]]:
    """A database of hypertables whose server has lost `shared_preload_libraries`; and the extension's version."""
    if engine.name == "plain" or engine.bindir is None:
        pytest.skip("needs a server with TimescaleDB on this machine: it is started without its library")
    license_ = {"apache": "apache", "community": "timescale"}[engine.name]
    before = {**LOADED, "shared_preload_libraries": "timescaledb", "timescaledb.license": license_}
    server = LocalServer(engine.bindir, folder / "pg", before)
    server.start()
    try:
        engines.run(_execute(server.url("postgres"), "CREATE DATABASE collector"))
        url = server.url("collector")
        engines.run(migrate.upgrade(url))
        version = engines.run(features.apply(url)).extension
        server.stop()
        server = LocalServer(engine.bindir, folder / "pg", {"fsync": "off"})
        server.start()
        yield url, version or ""
    finally:
        server.stop("immediate")


def test_an_extension_that_is_not_loaded(account: Home, unloaded: tuple[str, str], capsys: Capsys) -> None:
    """Every command says so within seconds, none waits for the server to come back or calls it Community."""
    url, version = unloaded
    said = f"TimescaleDB {version} is installed in the database but not loaded by its server"
    for words in (EOD, ("db", "status"), ("db", "upgrade"), ("status",)):
        began = time.monotonic()
        done = account.call(capsys, *words, **{SHOWN: url})
        assert (done.code, done.complaint) == (5, said)
        assert "shared_preload_libraries" in done.err
        assert time.monotonic() - began < 20
    doctor = account.call(capsys, "doctor", **{SHOWN: url})
    assert doctor.code == 5
    assert said in doctor.out
    assert "shared_preload_libraries" in doctor.out
    assert "ommunity" not in doctor.out


@pytest.fixture
def guarded(folder: Path) -> Iterator[str]:
    """A server that wants a password of everybody but its superuser, whose URL it is."""
    server = LocalServer(embedded.binaries(), folder / "pg", {"fsync": "off"})
    server.start()
    try:
        url = server.url("postgres")
        engines.run(
            _execute(
                url,
                "CREATE ROLE \"name@part\" LOGIN PASSWORD 'p@ss:/%40'",
                'CREATE DATABASE "a bar" OWNER "name@part"',
                "CREATE DATABASE another",
            )
        )
        (server.data_dir / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        engines.run(_execute(url, "SELECT pg_reload_conf()"))
        yield url
    finally:
        server.stop("immediate")


def test_a_user_that_needs_encoding(account: Home, guarded: str, capsys: Capsys) -> None:
    """Written name%40part, with the password from elsewhere: upgraded, looked at and backed up."""
    url = replace(DatabaseUrl.parse(guarded), user="name@part", database="a bar").text
    assert "name%40part@" in url
    own = {SHOWN: url, _PASSWORD: "p@ss:/%40"}
    for words in (("db", "upgrade"), ("db", "status"), ("status",)):
        done = account.call(capsys, *words, **own)
        assert done.code == 0, done.err
        assert "p@ss" not in done.out + done.err


def test_an_address_in_brackets(guarded: str) -> None:
    """The same user at [::1]."""

    async def connected() -> object:
        login = replace(DatabaseUrl.parse(guarded), user="name@part", database="a bar").with_password("p@ss:/%40")
        async with by_network(login.text, "::1") as url:
            assert "name%40part:" in url
            assert "@[::1]:" in url
            connection = await pool.open_connection(url, SystemClock(), application_name="test")
            try:
                return await connection.fetchval("SELECT current_user || ' in ' || current_database()")
            finally:
                await connection.close()

    try:
        assert engines.run(connected()) == "name@part in a bar"
    except OSError as refused:
        if refused.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise
        pytest.skip("this machine speaks no IPv6")


def test_a_login_that_may_not_create(account: Home, guarded: str, capsys: Capsys) -> None:
    """In a database that it does not own it is told to own it, or to be granted CREATE; not a role of the collector."""
    own = {SHOWN: replace(DatabaseUrl.parse(guarded), user="name@part", database="another").text}
    done = account.call(capsys, "db", "upgrade", **own, **{_PASSWORD: "p@ss:/%40"})
    assert done.code == 5
    assert done.complaint.startswith("the database user may not do this: permission denied for schema public")
    assert "ALTER DATABASE" in done.err
    assert "GRANT it CREATE" in done.err
    doctor = account.call(capsys, "doctor", **own, **{_PASSWORD: "p@ss:/%40"})
    assert doctor.code == 5
    assert doctor.out.index("may not make the collector's tables") < doctor.out.index("GRANT it CREATE")
    assert doctor.out.index("GRANT it CREATE") < doctor.out.index("run: collector db upgrade")


def test_a_pooler_of_transactions(account: Home, plain_database_url: str, capsys: Capsys) -> None:
    """Doctor, status and run refuse it, exit code 5, with what to write instead; a run elsewhere keeps the lock."""
    with pgbouncer(plain_database_url, "transaction") as url:
        for words in (EOD, ("db", "status"), ("db", "upgrade"), ("status",)):
            done = account.call(capsys, *words, **{SHOWN: url})
            assert done.code == 5
            assert done.complaint.startswith("a connection pooler in transaction mode stands before the database")
            assert "pool_mode = session" in done.err
        doctor = account.call(capsys, "doctor", **{SHOWN: url})
    assert doctor.code == 5
    assert "a connection pooler in transaction mode" in doctor.out


def test_a_pooler_of_sessions(account: Home, plain_database_url: str, capsys: Capsys) -> None:
    """A run succeeds through it, and is refused beside another one, whichever way either came."""

    async def beside(held: str, asked: str) -> Done:
        """Return how a command ends while another holds the lock; each goes its own way."""
        async with pool.connect(held, SystemClock()) as db, locks.collection_lock(db, "first"):
            other = replace(account, more={SHOWN: asked})
            return await asyncio.to_thread(other.run, "greeks", "recompute", "--since", "2026-11-19")

    with pgbouncer(plain_database_url, "session") as url:
        with gateway_beside(SystemClock(AFTER_THE_CLOSE)) as gateway:
            done = account.call(capsys, *EOD, **{SHOWN: url, "COLLECTOR_GATEWAY__PORT": str(gateway.port)})
        assert done.code == 0, done.err
        for held, asked in ((url, plain_database_url), (plain_database_url, url)):
            done = engines.run(beside(held, asked))
            assert done.code == 6, done.err
            assert done.complaint.startswith("another run is at work: collector first")


@pytest.mark.parametrize(
    ("query", "variables", "warned"),
    [("", {}, True), ("?sslmode=disable", {}, False), ("", {"PGSSLMODE": "require"}, False)],
)
def test_a_line_of_which_nothing_is_said(
    account: Home,
    query: str,
    variables: dict[str, str],
    warned: bool,
    capsys: Capsys,
) -> None:
    """Doctor and run warn once of a remote database without sslmode; what they find there is another matter."""
    own = {SHOWN: f"postgresql://q@db.invalid/x{query}", **variables}
    doctor = account.call(capsys, "doctor", **own)
    assert doctor.out.count("may go unencrypted") == doctor.out.count("sslmode=verify-full") == warned
    run = account.call(capsys, *EOD, **own)
    assert run.err.count("database_line_unprotected") == warned
