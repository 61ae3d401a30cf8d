"""HTTP endpoint of health and metrics.

`/healthz` and `/metrics` over HTTP, on this machine only.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import structlog

from collector.domain.errors import ConfigurationError
from collector.domain.pacing.pace import BreakerState
from collector.domain.run_vocabulary import RunStatus
from collector.market.schedule import Occurrence

_PATIENCE_S = 5.0
"""For a client to ask, and for an answer to be found: a database that hangs is one that is down."""

_LONGEST_HEAD = 16_384
_JSON = "application/json; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
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
    body: str


@contextlib.asynccontextmanager
async def endpoint(
    host: str, port: int, condition: Callable[[], Awaitable[Condition]], metrics: Callable[[], Awaitable[str]]
) -> AsyncIterator[int]:
    """Answer for the length of a block; yields the port, which is a free one where 0 was asked for.

    Args:
        host: address of this machine.
        port: to listen on.
        condition: how things stand; 503 unless it is ok.
        metrics: the text of /metrics.

    Raises:
        ConfigurationError: the port is taken.
    """
    clients: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            clients.add(task)
            task.add_done_callback(clients.discard)
        try:
            async with asyncio.timeout(2 * _PATIENCE_S):
                await _converse(reader, writer, condition, metrics)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            log.debug("health_client_lost", error=str(error))
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host.strip("[]"), port, limit=_LONGEST_HEAD)
    except OSError as error:
        raise ConfigurationError(
            f"the health endpoint cannot listen on {host}:{port}: {error.strerror}", "Choose another serve.port."
        ) from error
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for client in [*clients]:
            client.cancel()
        if clients:
            await asyncio.wait([*clients])


async def _converse(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    condition: Callable[[], Awaitable[Condition]],
    metrics: Callable[[], Awaitable[str]],
) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, _, rest = head.partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if method not in ("GET", "HEAD"):
        found = _Answer(HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, "GET only\n")
    elif path == "/healthz":
        found = await _health(condition)
    elif path == "/metrics":
        found = _Answer(HTTPStatus.OK, _PROMETHEUS, await metrics())
    else:
        found = _Answer(HTTPStatus.NOT_FOUND, _TEXT, "see /healthz and /metrics\n")
    body = found.body.encode()
    head = (
        f"HTTP/1.1 {found.status.value} {found.status.phrase}\r\nContent-Type: {found.content_type}\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + (b"" if method == "HEAD" else body))
    await writer.drain()


async def _health(condition: Callable[[], Awaitable[Condition]]) -> _Answer:
    found = await condition()
    code = HTTPStatus.OK if found.ok else HTTPStatus.SERVICE_UNAVAILABLE
    return _Answer(code, _JSON, json.dumps(found.document(), indent=2) + "\n")
