"""`collector serve`: a whole simulated day in one process, and a clean end on SIGTERM."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from pydantic import SecretStr

from collector.app import serving
from collector.clock import Clock, SystemClock
from collector.clock.virtual_time import VirtualClock
from collector.config import (
    DatabaseSettings,
    DeadManSettings,
    GatewaySettings,
    LogSettings,
    ServeSettings,
    Settings,
    WindowsSettings,
)
from collector.db.bookkeeping import runs_table
from collector.db.bookkeeping.runs_table import NewRun, RunEnd
from collector.db.connection import pool
from collector.db.server import embedded
from collector.domain.run_vocabulary import BY_HAND, RunStatus, Window
from collector.simulator.launch import start
from collector.simulator.scenarios import named
from collector.web import serving_pages
from tests.support import truth
from tests.support.command_line import gateway_beside, home
from tests.support.fault_proxy import unused_port
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.http_peers import get, pings, samples
from tests.support.served_pages import logins_in
from tests.support.truth import compare
from tests.support.window_runs import FRIDAY, narrow, no_bar

NEW_YORK = ZoneInfo("America/New_York")
NINE = datetime(2026, 11, 20, 9, 0, tzinfo=NEW_YORK)
NEXT_MORNING = datetime(2026, 11, 21, 8, 30, tzinfo=ZoneInfo("Asia/Jerusalem"))
RUNS = """
SELECT run_type, run_date::text, status, attempt, scheduled_time, started_at
FROM intraday_collection_runs ORDER BY started_at, id
"""
END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


def settings_for(url: str, port: int, folder: Path, **more: Any) -> Settings:  # noqa: ANN401 - sections
    """Return a configuration of eight contracts that all expire on Friday."""
    return narrow(
        "PLTR",
        database=DatabaseSettings(url=SecretStr(url)),
        gateway=GatewaySettings(port=port, patience_s=30.0),
        log=LogSettings(directory=folder),
        serve=ServeSettings(port=0, textfile=folder / "collector.prom"),
        **more,
    )


async def runs_in(url: str, clock: Clock) -> list[tuple[Any, ...]]:
    """Return every attempt at a window, in the order of their beginning."""
    with clock.hold():
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(RUNS)]
        finally:
            await connection.close()


@contextlib.asynccontextmanager
async def served(settings: Settings, clock: Clock) -> AsyncIterator[int]:
    """Serve beside the block; yields the port, and cancels when the block ends."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    pages = serving_pages.endpoint(settings, clock, logins_in(settings.log.path))
    work = asyncio.create_task(
        serving.serve(settings, clock, no_bar, lambda _host, bound: port.set_result(bound), pages)
    )
    work.add_done_callback(lambda _: port.cancel())  # it ended before it served
    try:
        yield await port
    finally:
        work.cancel()
        await work


async def until(clock: Clock, instant: datetime) -> None:
    """Let time pass until an instant."""
    while (left := (instant - clock.now()).total_seconds()) > 0:
        await clock.sleep(max(left, 0.01))


async def ran_on_thursday(url: str, clock: Clock) -> None:
    """Record Thursday's last windows as run, as they are where the collector has been at work for a while."""
    async with pool.connect(url, clock) as db:
        for window, at in (
            (Window.DAILY_BARS, (19, 17)),
            (Window.LATE_NIGHT, (19, 18)),
            (Window.GAP_CHECK, (20, 1)),
        ):
            instant = datetime(2026, 11, *at, tzinfo=NEW_YORK)
            new = NewRun(window=window, day=date(2026, 11, 19), symbols=["PLTR"], started_at=instant)
            run_id = await runs_table.open_run(db, new)
            await runs_table.close(db, run_id, RunEnd(status=RunStatus.SUCCESS, completed_at=instant))


