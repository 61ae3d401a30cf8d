"""What a person is told when there is no usable connection to IB."""

import asyncio

import pytest

from collector.clock import Clock
from collector.domain.errors import ClientIdInUse, GatewayUnavailable
from collector.ib.connection.gateway import GatewaySettings
from collector.ib.ib_source import connect
from collector.ib.pacing import PacingSettings
from collector.simulator.launch import start
from collector.simulator.scenarios import named
from collector.simulator.server import Gateway
from tests.support.waiting import until


def where(gateway: Gateway, connect_timeout_s: float) -> GatewaySettings:
    """Return settings for the gateway that do not wait for a client id."""
    return GatewaySettings(port=gateway.port, connect_timeout_s=connect_timeout_s, client_id_patience_s=0)


def test_the_client_id_of_people_is_refused() -> None:
    """Client 0 would bind the orders that people enter by hand."""
    with pytest.raises(ValueError, match="client_id is 0"):
        GatewaySettings(client_id=0)


async def test_a_closed_port_says_so(gateway_clock: Clock) -> None:
    """Nothing listens: the hint names what to start."""
    closed = await start(clock=gateway_clock)
    port = closed.port
    await closed.stop()
    with pytest.raises(GatewayUnavailable, match="nothing listens") as caught:
        async with connect(GatewaySettings(port=port, connect_timeout_s=1), PacingSettings(), gateway_clock):
            pass
    assert "start IB Gateway" in caught.value.hint


async def test_a_client_id_in_use_says_so(gateway: Gateway, gateway_clock: Clock) -> None:
    """Error 326 arrives at once, not after the connect time-out."""
    async with connect(where(gateway, 60), PacingSettings(), gateway_clock):
        with pytest.raises(ClientIdInUse, match="client id 17: it is in use") as caught:
            async with connect(where(gateway, 60), PacingSettings(), gateway_clock):
                pass
    assert "COLLECTOR_GATEWAY__CLIENT_ID=18" in caught.value.hint


@pytest.mark.gateway(scenarios=[named("deaf-port", at_request=0, after_s=0.0, for_s=60.0)])
async def test_a_port_that_does_not_answer_says_so(gateway: Gateway, gateway_clock: Clock) -> None:
    """A hanging gateway is given up after the connect time-out."""
    await until(lambda: gateway.reaction(lambda scenario: scenario.greeting(17)), "the deaf port")
    with pytest.raises(GatewayUnavailable, match="no IB gateway answers within"):
        async with connect(where(gateway, 0.3), PacingSettings(), gateway_clock):
            pass


async def test_something_else_on_the_port_says_so(gateway_clock: Clock) -> None:
    """A server that speaks another protocol and hangs up is no gateway."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(GatewayUnavailable, match="failed"):
        async with connect(GatewaySettings(port=port, connect_timeout_s=5), PacingSettings(), gateway_clock):
            pass
    server.close()
