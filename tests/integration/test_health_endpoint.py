"""The server of the pages, /healthz and /metrics, over a real socket."""

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from collector.app.condition import Condition, LastRun
from collector.clock import SystemClock
from collector.clock.virtual_time import VirtualClock
from collector.config import ServeSettings, Settings
from collector.domain.errors import ConfigurationError
from collector.domain.pacing.pace import BreakerState
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.schedule import Occurrence
from collector.web import serving_pages
from tests.support.http_peers import get, sent
from tests.support.served_pages import MadeUp, Shown, shown

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
LAST = LastRun(window="eod", session="2026-11-19", status=RunStatus.SUCCESS, started=NOON, completed=None)
NEXT = Occurrence(Window.MIDDAY, date(2026, 11, 20), datetime(2026, 11, 20, 17, 30, tzinfo=UTC))

_FORM = (
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Length: 9\r\n"
    b"Content-Type: application/x-www-form-urlencoded"
)


def condition(*, problems: tuple[str, ...] = (), database_up: bool = True) -> Condition:
    """Return how things stand."""
    return Condition(
        problems=problems,
        database_up=database_up,
        connected=True,
        breaker=BreakerState.HALF_OPEN,
        last_run=LAST,
        next_window=NEXT,
    )


@pytest.fixture
async def well(tmp_path: Path) -> AsyncIterator[Shown]:
    """Pages of a process with which all is well."""
    async with shown(tmp_path, MadeUp(condition())) as pages:
        yield pages


async def test_all_is_well(well: Shown) -> None:
    """200, with the last run, the next window, gateway and database."""
    status, headers, body = await well.get("/healthz")
    assert (status, headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert json.loads(body) == {
        "ok": True,
        "problems": [],
        "database": {"ok": True},
        "gateway": {"connected": True, "breaker": "half_open"},
        "running": None,
        "last_run": {
            "window": "eod",
            "session": "2026-11-19",
            "status": "success",
            "started": "2026-11-20T17:00:00+00:00",
            "completed": None,
        },
        "next_window": {"window": "midday", "session": "2026-11-20", "due": "2026-11-20T17:30:00+00:00"},
    }


@pytest.mark.parametrize("found", [condition(problems=("eod has failed",)), condition(database_up=False)])
async def test_something_needs_somebody(found: Condition, tmp_path: Path) -> None:
    """503 when a required window has failed, and when the database is down."""
    async with shown(tmp_path, MadeUp(found)) as pages:
        status, _, body = await pages.get("/healthz")
    assert (status, json.loads(body)["ok"]) == (503, False)


async def test_no_problem_tells_a_secret(tmp_path: Path) -> None:
    """What strangers on this machine may read is masked, too."""
    problem = "cannot connect to postgresql://collector:hunter2@db.lan/options"
    async with shown(tmp_path, MadeUp(condition(problems=(problem,)))) as pages:
        _, _, body = await pages.get("/healthz")
    assert json.loads(body)["problems"] == ["cannot connect to postgresql://***"]


async def test_metrics_are_plain_text(well: Shown) -> None:
    """/metrics answers in the format's own content type."""
    status, headers, body = await well.get("/metrics")
    assert (status, headers["content-type"], body) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
        "collector_database_up 1\n",
    )