def test_a_whole_day(plain_database_url: str, tmp_path: Path, virtual_run: Run) -> None:
    """Every window of a Friday runs once, at its minute, over one connection; the tables equal the market's truth."""

    async def main() -> None:
        clock = VirtualClock(NINE)
        await ran_on_thursday(plain_database_url, clock)
        gateway = await start(clock=clock)
        try:
            async with pings() as received:
                settings = settings_for(
                    plain_database_url,
                    gateway.port,
                    tmp_path,
                    dead_man=DeadManSettings(url=SecretStr(received.url("/a-secret"))),
                )
                async with served(settings, clock) as port:
                    await until(clock, datetime(2026, 11, 20, 16, 30, tzinfo=NEW_YORK))
                    status, _, body = await get(port, "/healthz")
                    assert status == 200, body
                    document = json.loads(body)
                    assert document["last_run"]["window"] == "expiry_check"
                    assert document["gateway"] == {"connected": True, "breaker": "closed"}
                    assert document["next_window"] == {
                        "window": "eod",
                        "session": "2026-11-20",
                        "due": "2026-11-20T21:45:00+00:00",
                    }
                    await until(clock, NEXT_MORNING)
                    metrics = samples((await get(port, "/metrics"))[2])
                    assert (await get(port, "/healthz"))[0] == 200
            friday = (await runs_in(plain_database_url, clock))[3:]
            windows = ("morning", "midday", "expiry_check", "eod", "daily_bars", "late_night")
            assert [row[:4] for row in friday] == [(window, "2026-11-20", "success", 1) for window in windows]
            due = [(10, 0), (12, 30), (15, 0), (16, 45), (17, 30), (18, 0)]
            assert [row[4] for row in friday] == [datetime(2026, 11, 20, *at, tzinfo=NEW_YORK) for at in due]
            assert all((row[5] - row[4]).total_seconds() < 5 for row in friday), friday
            assert gateway.log.connections == 1
            with clock.hold():
                compared = await compare(plain_database_url, gateway.market, [FRIDAY], [])
                (stored,) = (await truth.stored(plain_database_url, truth._UNDERLYING_ROWS)).values()
            assert compared["contracts"] >= 10
            week = truth.span_of([date(2026, 11, 16), FRIDAY])  # late_night looks at five sessions
            assert stored == truth.underlying_truth(gateway.market, "PLTR", week)
            assert metrics["collector_gateway_connected"] == 1
            assert metrics['collector_runs_total{status="success",window="eod"}'] == 1
            assert metrics['collector_completeness_ratio{symbol="PLTR"}'] == 1
            assert metrics['collector_gaps{state="open"}'] == 0
            written = samples((tmp_path / "collector.prom").read_text(encoding="utf-8"))
            assert written['collector_runs_total{status="success",window="late_night"}'] == 2  # Thursday's too
            assert received.paths == ["/a-secret/start", "/a-secret"] * 2
        finally:
            await gateway.stop()

    virtual_run(main)


def test_a_window_of_the_owners(plain_database_url: str, tmp_path: Path, virtual_run: Run) -> None:
    """It runs at its minute among the built-in ones; the health page and the metrics bear its name."""

    async def main() -> None:
        clock = VirtualClock(datetime(2026, 11, 20, 15, 10, tzinfo=NEW_YORK))
        gateway = await start(clock=clock)
        windows = {window.value: {"enabled": False} for window in Window if window not in {Window.EOD, *BY_HAND}}
        own = {"power_hour": {"time": "15:30", "span": "1h", "scope": "expiring_and_near"}}
        try:
            settings = settings_for(
                plain_database_url, gateway.port, tmp_path, windows=WindowsSettings.model_validate(windows | own)
            )
            async with served(settings, clock) as port:
                await until(clock, datetime(2026, 11, 20, 15, 28, tzinfo=NEW_YORK))
                following = json.loads((await get(port, "/healthz"))[2])["next_window"]
                assert (following["window"], following["due"]) == ("power_hour", "2026-11-20T20:30:00+00:00")
                await until(clock, datetime(2026, 11, 20, 15, 40, tzinfo=NEW_YORK))
                status, _, body = await get(port, "/healthz")
                assert (status, json.loads(body)["last_run"]["window"]) == (200, "power_hour")
                metrics = samples((await get(port, "/metrics"))[2])
            (row,) = (one for one in await runs_in(plain_database_url, clock) if one[0] == "power_hour")
            assert row[:4] == ("power_hour", "2026-11-20", "success", 1)
            assert row[4] == datetime(2026, 11, 20, 15, 30, tzinfo=NEW_YORK)
            assert metrics['collector_runs_total{status="success",window="power_hour"}'] == 1
            assert metrics['collector_requests_total{window="power_hour"}'] > 0
        finally:
            await gateway.stop()

    virtual_run(main)


