"""HTTP endpoint of health and metrics.

`/healthz` and `/metrics` over HTTP, on this machine only.
"""

import asyncio
import contextlib
import ipaddress
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import structlog

from collector.app.metrics import CONTENT_TYPE
from collector.domain.errors import ConfigurationError
from collector.domain.pacing.pace import BreakerState
from collector.domain.run_vocabulary import RunStatus
from collector.market.schedule import Occurrence

_PATIENCE_S = 5.0
"""For a client to ask, and for an answer to be found: a database that hangs is one that is down."""

_LONGEST_HEAD = 16_384
_LULL_S = 0.1
_MOST_CLIENTS = 32
"""At a time; the oldest gives way to the next, so that idle ones keep nobody out."""

_REQUEST_LINE = re.compile(r"(?P<method>[A-Z]+) (?P<path>/[^ ?]*)(?:\?[^ ]*)? HTTP/1\.[01]")
_PORT = re.compile(r":\d*$")
_JSON = "application/json; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The run that ended last."""

    window: str
    session: str
    status: RunStatus
    started: datetime
    completed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How things stand. problems: in words, what needs somebody; running: the window at work, None while idle.

    breaker: of the gateway; closed as long as it answers.
    """

    problems: tuple[str, ...]
    database_up: bool
    connected: bool
    breaker: BreakerState = BreakerState.CLOSED
    running: str | None = None
    last_run: LastRun | None = None
    next_window: Occurrence | None = None

    @property
    def ok(self) -> bool:
        """Tell whether nothing needs anybody; a gateway that is away between windows is no problem in itself."""
        return self.database_up and not self.problems

    def document(self) -> dict[str, object]:
        """Return what /healthz answers."""
        last, following = self.last_run, self.next_window
        return {
            "ok": self.ok,
            "problems": list(self.problems),
            "database": {"ok": self.database_up},
            "gateway": {"connected": self.connected, "breaker": self.breaker.value},
            "running": self.running,
            "last_run": None
            if last is None
            else {
                "window": last.window,
                "session": last.session,
                "status": last.status.value,
                "started": last.started.isoformat(),
                "completed": None if last.completed is None else last.completed.isoformat(),
            },
            "next_window": None
            if following is None
            else {
                "window": following.window.value,
                "session": following.run_date.isoformat(),
                "due": following.due.isoformat(),
            },
        }


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    content_type: str
    body: str | bytes


@contextlib.asynccontextmanager
async def endpoint(
    host: str,
    port: int,
    condition: Callable[[], Awaitable[Condition]],
    metrics: Callable[[], Awaitable[bytes]],
    names: Collection[str] = (),
) -> AsyncIterator[int]:
    """Answer for the length of a block; yields the port, which is a free one where 0 was asked for.

    Args:
        host: address of this machine.
        port: to listen on.
        condition: how things stand; 503 unless it is ok.
        metrics: the text of /metrics.
        names: by which clients may call this machine, besides its own; a web page that has turned another name into
            our address is refused.

    Raises:
        ConfigurationError: the port is taken.
    """
    clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}  # in the order in which they came
    called = {"localhost", *(name.lower() for name in names)}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(2 * _PATIENCE_S):
                writer.write(await _answer(reader, called, condition, metrics))
                await writer.drain()
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            log.debug("health_client_lost", error=str(error))
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a coroutine: asyncio would log a traceback for each of its own tasks that is cancelled.
        if len(clients) >= _MOST_CLIENTS:
            dismiss(next(iter(clients)))
        task = asyncio.create_task(answer(reader, writer))
        clients[task] = writer
        task.add_done_callback(lambda ended: clients.pop(ended, None))

    def dismiss(client: asyncio.Task[None]) -> None:
        clients.pop(client).close()  # a task that has not begun never gets to do it
        client.cancel()

    try:
        server = await asyncio.start_server(begin, host.strip("[]"), port, limit=_LONGEST_HEAD)
    except OSError as error:
        raise ConfigurationError(
            f"the health endpoint cannot listen on {host}:{port}: {error.strerror}", "Choose another serve.port."
        ) from error
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        leaving = [*clients]
        for client in leaving:
            dismiss(client)
        await asyncio.gather(*leaving, return_exceptions=True)


async def _answer(
    reader: asyncio.StreamReader,
    called: Collection[str],
    condition: Callable[[], Awaitable[Condition]],
    metrics: Callable[[], Awaitable[bytes]],
) -> bytes:
    """Read a request and return what to send for it."""
    method, path, refused = "", "", None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, refused = _read(head, called)
    except asyncio.LimitOverrunError:
        await _discard(reader)
        refused = _Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TEXT, "too long a head\n")
    if refused is not None:
        found = refused
    elif method not in ("GET", "HEAD"):
        found = _Answer(HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, "GET only\n")
    elif path == "/healthz":
        found = await _health(condition)
    elif path == "/metrics":
        found = _Answer(HTTPStatus.OK, CONTENT_TYPE, await metrics())
    else:
        found = _Answer(HTTPStatus.NOT_FOUND, _TEXT, "see /healthz and /metrics\n")
    body = found.body.encode() if isinstance(found.body, str) else found.body
    head = (
        f"HTTP/1.1 {found.status.value} {found.status.phrase}\r\nContent-Type: {found.content_type}\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else body)


async def _discard(reader: asyncio.StreamReader) -> None:
    """Read away what is still coming, for a moment: a connection that is closed over unread bytes loses its answer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            while await asyncio.wait_for(reader.read(_LONGEST_HEAD), _LULL_S):
                pass


def _read(head: str, called: Collection[str]) -> tuple[str, str, _Answer | None]:
    """Return method and path of a request, and the answer to one that is none or is meant for somebody else."""
    first, *lines = head.split("\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    hosts = [value.strip() for name, _, value in (line.partition(":") for line in lines) if name.lower() == "host"]
    if match is None or len(hosts) != 1:
        return "", "", _Answer(HTTPStatus.BAD_REQUEST, _TEXT, "one request line and one Host, please\n")
    name = _PORT.sub("", hosts[0]).strip("[]").lower()
    if name not in called and not _is_loopback(name):
        return "", "", _Answer(HTTPStatus.MISDIRECTED_REQUEST, _TEXT, "no name of this machine; see serve.names\n")
    return match["method"], match["path"], None


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _health(condition: Callable[[], Awaitable[Condition]]) -> _Answer:
    found = await condition()
    code = HTTPStatus.OK if found.ok else HTTPStatus.SERVICE_UNAVAILABLE
    return _Answer(code, _JSON, json.dumps(found.document(), indent=2) + "\n")
