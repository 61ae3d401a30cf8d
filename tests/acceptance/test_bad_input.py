"""Whatever is wrong with what the command is given: one clear line, a hint, the right exit code, never a traceback."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.connection import locks, pool
from collector.db.server import embedded
from collector.db.server.local_server import LocalServer
from collector.notify.reports import examples, report_files
from collector.simulator.server import Gateway
from tests.support.command_line import Home, gateway_beside, home
from tests.support.engines import Engine
from tests.support.fixtures_engines import Matrix
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.server_folders import server_folder

EOD = ("run", "--window", "eod")
_PASSWORD = "COLLECTOR_DATABASE__PASSWORD"  # noqa: S105 - the variable's name
Capsys = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def account() -> Iterator[Home]:
    """An account with a configuration and nothing else; no gateway listens on its port."""
    with home(SystemClock(AFTER_THE_CLOSE)) as made:
        yield made


@pytest.fixture
def beside() -> Iterator[Gateway]:
    """A simulated gateway that is there."""
    with gateway_beside(SystemClock(AFTER_THE_CLOSE)) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("run --window nosuch", "unknown window 'nosuch'"),
        ("run --window eod --date 2026-11-21", "2026-11-21 is no trading session: it is a Saturday."),
        ("run --date 2026-11-26", "2026-11-26 is no trading session: the exchange is closed for Thanksgiving Day."),
        ("run --window eod --date 2026-11-23", "the session of 2026-11-23 is in the future"),
        ("run --date 1823-01-02", "1823-01-02 is outside the calendar"),
        ("run --date 20.11.2026", "'20.11.2026' is no date"),
        ("run --span 7fortnights", "'7fortnights' is no span"),
        ("status --date 2026-11-22", "2026-11-22 is no trading session: it is a Sunday."),
        ("gaps --since tomorrow", "'tomorrow' is no date"),
        ("coverage forget --session 2026-11-26", "2026-11-26 is no trading session: the exchange is closed"),
        ("coverage forget", "Missing option '--session'"),
        ("run --frobnicate", "No such option: --frobnicate"),
        ("run --window", "Option '--window' requires an argument"),
        ("frobnicate", "No such command 'frobnicate'"),
        ("backfill --days 0", "Invalid value for '--days'"),
        ("simulate --port 65536", "Invalid value for '--port'"),
        ("simulate --scenario nosuch", "no scenario 'nosuch'"),
        ("simulate --scenario farm-down:colour=red", "farm-down has no option 'colour'"),
        ("simulate --scenario silent-hole:scope=planet", "'planet' is no scope"),
        ("simulate --market nosuch", "no market 'nosuch'; there are standard, calibrated"),
        ("simulate --at noon", "--at 'noon' is no instant with a zone"),
        ("simulate --truth PLTR", "--truth 'PLTR' has no date"),
        ("db restore gone.dump", "there is no file gone.dump"),
        ("run --config elsewhere.yaml", "The configuration elsewhere.yaml does not exist."),
    ],
)
def test_wrong_words(account: Home, capsys: Capsys, words: str, complaint: str) -> None:
    """A wrong word on the command line ends with 2 before anything is started or asked."""
    done = account.call(capsys, *words.split())
    assert done.code == 2, done.err
    assert done.complaint.startswith(complaint)
    assert done.out == ""


def test_a_port_that_is_taken(account: Home, beside: Gateway, capsys: Capsys) -> None:
    """A simulated gateway that cannot have its port says so."""
    done = account.call(capsys, "simulate", "--port", str(beside.port))
    assert (done.code, done.complaint.split(":")[0]) == (2, f"cannot listen on port {beside.port}")


@pytest.mark.parametrize("place", ["gone/run.html", "."])
def test_a_page_that_cannot_be_written(account: Home, capsys: Capsys, place: str) -> None:
    """A folder that is not there, or one where a file should be, ends with 2 and is named."""
    reports = account.folder / "logs"
    report_files.keep(reports, examples.success())
    done = account.call(capsys, "report", "run", "--html", place, COLLECTOR_LOG__DIRECTORY=str(reports))
    assert (done.code, done.complaint.split(":")[0]) == (2, f"cannot write {Path(place)}")
    assert "Name a file in a folder" in done.err


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"run_id": "x"}', "\x00", "[" * 100_000], ids=str)
def test_a_damaged_report(account: Home, capsys: Capsys, content: str) -> None:
    """A report's file that is none is named, with what else there is to look at."""
    reports = account.folder / "damaged"
    path = report_files.keep(reports, examples.success())
    path.write_text(content)
    done = account.call(capsys, "report", "run", COLLECTOR_LOG__DIRECTORY=str(reports))
    assert (done.code, done.complaint) == (2, f"{path} is damaged, no report of this version")
    assert "collector status" in done.err


