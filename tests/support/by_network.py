"""A database of the tests that is reached by the network, though its server listens on a socket only."""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import replace

from collector.domain.database_url import DatabaseUrl

_TLS_REQUEST = struct.pack(">ii", 8, 80877103)


@contextlib.asynccontextmanager
async def by_network(url: str, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Yield the URL of a database by a port of this machine.

    What its server says goes through as it is; with `tls` the line is encrypted, as by a server that has `ssl` on.
    """
    read = DatabaseUrl.parse(url)
    socket = f"{read.parameters['host']}/.s.PGSQL.{read.parameters['port']}"

    async def relayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if tls is not None:
            assert await reader.readexactly(8) == _TLS_REQUEST
            writer.write(b"S")
            try:
                await writer.start_tls(tls)
            except (ssl.SSLError, ConnectionError):
                return  # the client does not trust us
        other_reader, other_writer = await asyncio.open_unix_connection(socket)
        await asyncio.gather(_pass_on(reader, other_writer), _pass_on(other_reader, writer))

    async with await asyncio.start_server(relayed, host, 0) as relay:
        port = relay.sockets[0].getsockname()[1]
        place = f"[{host}]" if ":" in host else host
        yield replace(read, address=f"{place}:{port}", parameters={}).text


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65536):
            writer.write(part)
    writer.close()
