"""/healthz and /metrics over a real socket."""

import asyncio
import json
import logging
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from collector.app.health_endpoint import Condition, LastRun, endpoint
from collector.domain.errors import ConfigurationError
from collector.domain.pacing.pace import BreakerState
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.schedule import Occurrence
from tests.support.http_peers import get, sent

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
LAST = LastRun(window="eod", session="2026-11-19", status=RunStatus.SUCCESS, started=NOON, completed=None)
NEXT = Occurrence(Window.MIDDAY, date(2026, 11, 20), datetime(2026, 11, 20, 17, 30, tzinfo=UTC))


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


async def answered(path: str, found: Condition, method: str = "GET") -> tuple[int, dict[str, str], str]:
    """Ask an endpoint that finds things so."""

    async def now() -> Condition:
        return found

    async def text() -> bytes:
        return b"collector_database_up 1\n"

    async with endpoint("127.0.0.1", 0, now, text) as port:
        return await get(port, path, method)


async def test_all_is_well() -> None:
    """200, with the last run, the next window, gateway and database."""
    status, headers, body = await answered("/healthz", condition())
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
async def test_something_needs_somebody(found: Condition) -> None:
    """503 when a required window has failed, and when the database is down."""
    status, _, body = await answered("/healthz", found)
    assert (status, json.loads(body)["ok"]) == (503, False)


async def test_metrics_are_plain_text() -> None:
    """/metrics answers in the format's own content type."""
    status, headers, body = await answered("/metrics", condition())
    assert (status, headers["content-type"], body) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
        "collector_database_up 1\n",
    )


async def test_what_else_is_asked() -> None:
    """HEAD has no body, other methods and paths are refused."""
    assert (await answered("/healthz?verbose", condition(), "HEAD"))[::2] == (200, "")
    assert (await answered("/healthz", condition(), "POST"))[0] == 405
    assert (await answered("/etc/passwd", condition()))[0] == 404


async def well() -> Condition:
    """Find all well."""
    return condition()


async def nothing() -> bytes:
    """Measure nothing."""
    return b""


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the event loop and we complain of: nothing, whatever clients do."""
    with caplog.at_level(logging.WARNING):
        yield caplog
    assert caplog.records == []


async def test_a_client_that_speaks_no_http_disturbs_nobody(complaints: pytest.LogCaptureFixture) -> None:
    """Garbage, or an endless request, costs a client its connection; the next one is answered."""
    async with endpoint("127.0.0.1", 0, well, nothing) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"x" * 100_000)
        assert (await get(port, "/healthz"))[0] == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 500_000, 431),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 15_000 + b"\r\n\r\n", 200),
        (b"hello\r\n\r\n", 400),
        (b"GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /healthz\r\nHost: localhost\r\n\r\n", 400),
        (b"GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"\xff\xfe\x00 / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
    ],
    ids=["long", "endless", "just short", "no http", "two blanks", "no version", "absolute", "bytes", "no host", "two"],
)
async def test_a_head_that_is_none(request_: bytes, status: int, complaints: pytest.LogCaptureFixture) -> None:
    """Too long a head is answered as such, a malformed one, too; neither leaves a traceback."""
    async with endpoint("127.0.0.1", 0, well, nothing) as port:
        assert (await sent(port, request_))[0] == status


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
async def test_only_who_calls_this_machine_by_its_name_is_answered(host: str, status: int) -> None:
    """A web page that has turned its own name into our address gets neither health nor metrics."""
    async with endpoint("127.0.0.1", 0, well, nothing, ["Monitor.lan"]) as port:
        for path in ("/healthz", "/metrics"):
            found, _, body = await get(port, path, host=host)
            assert found == status
            assert (status == 200) is ("serve.names" not in body)


async def test_clients_are_bounded_and_idle_ones_keep_nobody_out(complaints: pytest.LogCaptureFixture) -> None:
    """Of hundreds that say nothing the oldest give way; a monitor is answered all the same."""
    async with endpoint("127.0.0.1", 0, well, nothing) as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        assert (await get(port, "/healthz"))[0] == 200
        gone = await asyncio.gather(*(_is_closed(reader) for reader, _ in idle))
        assert gone[:60] == [True] * 60
        assert sum(gone) < 75
        for _, writer in idle:
            writer.close()


async def _is_closed(reader: asyncio.StreamReader) -> bool:
    """Tell whether the other side has hung up."""
    try:
        return await asyncio.wait_for(reader.read(), 0.5) == b""
    except TimeoutError:
        return False


async def test_clients_that_are_open_at_the_end_leave_no_traceback(complaints: pytest.LogCaptureFixture) -> None:
    """An end with clients in every state, also in mid-answer, is a quiet one."""
    asked, never = asyncio.Event(), asyncio.Event()

    async def slowly() -> bytes:
        asked.set()
        await never.wait()
        return b""

    async with endpoint("127.0.0.1", 0, well, slowly) as port:
        clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        clients[0][1].write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        clients[1][1].write(b"GET /heal")
        await asked.wait()
    for reader, writer in clients:
        assert await reader.read() == b""
        writer.close()


async def test_a_taken_port_is_a_mistake_of_the_configuration() -> None:
    """It is told with the port and the setting to change."""

    async def never() -> Condition:
        return condition()

    async def text() -> bytes:
        return b""

    async with endpoint("127.0.0.1", 0, never, text) as port:
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}") as refused:
            async with endpoint("127.0.0.1", port, never, text):
                pass
    assert "serve.port" in refused.value.hint