def test_no_word_at_all_shows_the_help(account: Home, capsys: Capsys) -> None:
    """Without a command, or with a group's name alone, the help is shown and nothing counts as done."""
    for words in ((), ("chains",), ("db",), ("coverage",)):
        done = account.call(capsys, *words)
        assert (done.code, done.err) == (2, "")
        assert "Usage: collector" in done.out
        assert ("Commands" if words else "Collect:") in done.out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("symbols: [SPY\ngateway: {}\n", "config.yaml:2"),
        ("gateway:\n  prot: 4001\n", "config.yaml:2: unknown key gateway.prot; did you mean `port`?"),
        ("\n\nselektion: {}\n", "config.yaml:3: unknown key selektion; did you mean `selection`?"),
        ("gateway:\n  client_id: four\n", "config.yaml:2: gateway.client_id should be a whole number, not 'four'"),
        ("pacing:\n  open_requests: 51\n", "config.yaml:2: pacing.open_requests"),
        ("database:\n  url: mysql://bars\n", "config.yaml:2: database.url should be `embedded` or a postgresql"),
        ("- SPY\n", "config.yaml"),
    ],
)
def test_wrong_configuration(tmp_path: Path, capsys: Capsys, text: str, complaint: str) -> None:
    """A configuration that cannot be read ends with 2; file, line and key are named, and the key that was meant."""
    (tmp_path / "config.yaml").write_text(text)
    done = Home(tmp_path).call(capsys, "status")
    assert done.code == 2, done.err
    assert done.complaint.startswith(complaint)


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("COLLECTOR_CLOCK", "noon", "COLLECTOR_CLOCK is 'noon', no instant with a time zone"),
        ("COLLECTOR_CLOCK", "2026-11-20T17:00:00", "COLLECTOR_CLOCK is '2026-11-20T17:00:00', no instant with a time"),
        ("COLLECTOR_CLOCK", "9999-12-31T23:59:59+00:00", "COLLECTOR_CLOCK is '9999-12-31T23:59:59+00:00', no instant"),
        ("COLLECTOR_CLOCK", "0001-01-01T00:00:00+14:00", "COLLECTOR_CLOCK is '0001-01-01T00:00:00+14:00', no instant"),
        (
            "COLLECTOR_GATEWAY__PORT",
            "x",
            "environment variable COLLECTOR_GATEWAY__PORT: gateway.port should be a whole",
        ),
        ("COLLECTOR_GATWAY__PORT", "1", "environment variable COLLECTOR_GATWAY__PORT: unknown section `gatway`; did"),
        ("COLLECTOR_CONFIG", "gone.yaml", "The configuration gone.yaml does not exist."),
    ],
)
def test_wrong_environment(account: Home, capsys: Capsys, variable: str, value: str, complaint: str) -> None:
    """A variable that makes no sense ends with 2 and is named."""
    done = account.call(capsys, "status", **{variable: value})
    assert done.code == 2, done.err
    assert done.complaint.startswith(complaint)


def test_a_symbol_that_ib_does_not_know(account: Home, beside: Gateway, capsys: Capsys) -> None:
    """An unknown symbol alone ends with 2, says so in one line, and asks for no bars."""
    done = account.call(capsys, *EOD, "--symbols", "nosuch", COLLECTOR_GATEWAY__PORT=str(beside.port))
    assert (done.code, done.complaint) == (2, "IB does not know NOSUCH")
    assert beside.log.historical == []