async def test_what_else_is_asked(well: Shown) -> None:
    """HEAD has no body, other methods are refused, and other paths are not for strangers."""
    assert (await well.get("/healthz?verbose", method="HEAD"))[::2] == (200, "")
    assert (await well.get("/healthz", method="POST"))[0] == 405
    assert (await well.get("/etc/passwd"))[0] == 401
    assert (await well.get("/etc/passwd", well.cookie))[0] == 404


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the event loop and we complain of: nothing, whatever clients do."""
    with caplog.at_level(logging.WARNING):
        yield caplog
    assert caplog.records == []


async def test_a_client_that_speaks_no_http_disturbs_nobody(well: Shown, complaints: pytest.LogCaptureFixture) -> None:
    """Garbage, or an endless request, costs a client its connection; the next one is answered."""
    with socket.create_connection(("127.0.0.1", well.port)) as client:
        client.sendall(b"x" * 100_000)
    assert (await well.get("/healthz"))[0] == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 500_000, 431),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 15_000 + b"\r\nConnection: close\r\n\r\n", 200),
        (b"hello\r\n\r\n", 400),
        (b"GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /healthz\r\nHost: localhost\r\n\r\n", 400),
        (b"GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
        (b"\xff\xfe\x00 / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
    ],
    ids=["long", "endless", "just short", "no http", "two blanks", "no version", "absolute", "bytes", "no host", "two"],
)
async def test_a_head_that_is_none(
    request_: bytes, status: int, well: Shown, complaints: pytest.LogCaptureFixture
) -> None:
    """Too long a head is answered as such, a malformed one, too; neither leaves a traceback."""
    assert (await sent(well.port, request_))[0] == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8321", 200),
        ("127.8.9.1", 200),
        ("localhost:1", 200),
        ("LocalHost", 200),
        ("[::1]", 200),
        ("[::1]:8321", 200),
        ("monitor.lan", 200),
        ("monitor.lan:443", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("192.168.1.2", 421),
        ("[2001:db8::1]", 421),
        ("", 421),
    ],
)
async def test_only_who_calls_this_machine_by_its_name_is_answered(host: str, status: int, tmp_path: Path) -> None:
    """A web page that has turned its own name into our address gets neither health nor metrics."""
    async with shown(tmp_path, settings=Settings(serve=ServeSettings(names=("Monitor.lan",)))) as pages:
        for path in ("/healthz", "/metrics"):
            found, _, body = await get(pages.port, path, host=host)
            assert found == status
            assert (status == 200) is ("serve.names" not in body)


async def test_clients_are_bounded_and_idle_ones_keep_nobody_out(
    well: Shown, complaints: pytest.LogCaptureFixture
) -> None:
    """Of hundreds that say nothing, or half a request, the oldest give way; a monitor is answered all the same."""
    idle = [await asyncio.open_connection("127.0.0.1", well.port) for _ in range(200)]
    for _, writer in idle[::2]:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: local")
    assert (await well.get("/healthz"))[0] == 200
    gone = await asyncio.gather(*(_is_closed(reader) for reader, _ in idle))
    assert gone[:65] == [True] * 65
    assert sum(gone) < 80
    for _, writer in idle:
        writer.close()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: local",
        _FORM + b"\r\n\r\npass",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + _FORM + b"\r\n\r\npass",
    ],
    ids=["nothing", "half a head", "half a form", "one request", "one and a half", "one and half a form"],
)
def test_clients_that_say_no_more_are_left_after_seconds(
    said: bytes, tmp_path: Path, virtual_run: Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
) -> None:
    """Whoever is silent, in whatever state, is hung up on within seconds."""

    async def main() -> None:
        clock = VirtualClock(NOON)
        async with shown(tmp_path, MadeUp(condition()), clock=clock) as pages:
            reader, writer = await asyncio.open_connection("127.0.0.1", pages.port)
            writer.write(said)
            begun = clock.monotonic()
            with contextlib.suppress(ConnectionResetError):  # what was sent has not all been read
                await reader.read()
            assert 4.9 < clock.monotonic() - begun < 6
            writer.close()

    virtual_run(main)


def test_a_client_that_takes_nothing_is_left(
    tmp_path: Path, virtual_run: Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
) -> None:
    """Whoever asks for much and reads none of it does not hold an answer for ever."""

    class Long(MadeUp):
        async def metrics(self) -> bytes:
            return b"# much\n" * 3_000_000

    async def main() -> None:
        clock = VirtualClock(NOON)
        async with shown(tmp_path, Long(), clock=clock) as pages:
            reader, writer = await asyncio.open_connection("127.0.0.1", pages.port, limit=1024)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await clock.sleep(40)
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(20_000_000)
            writer.close()

    virtual_run(main)


async def test_a_page_that_fails_touches_nothing_else(tmp_path: Path) -> None:
    """An error nobody foresaw is logged and answered in words; the next request finds everything as before."""

    class Broken(MadeUp):
        async def metrics(self) -> bytes:
            raise ZeroDivisionError

    with structlog.testing.capture_logs() as events:
        async with shown(tmp_path, Broken()) as pages:
            status, headers, body = await pages.get("/metrics")
            assert (status, "it is in the log" in body, "ZeroDivision" in body) == (500, True, False)
            assert "default-src 'none'" in headers["content-security-policy"]
            assert (await pages.get("/healthz"))[0] == 200
    assert [(one["event"], one["path"], one["log_level"]) for one in events] == [
        ("request_failed", "/metrics", "error")
    ]


async def test_who_hangs_up_is_answered_no_more(tmp_path: Path) -> None:
    """What was being found out for him ends at once, and nobody takes it for a fault."""
    begun, ended = asyncio.Event(), asyncio.Event()

    class Slow(MadeUp):
        async def metrics(self) -> bytes:
            begun.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.set()
            return b""

    with structlog.testing.capture_logs() as events:
        async with shown(tmp_path, Slow()) as pages, asyncio.timeout(3):
            _, writer = await asyncio.open_connection("127.0.0.1", pages.port)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await begun.wait()
            writer.close()
            await ended.wait()
    assert {one["log_level"] for one in events} <= {"debug"}


async def _is_closed(reader: asyncio.StreamReader) -> bool:
    """Tell whether the other side has hung up."""
    try:
        return await asyncio.wait_for(reader.read(), 0.5) == b""
    except TimeoutError:
        return False


async def test_clients_that_are_open_at_the_end_leave_no_traceback(
    tmp_path: Path, complaints: pytest.LogCaptureFixture
) -> None:
    """An end with clients in every state, also in mid-answer, is a quiet one."""
    asked, never = asyncio.Event(), asyncio.Event()

    class Slow(MadeUp):
        async def metrics(self) -> bytes:
            asked.set()
            await never.wait()
            return b""

    async with shown(tmp_path, Slow()) as pages:
        clients = [await asyncio.open_connection("127.0.0.1", pages.port) for _ in range(3)]
        clients[0][1].write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        clients[1][1].write(b"GET /heal")
        await asked.wait()
    for reader, writer in clients:
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_a_taken_port_is_a_mistake_of_the_configuration(well: Shown) -> None:
    """It is told with the port and the setting to change."""
    taken = well.settings.model_copy(update={"serve": ServeSettings(port=well.port)})
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{well.port}") as refused:
        async with serving_pages.endpoint(taken, SystemClock(), well.logins)(MadeUp()):
            pass
    assert "serve.port" in refused.value.hint
