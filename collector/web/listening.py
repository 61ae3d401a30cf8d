"""The web server in the loop of its process."""

import asyncio
import contextlib
import ssl
import sys
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import h11
import structlog
import uvicorn
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from collector.domain.errors import ConfigurationError
from collector.web.access.guard import HARDENING

_ASKING_S = 5.0
"""For a client to ask, its form included, and between two requests."""

_TAKING_S = 30.0
"""For a client to take some of what is sent to it."""

_LULL_S = 0.1
"""After it nothing more of a refused request is coming."""

_FAREWELL_S = 0.3
"""For answers under way when the server ends."""

_LONGEST_HEAD = 16_384
_MOST_CLIENTS = 128
"""At a time; the oldest that asks for nothing gives way to the next, so that idle ones keep nobody out."""

log = structlog.get_logger()


class _Connection(H11Protocol):
    """A connection which ends when its client takes too long to ask, or to take what it asked for.

    Args:
        clients: all connections, in the order in which they came.
        given: what uvicorn's own takes.
    """

    def __init__(self, clients: "dict[_Connection, None]", **given: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(**given)
        self._clients = clients
        self._answers: set[asyncio.Task[Any]] = set()
        self._served, self.app = self.app, self._answered
        self._asking: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._lull: asyncio.TimerHandle | None = None

    @property
    def _is_idle(self) -> bool:
        return bool(getattr(self.cycle, "response_complete", True))  # uvicorn has no cycle before the first request

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin, in the place of the oldest connection when there are too many."""
        if len(self._clients) >= _MOST_CLIENTS:
            next((one for one in self._clients if one._is_idle), next(iter(self._clients))).give_up()  # noqa: SLF001
        self._clients[self] = None
        super().connection_made(transport)
        self._asking = self.loop.call_later(_ASKING_S, self.give_up)

    def data_received(self, data: bytes) -> None:
        """Take what the client says; a request has to be whole in time."""
        if self._lull is not None:  # it was refused: what is still coming is let pass
            self._lull.cancel()
            self._lull = self.loop.call_later(_LULL_S, self.transport.close)
            return
        if self._asking is None:
            self._asking = self.loop.call_later(_ASKING_S, self.give_up)
        super().data_received(data)
        if self.conn.their_state in (h11.DONE, h11.MUST_CLOSE) and self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def on_response_complete(self) -> None:
        """Go on to the next request, of which a part may be there already; the rest has to come in time."""
        super().on_response_complete()
        if self._asking is None and self.conn.their_state is h11.SEND_BODY:
            self._asking = self.loop.call_later(_ASKING_S, self.give_up)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, and let pass what is still coming: closing over it would lose the answer."""
        error = sys.exception()
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):  # in the middle of another answer
            self.transport.close()
            return
        status, body = HTTPStatus(hint), f"{msg}\n".encode()
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in HARDENING.items())
        head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._lull = self.loop.call_later(_LULL_S, self.transport.close)

    def pause_writing(self) -> None:
        """Wait for the client to take what was sent, but not for ever."""
        super().pause_writing()
        self._taking = self.loop.call_later(_TAKING_S, self.give_up)

    def resume_writing(self) -> None:
        """Go on sending."""
        super().resume_writing()
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and find nothing more out for it."""
        self._clients.pop(self, None)
        for timer in (self._asking, self._taking, self._lull):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        for answer in self._answers:
            answer.cancel()

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (task := asyncio.current_task()) is not None:  # there is one for each request
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)
        await self._served(scope, receive, send)

    def give_up(self) -> None:
        """End the connection at once."""
        self._clients.pop(self, None)
        self.transport.abort()


@contextlib.asynccontextmanager
async def listening(app: ASGIApp, host: str, port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answer for the length of a block; yields the port, which is a free one where 0 was asked for.

    Args:
        app: what answers; its errors are logged, and touch nothing else in this process.
        host: an address of this machine.
        port: to listen on.
        tls: certificate and key; None: http.

    Raises:
        ConfigurationError: the port is taken.
    """
    config = uvicorn.Config(
        _contained(app),
        http="h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        timeout_keep_alive=int(_ASKING_S),
    )
    state, clients, loop = ServerState(), dict[_Connection, None](), asyncio.get_running_loop()

    def connection() -> _Connection:
        return _Connection(clients, config=config, server_state=state, app_state={}, _loop=loop)

    try:
        shaking_s = None if tls is None else _ASKING_S
        server = await loop.create_server(connection, host.strip("[]"), port, ssl=tls, ssl_handshake_timeout=shaking_s)
    except OSError as error:
        raise ConfigurationError(
            f"the pages cannot be shown on {host}:{port}: {error.strerror}", "Choose another serve.port."
        ) from error
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for client in [*clients]:
            client.shutdown()
        if state.tasks:
            await asyncio.wait([*state.tasks], timeout=_FAREWELL_S)
        for client in [*clients]:
            client.give_up()
        await asyncio.sleep(0)  # what ends with its connection is no error
        for task in [*state.tasks]:
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)


def _contained(app: ASGIApp) -> ASGIApp:
    """Return an application whose errors end with their request, in words."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await app(scope, receive, noted)
        except asyncio.CancelledError:
            log.debug("request_cancelled", path=scope["path"])
        except ClientDisconnect:
            log.debug("client_lost", path=scope["path"])
        except Exception:  # the request ends here: no page may touch what else this process does
            log.exception("request_failed", path=scope["path"])
            if not begun:
                await _apologise(send)

    return answer


async def _apologise(send: Send) -> None:
    words = b"This went wrong; the log says why.\n"
    said = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(words)), **HARDENING}
    headers = [(name.encode(), value.encode()) for name, value in said.items()]
    await send({"type": "http.response.start", "status": HTTPStatus.INTERNAL_SERVER_ERROR.value, "headers": headers})
    await send({"type": "http.response.body", "body": words})