def test_an_unknown_symbol_beside_a_known_one(account: Home, beside: Gateway, capsys: Capsys) -> None:
    """The known one is collected, the exit code is 3, and the report names the one that was left out."""
    done = account.call(capsys, *EOD, "--symbols", "PLTR,NOSUCH", COLLECTOR_GATEWAY__PORT=str(beside.port))
    assert done.code == 3, done.err
    assert "NOSUCH" in done.out
    assert "Traceback" not in done.out + done.err


def test_no_gateway(account: Home, capsys: Capsys) -> None:
    """A closed port ends with 4, and the hint names the ports that a gateway has."""
    done = account.call(capsys, *EOD)
    assert (done.code, done.complaint) == (4, "nothing listens at 127.0.0.1:1")
    assert "4002" in done.err


def test_no_database(account: Home, capsys: Capsys) -> None:
    """A server that is not there ends with 5; the password of its URL appears nowhere."""
    url = "postgresql://quant:wort-geheim@127.0.0.1:1/bars"
    for words in (EOD, ("status",), ("db", "upgrade")):
        done = account.call(capsys, *words, COLLECTOR_DATABASE__URL=url)
        assert done.code == 5, done.err
        assert done.complaint.startswith("no database server listens there")
        assert "geheim" not in done.out + done.err


def test_a_database_without_tables(account: Home, empty_plain_url: str, capsys: Capsys) -> None:
    """A server of the owner's is not changed unasked: an empty database ends with 5 and the command that fills it."""
    done = account.call(capsys, *EOD, COLLECTOR_DATABASE__URL=empty_plain_url)
    assert (done.code, done.complaint) == (5, "the database holds no tables of the collector")
    assert "collector db upgrade" in done.err


def test_doctor_leaves_a_server_of_the_owners_to_him(account: Home, empty_plain_url: str, capsys: Capsys) -> None:
    """Without tables there no run would begin: it says what to type, and judges no disk of this machine."""
    done = account.call(capsys, "doctor", COLLECTOR_DATABASE__URL=empty_plain_url)
    assert done.code == 5
    assert "bad database" in done.out
    assert "run: collector db upgrade" in done.out
    assert "disk" not in done.out


@pytest.fixture
def empty_plain_url(plain_engine: Engine) -> Iterator[str]:
    """An empty database on a server of the owner's."""
    plain_engine.execute("CREATE DATABASE nothing_in_it")
    yield plain_engine.database("nothing_in_it")
    plain_engine.execute("DROP DATABASE nothing_in_it WITH (FORCE)")


@pytest.fixture
def guarded_server() -> Iterator[LocalServer]:
    """A server that wants a password, `richtig`."""
    folder = server_folder("collector-guarded-")
    server = LocalServer(embedded.binaries(), folder / "pg", {"fsync": "off"})

    async def lock() -> None:
        connection = await asyncpg.connect(server.url("postgres"))
        await connection.execute("ALTER ROLE postgres PASSWORD 'richtig'")
        (server.data_dir / "pg_hba.conf").write_text("local all all scram-sha-256\n")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()

    server.start()
    asyncio.run(lock())
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)


def test_a_wrong_password(account: Home, guarded_server: LocalServer, capsys: Capsys) -> None:
    """A refused password ends with 5 and is not shown; the right one is let in."""
    url = guarded_server.url("postgres")
    refused = account.call(capsys, *EOD, **{"COLLECTOR_DATABASE__URL": url, _PASSWORD: "falsches-wort"})
    assert refused.code == 5, refused.err
    assert refused.complaint.startswith("the database refuses the password")
    assert "falsches-wort" not in refused.out + refused.err
    admitted = account.call(capsys, *EOD, **{"COLLECTOR_DATABASE__URL": url, _PASSWORD: "richtig"})
    assert admitted.complaint == "the database holds no tables of the collector"


