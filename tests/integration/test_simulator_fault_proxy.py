"""The fault proxy, in front of an echo and of the simulated gateway."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.simulator.server import Gateway
from tests.support.fault_proxy import FaultProxy
from tests.support.fixtures_simulator import GatewayClient


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while received := await reader.read(1 << 16):
            writer.write(received)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture(params=["tcp", "unix"])
async def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FaultProxy]:
    """A proxy in front of an echo server, over TCP or over unix sockets."""
    if request.param == "tcp":
        server = await asyncio.start_server(_echo, "127.0.0.1", 0)
        made = FaultProxy(server.sockets[0].getsockname()[:2])
    else:
        server = await asyncio.start_unix_server(_echo, tmp_path / "echo")
        made = FaultProxy(tmp_path / "echo", tmp_path / "proxy")
    async with made:
        yield made
    server.close()
    await server.wait_closed()


async def _dial(proxy: FaultProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(proxy.address, Path):
        return await asyncio.open_unix_connection(proxy.address)
    return await asyncio.open_connection(*proxy.address)


async def test_bytes_pass(proxy: FaultProxy) -> None:
    """Undisturbed, what goes in comes back, and both directions are counted."""
    reader, writer = await _dial(proxy)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    assert (proxy.accepted, proxy.sent_up, proxy.sent_down, proxy.open) == (1, 5, 5, 1)
    writer.close()


async def test_drop_now(proxy: FaultProxy) -> None:
    """Every connection ends; a new one works."""
    reader, writer = await _dial(proxy)
    writer.write(b"x")
    await reader.readexactly(1)
    proxy.drop()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    reader, writer = await _dial(proxy)
    writer.write(b"y")
    assert await reader.readexactly(1) == b"y"
    writer.close()


async def test_drop_after_some_bytes(proxy: FaultProxy) -> None:
    """The server gets exactly the bytes before the cut, and only one cut happens."""
    reader, writer = await _dial(proxy)
    proxy.drop_after(up=3)
    writer.write(b"abcdef")
    with contextlib.suppress(ConnectionError):
        assert (await reader.read()) in {b"", b"abc"}
    assert proxy.sent_up == 3
    writer.close()
    reader, writer = await _dial(proxy)
    writer.write(b"abcdef")
    assert await reader.readexactly(6) == b"abcdef"
    writer.close()


async def test_stall_and_resume(proxy: FaultProxy) -> None:
    """While stalled nothing comes; afterwards nothing is missing."""
    reader, writer = await _dial(proxy)
    proxy.stall()
    writer.write(b"abc")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(1), 0.05)
    proxy.resume()
    assert await reader.readexactly(3) == b"abc"
    writer.close()


async def test_refuse_and_accept(proxy: FaultProxy) -> None:
    """New connections are refused, then accepted at the same address."""
    address = proxy.address
    await proxy.refuse()
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        await _dial(proxy)
    await proxy.accept()
    assert proxy.address == address
    _, writer = await _dial(proxy)
    writer.close()


async def test_deaf(proxy: FaultProxy) -> None:
    """A connection is accepted and not answered until the proxy listens again."""
    proxy.deaf()
    reader, writer = await _dial(proxy)
    writer.write(b"a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(1), 0.05)
    proxy.resume()
    assert await reader.readexactly(1) == b"a"
    writer.close()


async def test_delay(proxy: FaultProxy) -> None:
    """Each chunk is held back on its way there and on its way back."""
    reader, writer = await _dial(proxy)
    proxy.delay(0.03)
    begun = asyncio.get_running_loop().time()
    writer.write(b"a")
    await reader.readexactly(1)
    assert asyncio.get_running_loop().time() - begun >= 0.06
    writer.close()


async def test_in_front_of_the_gateway(gateway: Gateway) -> None:
    """The real client connects through the proxy and notices when it cuts the line."""
    async with FaultProxy((gateway.host, gateway.port)) as proxy:
        client = GatewayClient()
        await client.connectAsync("127.0.0.1", proxy.port, clientId=1, readonly=True)
        lost = asyncio.Event()
        client.disconnectedEvent += lost.set
        proxy.drop()
        await asyncio.wait_for(lost.wait(), 2)
        assert not client.isConnected()
