"""A proxy in front of any server, TCP or unix socket, that loses connections the way networks do."""

import asyncio
import contextlib
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from collector.clock import Clock, SystemClock

Address = tuple[str, int] | Path
"""(host, port) of a TCP server, or the path of a unix socket."""

_CHUNK_BYTES = 1 << 16


class FaultProxy:
    """Passes bytes between clients and one server until it is told to misbehave.

    Every fault can be switched on and off while connections are open. Bytes that were read before a fault are not
    taken back.

    Args:
        target: where the real server listens.
        listen: where clients connect; ("127.0.0.1", 0) picks a port, a path makes a unix socket there.
        clock: what delays wait on.

    Attributes:
        address: where clients connect, after `start`.
        accepted: connections accepted so far.
        sent_up: bytes passed from clients to the server so far.
        sent_down: bytes passed from the server to clients so far.
    """

    def __init__(self, target: Address, listen: Address = ("127.0.0.1", 0), clock: Clock | None = None) -> None:
        self._target = target
        self.address = listen
        self._clock = clock or SystemClock()
        self.accepted = 0
        self.sent_up = 0
        self.sent_down = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._links: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._hears = asyncio.Event()
        self._hears.set()
        self._delay_s = 0.0
        self._drop_up: int | None = None
        self._drop_down: int | None = None
        self._abort = True

    async def start(self) -> Address:
        """Listen, and return where."""
        await self.accept()
        return self.address

    async def stop(self) -> None:
        """Drop every connection and stop listening."""
        await self.refuse()
        self.drop()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def host(self) -> str:
        """The TCP address on which clients connect."""
        assert not isinstance(self.address, Path)
        return self.address[0]

    @property
    def port(self) -> int:
        """The TCP port on which clients connect."""
        assert not isinstance(self.address, Path)
        return self.address[1]

    @property
    def open(self) -> int:
        """How many clients are connected."""
        return len(self._links)

    def drop(self, *, abort: bool = True) -> None:
        """Drop every connection now, with a reset or (abort false) an orderly end."""
        for writer in tuple(self._writers):
            if abort:
                writer.transport.abort()
            else:
                writer.close()

    def drop_after(self, *, up: int | None = None, down: int | None = None, abort: bool = True) -> None:
        """Drop every connection once so many more bytes have passed up (to the server) or down (to clients), once."""
        self._drop_up, self._drop_down, self._abort = up, down, abort

    def stall(self) -> None:
        """Pass no more bytes in either direction; connections stay open."""
        self._flows.clear()

    def resume(self) -> None:
        """Pass bytes again, and listen to clients that came while deaf."""
        self._hears.set()
        self._flows.set()

    def deaf(self) -> None:
        """Accept new connections without passing them on; those open are not touched."""
        self._hears.clear()

    def delay(self, seconds: float) -> None:
        """Hold every chunk back for so long before it is passed on; 0 ends it."""
        self._delay_s = seconds

    async def refuse(self) -> None:
        """Stop listening: new connections are refused; those open are not touched."""
        if self._server is not None:
            self._server.close()
            self._server = None
            if isinstance(self.address, Path):
                self.address.unlink(missing_ok=True)

    async def accept(self) -> None:
        """Listen again, at the same address."""
        if self._server is not None:
            return
        if isinstance(self.address, Path):
            self._server = await asyncio.start_unix_server(self._accepted, self.address)
        else:
            self._server = await asyncio.start_server(self._accepted, *self.address)
            self.address = self._server.sockets[0].getsockname()[:2]

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        self._writers.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            await self._hears.wait()
            from_server, upstream = await self._dial()
            self._writers.add(upstream)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, upstream, is_up=True))
                group.create_task(self._pass(from_server, writer, is_up=False))
        except* (OSError, asyncio.CancelledError):
            pass  # one side is gone, which is this proxy's trade; the other side is closed below
        finally:
            self._links.discard(task)
            for end in (writer, upstream):
                if end is not None:
                    self._writers.discard(end)
                    end.close()
                    with contextlib.suppress(OSError):
                        await end.wait_closed()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection(*self._target)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool) -> None:
        while chunk := await reader.read(_CHUNK_BYTES):
            if self._delay_s:
                await self._clock.sleep(self._delay_s)
            await self._flows.wait()
            left = self._drop_up if is_up else self._drop_down
            if left is not None and len(chunk) >= left:
                writer.write(chunk[:left])
                self._count(left, is_up=is_up)
                self._drop_up = self._drop_down = None
                with contextlib.suppress(OSError):
                    await writer.drain()
                self.drop(abort=self._abort)
                return
            writer.write(chunk)
            self._count(len(chunk), is_up=is_up)
            await writer.drain()
        with contextlib.suppress(OSError):
            if writer.can_write_eof():
                writer.write_eof()

    def _count(self, size: int, *, is_up: bool) -> None:
        if is_up:
            self.sent_up += size
            if self._drop_up is not None:
                self._drop_up -= size
        else:
            self.sent_down += size
            if self._drop_down is not None:
                self._drop_down -= size


def unused_port() -> int:
    """Return a TCP port of the loopback interface on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