def test_another_run_is_at_work(account: Home, beside: Gateway, plain_database_url: str, capsys: Capsys) -> None:
    """A held lock ends with 6, names the holder, and asks the gateway for nothing; reading commands still work."""

    async def hold(ready: asyncio.Event, over: asyncio.Event) -> None:
        async with (
            pool.connect(plain_database_url, SystemClock()) as database,
            locks.collection_lock(database, "late_night of 2026-11-19"),
        ):
            ready.set()
            await over.wait()

    variables = {"COLLECTOR_DATABASE__URL": plain_database_url, "COLLECTOR_GATEWAY__PORT": str(beside.port)}

    async def both() -> None:
        ready, over = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(hold(ready, over))
            await ready.wait()
            done = await asyncio.to_thread(_process, account, variables, *EOD)
            status = await asyncio.to_thread(_process, account, variables, "status", "--json")
            over.set()
        assert done.returncode == 6, done.stderr
        assert "another run is at work: collector late_night of 2026-11-19" in done.stderr
        assert status.returncode == 0, status.stderr
        assert "late_night of 2026-11-19" in status.stdout

    asyncio.run(both())
    assert beside.log.entries == []


def _process(account: Home, variables: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    done = Home(account.folder, account.clock, account.port, variables).run(*words)
    return subprocess.CompletedProcess(words, done.code, done.out, done.err)


def test_a_log_folder_that_cannot_be_written(beside: Gateway, capsys: Capsys) -> None:
    """Bars count more than logs: the window is collected, and the missing log is complained about."""
    with home(SystemClock(AFTER_THE_CLOSE), beside.port) as account:
        (account.folder / "occupied").write_text("a file where a folder should be")
        done = account.call(capsys, *EOD, COLLECTOR_LOG__DIRECTORY=str(account.folder / "occupied"))
    assert done.code == 0, done.err
    assert "no log file" in done.err
    assert "report_not_kept" in done.err
    assert "Traceback" not in done.out + done.err


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 50 MB, as far as this machine lets one be made."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = server_folder("collector-disk-")
    words = ["mount", "-t", "tmpfs", "-o", "size=50m", "tmpfs", str(folder)]
    mounted = subprocess.run(words, capture_output=True, check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("this machine lets nobody mount a small disk")
    yield folder
    words = ["umount", "--lazy", str(folder)]
    subprocess.run(words, check=True)
    folder.rmdir()


def test_a_disk_too_small_to_begin(account: Home, small_disk: Path, capsys: Capsys) -> None:
    """On a nearly full disk a run does not begin: exit code 5, the free space, and nothing is written there."""
    done = account.call(capsys, *EOD, COLLECTOR_DATABASE__DATA_DIR=str(small_disk / "pg"))
    assert done.code == 5, done.err
    assert done.complaint.startswith("the disk is nearly full: 0.")
    assert list(small_disk.iterdir()) == []


@pytest.fixture
def url_on_small_disk(plain_engine: Engine, engine_matrix: Matrix, small_disk: Path) -> Iterator[str]:
    """A migrated database whose tables, but not the server's log of changes, lie on the small disk."""
    if plain_engine.bindir is None:
        pytest.skip("needs plain PostgreSQL on this machine: its tables go to a small disk")
    place = small_disk / "tables"
    place.mkdir()
    data_dir = asyncio.run(_asked(plain_engine.url, "SELECT current_setting('data_directory')"))
    shutil.chown(place, Path(data_dir).stat().st_uid)
    small_disk.chmod(0o755)
    plain_engine.execute(
        f"CREATE TABLESPACE small LOCATION '{place}'",
        f'CREATE DATABASE on_small_disk TEMPLATE "{engine_matrix.template(plain_engine)}" TABLESPACE small',
    )
    yield plain_engine.database("on_small_disk")
    plain_engine.execute("DROP DATABASE on_small_disk WITH (FORCE)", "DROP TABLESPACE small")


async def _asked(url: str, question: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval(question))
    finally:
        await connection.close()


def test_a_disk_that_fills_up_during_the_run(
    beside: Gateway, small_disk: Path, url_on_small_disk: str, capsys: Capsys
) -> None:
    """The server's disk fills up: exit code 5 and a line that says so; with space again the same command succeeds."""
    with home(SystemClock(AFTER_THE_CLOSE), beside.port, COLLECTOR_DATABASE__URL=url_on_small_disk) as account:
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 100_000))
        full = account.call(capsys, *EOD)
        assert full.code == 5, full.err
        assert full.complaint.startswith("the database's disk is full")
        ballast.unlink()
        again = account.call(capsys, *EOD)
        assert again.code == 0, again.err