def test_no_gateway_at_first(plain_database_url: str, tmp_path: Path, virtual_run: Run) -> None:
    """Without a gateway it stays up and says so; once there is one, what was due is made good and all is well."""

    async def main() -> None:
        clock = VirtualClock(datetime(2026, 11, 20, 16, 40, tzinfo=NEW_YORK))
        await ran_on_thursday(plain_database_url, clock)
        port = unused_port()
        settings = settings_for(plain_database_url, port, tmp_path)
        async with served(settings, clock) as health:
            await until(clock, datetime(2026, 11, 20, 16, 48, tzinfo=NEW_YORK))  # between two attempts
            status, _, body = await get(health, "/healthz")
            document = json.loads(body)
            assert (status, document["ok"], document["gateway"]["connected"]) == (503, False, False)
            assert document["problems"] == [
                (
                    "eod of 2026-11-20 was due at 2026-11-20 16:45 New York; "
                    "its last attempt ended failed at 2026-11-20 16:45: no gateway"
                )
            ]
            await until(clock, datetime(2026, 11, 20, 17, 2, tzinfo=NEW_YORK))
            async with await start(clock=clock, port=port) as gateway:
                await until(clock, datetime(2026, 11, 20, 17, 25, tzinfo=NEW_YORK))
                status, _, body = await get(health, "/healthz")
                assert (status, json.loads(body)["gateway"]["connected"]) == (200, True), body
                found = (await runs_in(plain_database_url, clock))[3:]
                minutes = [(row[5] - row[4]).total_seconds() // 60 for row in found]
                assert [(row[0], row[2]) for row in found] == [("eod", "failed")] * 3 + [("eod", "success")]
                assert minutes == [0, 5, 15, 30]
                with clock.hold():
                    await compare(plain_database_url, gateway.market, [FRIDAY], ["PLTR"])

    virtual_run(main)


def test_no_database_at_first(tmp_path: Path, virtual_run: Run) -> None:
    """Without a database it stays up and says so, and the owner is told of a window that cannot begin, once."""

    async def main() -> None:
        clock = VirtualClock(datetime(2026, 11, 20, 9, 58, tzinfo=NEW_YORK))
        settings = settings_for(f"postgresql://nobody@127.0.0.1:{unused_port()}/none", unused_port(), tmp_path)
        async with served(settings, clock) as health:
            await until(clock, datetime(2026, 11, 20, 10, 5, tzinfo=NEW_YORK))
            status, _, body = await get(health, "/healthz")
            assert (status, json.loads(body)["database"]) == (503, {"ok": False})
            assert samples((await get(health, "/metrics"))[2])["collector_database_up"] == 0
        report = json.loads((tmp_path / "reports/run-000000.json").read_text(encoding="utf-8"))
        assert (report["window"], report["failure"]["cause"]) == ("morning", "database_down")
        assert len(list((tmp_path / "email_notifications").rglob("*.html"))) == 1

    virtual_run(main)


def test_a_database_that_restarts_between_windows(plain_database_url: str, tmp_path: Path, virtual_run: Run) -> None:
    """Connections that the server has ended are replaced: the next window runs as if nothing had been."""

    async def main() -> None:
        clock = VirtualClock(datetime(2026, 11, 20, 16, 40, tzinfo=NEW_YORK))
        await ran_on_thursday(plain_database_url, clock)
        async with await start(clock=clock) as gateway:
            settings = settings_for(plain_database_url, gateway.port, tmp_path)
            async with served(settings, clock) as health:
                await until(clock, datetime(2026, 11, 20, 16, 42, tzinfo=NEW_YORK))
                with clock.hold():
                    connection = await asyncpg.connect(plain_database_url)
                    ended = await connection.fetch(END_SESSIONS)
                    await connection.close()
                assert len(ended) > 0
                await until(clock, datetime(2026, 11, 20, 17, 25, tzinfo=NEW_YORK))
                assert (await get(health, "/healthz"))[0] == 200
            found = (await runs_in(plain_database_url, clock))[3:]
            assert [(row[0], row[2]) for row in found] == [("eod", "success")]

    virtual_run(main)


async def test_an_embedded_server_that_is_gone() -> None:
    """It is started again: between two looks the schedule has its database back, and nobody had to do anything."""
    clock = SystemClock(datetime(2026, 11, 22, 12, 0, tzinfo=NEW_YORK))
    with home() as account:
        database, logs = DatabaseSettings(data_dir=account.data_dir), LogSettings(directory=account.folder / "logs")
        process = serving.Serving(narrow("PLTR", database=database, log=logs), clock, no_bar)
        async with process._database() as db:
            await asyncio.to_thread(embedded.stop, account.data_dir)
            assert await process._round(db) is None
            assert await process._round(db) == datetime(2026, 11, 22, 18, 0, tzinfo=NEW_YORK)


def started(port_of: "subprocess.Popen[str]") -> int:
    """Wait until the command says where its health endpoint is; return the port."""
    assert port_of.stdout is not None
    line = port_of.stdout.readline()
    assert line.startswith("serving; pages on http://127.0.0.1:"), line
    return int(line.partition("127.0.0.1:")[2].partition("/")[0])


def asked(port: int) -> dict[str, Any]:
    """Return what /healthz says."""
    document: dict[str, Any] = json.loads(asyncio.run(get(port, "/healthz"))[2])
    return document


def when(port: int, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask until something holds, for a minute at most."""
    last: dict[str, Any] = {}
    for _ in range(600):
        last = asked(port)
        if holds(last):
            return last
        time.sleep(0.1)  # another process is at work
    pytest.fail(f"never came about: {last}")


def ended(process: "subprocess.Popen[str]") -> tuple[int, float, str]:
    """Send SIGTERM; return the exit code, the seconds that it took, and what was logged."""
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    return process.returncode, time.monotonic() - begun, err


def streaming(port: int, cookie: str) -> socket.socket:
    """Return a connection on which a page is told what is at work, once it has been told the first time."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=30)
    stream.sendall(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
    seen = b""
    while b"event: work" not in seen:
        more = stream.recv(65_536)
        assert more, seen
        seen += more
    return stream


def rest_of(stream: socket.socket) -> bytes:
    """Return what comes until the other side hangs up."""
    with stream:
        return b"".join(iter(lambda: stream.recv(65_536), b""))


def test_sigterm_while_idle(capsys: pytest.CaptureFixture[str]) -> None:
    """On a quiet Sunday it connects, shows pages, lets commands in beside it, and ends within 2 seconds of SIGTERM.

    Five pages that look on keep it no longer. What it prints where nobody is at a terminal holds no key.
    """
    clock, port = SystemClock(datetime(2026, 11, 22, 12, 0, tzinfo=NEW_YORK)), unused_port()
    with gateway_beside(clock) as gateway, home(clock, gateway.port, COLLECTOR_SERVE__PORT=str(port)) as account:
        process = account.start("serve")
        try:
            assert started(process) == port
            found = when(port, lambda said: bool(said["ok"] and said["gateway"]["connected"]))
            assert found["next_window"]["window"] == "chain_refresh"
            metrics = samples(asyncio.run(get(port, "/metrics"))[2])
            assert metrics["collector_database_up"] == metrics["collector_gateway_connected"] == 1
            beside = account.call(capsys, "chains", "refresh", COLLECTOR_GATEWAY__CLIENT_ID="18")
            assert beside.code == 0, beside.err
            assert asyncio.run(get(port, "/"))[0] == 401
            invited = account.call(capsys, "web")
            assert invited.code == 0, invited.err
            site, _, key = invited.out.strip().partition("/login?key=")
            assert site == f"http://127.0.0.1:{port}"
            status, headers, _ = asyncio.run(get(port, f"/login?key={key}"))
            assert status == 303
            cookie = headers["set-cookie"].partition(";")[0]
            for path in ("/", "/schedule", "/runs", "/health", "/api/v1/schedule"):
                assert asyncio.run(get(port, path, headers=[f"Cookie: {cookie}"]))[0] == 200, path
            streams = [streaming(port, cookie) for _ in range(5)]
            code, seconds, err = ended(process)
            assert all(rest_of(stream).endswith(b"0\r\n\r\n") for stream in streams)  # ended, not cut off
        finally:
            process.kill()
            process.communicate()
        assert (code, "Traceback" in err, key in err, cookie in err) == (0, False, False, False), err
        assert seconds < 2, err


def test_the_pages_without_a_serve(capsys: pytest.CaptureFixture[str]) -> None:
    """`collector web` shows them itself where nobody does; another gives an address, a new key ends every login."""
    port = unused_port()
    with home(COLLECTOR_SERVE__PORT=str(port)) as account:
        process = account.start("web")
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"showing pages on http://127.0.0.1:{port}/; Ctrl-C ends\n"
            assert process.stdout.readline() == "to log in: `collector web` prints an address\n"
            invited = account.call(capsys, "web")
            path = invited.out.strip().removeprefix(f"http://127.0.0.1:{port}")
            cookie = asyncio.run(get(port, path))[1]["set-cookie"].partition(";")[0]
            assert asyncio.run(get(port, "/api/v1", headers=[f"Cookie: {cookie}"]))[0] == 200
            assert asyncio.run(get(port, path))[0] == 401
            assert account.call(capsys, "web", "--sign-out-everywhere").code == 0
            assert asyncio.run(get(port, "/api/v1", headers=[f"Cookie: {cookie}"]))[0] == 401
            code, _, err = ended(process)  # not before an embedded server that is being made is there
        finally:
            process.kill()
            process.communicate()
        assert (code, "Traceback" in err) == (0, False), err


def test_a_browser_that_has_to_be_left(tmp_path: Path) -> None:
    """`collector web --open` shows its pages to a browser that it waits for; where there is none, it says so."""
    browser, port = tmp_path / "browser", unused_port()
    browser.write_text(
        f"#!{sys.executable}\nimport http.client, sys\n"
        f"line = http.client.HTTPConnection('127.0.0.1', {port}, timeout=5)\n"
        "try:\n"
        "    line.request('GET', sys.argv[1][sys.argv[1].index('/login'):])\n"
        "    print('seen:', line.getresponse().status, flush=True)\n"
        "except OSError as error:\n"
        "    print('seen:', error, flush=True)\n",
        encoding="utf-8",
    )
    browser.chmod(0o755)
    with home(COLLECTOR_SERVE__PORT=str(port)) as account:
        process = account.start("web", "--open", BROWSER=f"{browser} %s")
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(3)]
            assert lines[2] == "seen: 303\n"
            other = account.start("web", "--open", BROWSER="/bin/false %s", PATH="", DISPLAY="", TERM="")
            assert other.communicate(timeout=60)[1] == "no browser could be opened here\n"
            assert other.returncode == 0
        finally:
            process.kill()
            process.communicate()


def test_a_person_at_a_terminal_gets_an_address() -> None:
    """What `collector web` prints there logs in; nothing has to be called beside it."""
    with home(COLLECTOR_SERVE__PORT="0") as account:
        shown = account.on_terminal("web", until="/login?key=")
    assert (shown.code, "log in: http://127.0.0.1:" in shown.out) == (0, True)


def test_sigterm_in_the_middle_of_a_window() -> None:
    """A window at work is cut off cleanly: exit code 130 within 5 seconds, its row says interrupted."""
    clock = SystemClock(AFTER_THE_CLOSE)
    with (
        gateway_beside(clock, [named("constant", latency_s=3.0)]) as gateway,
        home(clock, gateway.port, COLLECTOR_SERVE__PORT="0") as account,
    ):
        process = account.start("serve")
        try:
            port = started(process)
            when(port, lambda said: said["running"] is not None and len(gateway.log.historical) > 0)
            code, seconds, err = ended(process)
        finally:
            process.kill()
            process.communicate()
        assert code == 130, err
        assert seconds < 5, err
        rows = asyncio.run(runs_in(embedded.ensure_running(account.data_dir), clock))
        assert [row[2] for row in rows] == ["interrupted"]


def test_doctor_expects_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """On an account that never ran anything: 1 and the window's name on a Friday evening, 0 on a quiet Sunday."""
    with home() as account:
        late = account.call(capsys, "doctor", "--expect-run", COLLECTOR_CLOCK="2026-11-20T17:16:00-05:00")
        assert (late.code, late.out.splitlines()[-1]) == (
            1,
            "eod of 2026-11-20 was due at 2026-11-20 16:45 New York and has not run",
        )
        patient = ("doctor", "--expect-run", "--grace-min", "60")
        early = account.call(capsys, *patient, COLLECTOR_CLOCK="2026-11-20T17:16:00-05:00")
        assert "eod" not in early.out
        quiet = account.call(capsys, "doctor", "--expect-run", COLLECTOR_CLOCK="2026-11-22T12:00:00-05:00")
        assert (quiet.code, quiet.out) == (0, "every window that should have run by now has run\n"), quiet


def test_a_taken_port_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """`serve` beside another program on its port ends with 2 and names the port."""
    with socket.create_server(("127.0.0.1", 0)) as other, home() as account:
        port = other.getsockname()[1]
        done = account.call(capsys, "serve", COLLECTOR_SERVE__PORT=str(port))
    assert done.code == 2
    assert f"the pages cannot be shown on 127.0.0.1:{port}" in done.err
