"""HTTP as the other side speaks it: a client for the health endpoint, a receiver of pings."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


async def get(
    port: int,
    path: str,
    method: str = "GET",
    *,
    host: str = "127.0.0.1",
    headers: Sequence[str] = (),
    form: str | None = None,
) -> tuple[int, dict[str, str], str]:
    """Ask a server on this machine; return status, headers (lower case) and body."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    if form is not None:
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form)}"]
    return await sent(port, "\r\n".join([*lines, "", form or ""]).encode())


async def sent(port: int, request: bytes) -> tuple[int, dict[str, str], str]:
    """Send a server on this machine whatever it is; return status, headers (lower case) and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        raw = (await reader.read()).decode()
    finally:
        writer.close()
        await writer.wait_closed()
    head, _, body = raw.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), headers, body


def samples(metrics: str | bytes) -> dict[str, float]:
    """Return the samples of a text in Prometheus's format by name and labels; every line must be one or a comment."""
    found = {}
    for line in (metrics if isinstance(metrics, str) else metrics.decode()).splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name not in found, f"{name} twice"
            found[name] = float(value)
    return found


@dataclass
class Pings:
    """What arrived: paths in order, and the bodies that came with them; `status` is what is answered, in turn."""

    port: int = 0
    paths: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def pings(statuses: Sequence[int] = (), *, silent: bool = False) -> AsyncIterator[Pings]:
    """Receive pings; answers 200 once the given statuses are used up, nothing at all when silent."""
    received = Pings(statuses=list(statuses))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length:")[2].split()[0])
            body = (await reader.readexactly(length)).decode()
            received.paths.append(head.split()[1])
            received.heads.append(head)
            received.bodies.append(body)
            if silent:
                await reader.read()
            else:
                status = received.statuses.pop(0) if received.statuses else 200
                writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 2\r\n\r\nOK".encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    received.port = server.sockets[0].getsockname()[1]
    try:
        yield received
    finally:
        server.close()
