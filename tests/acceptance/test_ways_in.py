"""Ways into the database for people and their programs: its address, psql, and a port on the loopback interface."""

import asyncio
import signal
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import psutil
import pytest

from collector.clock import SystemClock
from collector.db.server import embedded
from collector.domain.database_url import DatabaseUrl
from tests.support.command_line import Home, home
from tests.support.fault_proxy import unused_port
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.waiting import until

Capsys = pytest.CaptureFixture[str]
PASSWORD = "s3 cr/et"  # noqa: S105 - of a server that is not there
_URL = "COLLECTOR_DATABASE__URL"
_READ_URL = "COLLECTOR_DATABASE__READ_URL"
_TCP_PORT = "COLLECTOR_DATABASE__TCP_PORT"

ASLEEP = "SELECT pg_sleep(60)"
UNTIL_PSQL_SLEEPS = f"""
DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE query = '{ASLEEP}') LOOP
        PERFORM pg_sleep(0.05);
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
END $$
"""


@pytest.fixture(scope="module")
def account() -> Iterator[Home]:
    """An account whose embedded database has the collector's tables."""
    with home(SystemClock(AFTER_THE_CLOSE)) as made:
        assert made.run("status").code == 0
        yield made


async def _asked(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A folder with a psql that writes down how it is called, and ends with 3."""
    program = tmp_path / "psql"
    program.write_text(
        "#!/bin/sh\n"
        'test "$1" = --version && echo "psql (PostgreSQL) 17.2" && exit\n'
        f'printf "%s\\n" "$@" > "{tmp_path}/words"; env > "{tmp_path}/environment"; exit 3\n'
    )
    program.chmod(0o755)
    return tmp_path


def test_the_address_leads_to_the_database(account: Home, capsys: Capsys) -> None:
    """`db url` prints what a driver takes as it is, also when the server was down; `db status` says the same."""
    embedded.stop(account.data_dir)
    url = account.call(capsys, "db", "url").out.strip()
    assert asyncio.run(_asked(url, "SELECT current_database()")) == "collector"
    assert account.call(capsys, "db", "status").out.splitlines()[0] == url
    assert account.call(capsys, "db", "status", "--json").document["url"] == url


def test_psql_on_the_embedded_server(account: Home) -> None:
    """Its own psql runs, words and exit code pass through, and a server that was down is down afterwards."""
    embedded.stop(account.data_dir)
    told = account.run("db", "psql", "--", "-XAtc", "SHOW server_version")
    assert (told.code, told.out.split(".")[0], told.err) == (0, "18", "")
    assert not embedded.server(account.data_dir).running
    failed = account.run("db", "psql", "--", "-Xc", "SELECT 1 / 0")
    assert (failed.code, failed.err) == (1, "ERROR:  division by zero\n")


def test_psql_leaves_a_server_that_runs(account: Home) -> None:
    """A server that was up before stays up; psql on a terminal shows its table there."""
    embedded.ensure_running(account.data_dir)
    shown = account.on_terminal("db", "psql", "--", "-Xc", "SELECT 40 + 2 AS answer")
    assert (shown.code, " answer " in shown.out, "(1 row)" in shown.out) == (0, True, True)
    assert embedded.server(account.data_dir).running


async def test_psql_takes_the_server_from_nobody(account: Home) -> None:
    """Whoever has come in meanwhile goes on working when psql ends, though the server was started for psql."""
    await asyncio.to_thread(embedded.stop, account.data_dir)
    psql = account.start("db", "psql", "--", "-Xc", ASLEEP)
    server = embedded.server(account.data_dir)
    await until(lambda: server.running, "psql starts the server")
    connection = await asyncpg.connect(server.url("collector"))
    try:
        await connection.execute(UNTIL_PSQL_SLEEPS)
        psql.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(psql.wait, 60) == 128 + signal.SIGTERM
        assert await connection.fetchval("SELECT 1") == 1
        await connection.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1", ASLEEP)
    finally:
        await connection.close()
        psql.communicate()


def test_a_password_is_nobody_elses(account: Home, capsys: Capsys, recording: Path) -> None:
    """Psql of PGBIN is led to a server of the owner's; the password is in its environment, and in no word of it."""
    url = DatabaseUrl("quant", PASSWORD, "db.example:6543", "bars", {"sslmode": "require"}).text
    given = {_URL: url, "PGBIN": str(recording), "PSQLRC": "/his/own", "COLLECTOR_NOTIFY__SMTP__PASSWORD": "other"}
    done = account.call(capsys, "db", "psql", "--", "-c", "SELECT 1", **given)
    assert done.code == 3
    words = (recording / "words").read_text().splitlines()
    assert words == ["--dbname=postgresql://quant@db.example:6543/bars?sslmode=require", "-c", "SELECT 1"]
    environment = (recording / "environment").read_text().splitlines()
    assert {f"PGPASSWORD={PASSWORD}", "PSQLRC=/his/own"} < set(environment)
    assert not any("SMTP" in line for line in environment)
    assert account.call(capsys, "db", "url", **given).out == "postgresql://quant@db.example:6543/bars?sslmode=require\n"
    assert account.call(capsys, "db", "url", "--with-password", **given).out.strip() == url


def test_readers_have_an_address_of_their_own(account: Home, capsys: Capsys, recording: Path) -> None:
    """`db url` and `db psql` go to database.read_url; --primary goes to the database itself."""
    replica = "postgresql://reader@replica.example/bars"
    given = {_READ_URL: replica, "PGBIN": str(recording)}
    assert account.call(capsys, "db", "url", **given).out.strip() == replica
    assert account.call(capsys, "db", "psql", **given).code == 3
    assert (recording / "words").read_text() == f"--dbname={replica}\n"
    own = embedded.ensure_running(account.data_dir)
    assert account.call(capsys, "db", "url", "--primary", **given).out.strip() == own
    assert account.run("db", "psql", "--primary", "--", "-XAtc", "SELECT 1").out == "1\n"


def test_an_address_for_readers_that_leads_nowhere(account: Home, capsys: Capsys) -> None:
    """The setting that names the missing server is named, not the one of the database, which is well."""
    done = account.call(capsys, "status", **{_READ_URL: f"postgresql://reader@127.0.0.1:{unused_port()}/bars"})
    assert (done.code, done.complaint.startswith("database.read_url: no database server listens there")) == (5, True)
    assert "start the server, or correct database.read_url\n" in done.err


def test_a_port_for_programs_without_sockets(account: Home, capsys: Capsys) -> None:
    """`db url --tcp`: one login, which reads, with a password that nobody else can read, on this machine alone."""
    port = unused_port()
    refused = account.call(capsys, "db", "url", "--tcp")
    assert (refused.code, refused.complaint) == (
        2,
        "database.tcp_port is not set: the embedded server listens on its socket alone",
    )
    shown = account.call(capsys, "db", "url", "--tcp", **{_TCP_PORT: str(port)})
    assert (shown.code, shown.out) == (0, f"postgresql://collector_reader@127.0.0.1:{port}/collector\n")
    url = account.call(capsys, "db", "url", "--tcp", "--with-password", **{_TCP_PORT: str(port)}).out.strip()
    password = DatabaseUrl.parse(url).password
    assert password is not None
    assert len(password) >= 32
    secret = account.data_dir.with_name("postgres.reader-password")
    assert (secret.read_text(), stat.S_IMODE(secret.stat().st_mode)) == (password, 0o600)
    assert asyncio.run(_asked(url, "SELECT count(*) FROM option_bars")) == 0
    by_it = account.call(capsys, "status", "--json", **{_READ_URL: url, _TCP_PORT: str(port)})
    assert (by_it.code, by_it.err) == (0, "")
    assert by_it.document["read_from"] == "no replica: a server that is written to"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(_asked(url, "DELETE FROM option_chains"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(_asked(url.replace(password, "x" * len(password)), "SELECT 1"))
    for other in (f"postgresql://postgres@127.0.0.1:{port}/collector", url.replace("/collector", "/postgres")):
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no pg_hba"):
            asyncio.run(_asked(other, "SELECT 1"))
    server = psutil.Process(int((account.data_dir / "postmaster.pid").read_text().split()[0]))
    assert {one.laddr for one in server.net_connections("inet")} == {("127.0.0.1", port)}
    assert account.run("db", "psql", "--", "-XAtc", "SHOW hba_file").out.strip().endswith("collector.hba")
    embedded.stop(account.data_dir)
    assert account.call(capsys, "status").code == 0  # without the setting it is on no network again
    server = psutil.Process(int((account.data_dir / "postmaster.pid").read_text().split()[0]))
    assert server.net_connections("inet") == []


def test_a_port_that_another_program_has(account: Home, capsys: Capsys) -> None:
    """The database works without the port, so no run fails for it; who asks for the address is told, and gets none."""
    embedded.stop(account.data_dir)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = {_TCP_PORT: str(other.getsockname()[1])}
        assert account.call(capsys, "status", **port).code == 0
        refused = account.call(capsys, "db", "url", "--tcp", "--with-password", **port)
    assert (refused.code, refused.out) == (5, "")
    assert refused.complaint.startswith(f"the embedded server does not listen on 127.0.0.1:{port[_TCP_PORT]}")
    assert account.call(capsys, "db", "url", "--tcp", **port).code == 0


async def test_the_port_waits_for_whoever_works(account: Home) -> None:
    """A server that others use is not started again for the sake of a port; they are named as the reason."""
    await asyncio.to_thread(embedded.stop, account.data_dir)
    connection = await asyncpg.connect(await asyncio.to_thread(embedded.ensure_running, account.data_dir))
    try:
        with_port = replace(account, more={_TCP_PORT: str(unused_port())})
        done = await asyncio.to_thread(with_port.run, "db", "url", "--tcp")
        assert (done.code, "somebody works with it" in done.complaint) == (5, True)
        assert await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()


def test_a_password_that_is_lost_is_drawn_again(account: Home, capsys: Capsys) -> None:
    """An empty file, as a power cut may leave one, is no password: the login gets a new one, and lets in by it."""
    given = {_TCP_PORT: str(unused_port())}
    assert account.call(capsys, "db", "url", "--tcp", **given).code == 0
    secret = account.data_dir.with_name("postgres.reader-password")
    secret.write_text("")
    url = account.call(capsys, "db", "url", "--tcp", "--with-password", **given).out.strip()
    assert DatabaseUrl.parse(url).password == secret.read_text() != ""
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert asyncio.run(_asked(url, "SELECT 1")) == 1


def test_a_port_that_is_taken_keeps_the_server_from_nothing(account: Home, capsys: Capsys) -> None:
    """Where another program listens there the database works all the same, and who asks for the port is told."""
    embedded.stop(account.data_dir)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        given = {_TCP_PORT: str(port)}
        assert account.call(capsys, "status", **given).code == 0
        refused = account.call(capsys, "db", "url", "--tcp", **given)
        assert (refused.code, refused.complaint) == (
            5,
            f"the embedded server does not listen on 127.0.0.1:{port}, which another program has taken",
        )
    shown = account.call(capsys, "db", "url", "--tcp", **given)
    assert (shown.code, shown.out) == (0, f"postgresql://collector_reader@127.0.0.1:{port}/collector\n")
