"""The simulated gateway against raw frames: what a client other than ib_async might send."""

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest

from collector.simulator.server import Gateway


class Raw:
    """A socket that speaks frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *fields: object) -> None:
        """Send a message."""
        body = "".join(f"{field}\0" for field in fields).encode()
        self.writer.write(struct.pack(">I", len(body)) + body)

    async def greet(self, versions: bytes = b"v157..178") -> None:
        """Send the greeting."""
        self.writer.write(b"API\0" + struct.pack(">I", len(versions)) + versions)

    async def receive(self) -> list[str]:
        """Return the fields of the next message."""
        async with asyncio.timeout(2):
            (length,) = struct.unpack(">I", await self.reader.readexactly(4))
            return (await self.reader.readexactly(length)).decode().split("\0")[:-1]

    async def is_closed(self) -> bool:
        """Wait until the server closes; True when nothing more came before."""
        async with asyncio.timeout(2):
            return await self.reader.read() == b""


@pytest.fixture
async def raw(gateway: Gateway) -> AsyncIterator[Raw]:
    """A connected socket that has said nothing yet."""
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    yield Raw(reader, writer)
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(("offered", "agreed"), [(b"v157..178", "178"), (b"v100..176", "176"), (b"v157..200 x", "178")])
async def test_the_version_is_negotiated(raw: Raw, offered: bytes, agreed: str) -> None:
    """The highest version that both speak is chosen."""
    await raw.greet(offered)
    version, told = await raw.receive()
    assert version == agreed
    assert told.startswith("20261120 22:00:")


@pytest.mark.parametrize("offered", [b"v100..157", b"v190..200", b"hello"])
async def test_no_common_version_ends_the_connection(raw: Raw, offered: bytes) -> None:
    """A client that is too old, too new or neither is dropped without an answer."""
    await raw.greet(offered)
    assert await raw.is_closed()


async def test_another_protocol_is_dropped(raw: Raw) -> None:
    """A browser on the port is dropped at once."""
    raw.writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await raw.is_closed()


async def test_start_up_in_order(raw: Raw) -> None:
    """After startApi come the next id, the accounts and three farm notices."""
    await raw.greet()
    await raw.receive()
    raw.send(71, 2, 5, "")
    assert await raw.receive() == ["9", "1", "1"]
    assert await raw.receive() == ["15", "1", "DU1234567"]
    assert [(await raw.receive())[3] for _ in range(3)] == ["2104", "2106", "2158"]


async def _introduced(raw: Raw) -> None:
    await raw.greet()
    raw.send(71, 2, 5, "")
    for _ in range(6):
        await raw.receive()


async def test_an_unreadable_request_is_320(raw: Raw) -> None:
    """A request that is cut short is refused, and the connection goes on."""
    await _introduced(raw)
    raw.send(20, 7, 756733, "SPY")
    assert (await raw.receive())[2:4] == ["-1", "320"]
    raw.send(49, 1)
    assert (await raw.receive())[0] == "49"


async def test_an_unknown_message_is_321(raw: Raw) -> None:
    """A message that the gateway does not offer is refused."""
    await _introduced(raw)
    raw.send(22, 7)
    assert (await raw.receive())[2:4] == ["-1", "321"]


async def test_bytes_one_by_one(raw: Raw) -> None:
    """However slowly a message comes, it is understood."""
    await _introduced(raw)
    for byte in struct.pack(">I", 5) + b"49\x001\x00":
        raw.writer.write(bytes([byte]))
        await raw.writer.drain()
        await asyncio.sleep(0)
    assert (await raw.receive())[0] == "49"


async def test_a_historical_answer_field_by_field(raw: Raw) -> None:
    """The answer is message 17 with its span, the number of bars, and eight fields a bar."""
    await _introduced(raw)
    contract = (756733, "", "", "", 0, "", "", "SMART", "", "", "", "")
    raw.send(20, 7, *contract, 0, "20261120 15:00:00 UTC", "5 mins", "1800 S", 0, "BID", 2, 0, "")
    answer = await raw.receive()
    assert answer[:5] == ["17", "7", "20261120 09:30:00 US/Eastern", "20261120 10:00:00 US/Eastern", "6"]
    assert len(answer) == 5 + 6 * 8
    assert answer[5] == "1795185000"  # 2026-11-20 14:30 UTC
    assert answer[10:13] == ["-1", "-1", "-1"]


async def test_a_second_request_of_an_open_id_is_refused(raw: Raw, gateway: Gateway) -> None:
    """An id that is still open cannot be used again."""
    await _introduced(raw)
    contract = (756733, "", "", "", 0, "", "", "SMART", "", "", "", "")
    message = (20, 7, *contract, 0, "", "5 mins", "1 D", 0, "BID", 2, 0, "")
    body = "".join(f"{field}\0" for field in message).encode()
    raw.writer.write((struct.pack(">I", len(body)) + body) * 2)
    assert (await raw.receive())[2:4] == ["7", "322"]
    assert (await raw.receive())[:2] == ["17", "7"]
    assert len(gateway.log.historical) == 1
