"""Last trading days are New York's, whatever the zone of the gateway's login."""

from collections.abc import Callable, Coroutine
from datetime import date
from typing import Any

import ib_async
import pytest

from collector.clock import SystemClock
from collector.clock.virtual_time import VirtualClock
from collector.domain.market_data.answers import ChainParameters, Definitions
from collector.domain.market_data.instruments import Underlying
from collector.ib.connection.gateway import GatewaySettings
from collector.ib.ib_source import connect
from collector.ib.pacing import PacingSettings
from collector.simulator.market import Market, MarketSettings
from collector.simulator.server import Gateway
from tests.support.fixtures_simulator import AFTER_THE_CLOSE, GatewayClient

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
FRIDAY = date(2026, 11, 20)
TOLD = {
    "Asia/Jerusalem": ("20261120", "23:00:00", "Asia/Jerusalem"),
    "UTC": ("20261120", "21:00:00", "UTC"),
    "US/Eastern": ("20261120", "16:00:00", "US/Eastern"),
    "Asia/Shanghai": ("20261121", "05:00:00", "Asia/Shanghai"),
    "Asia/Kolkata": ("20261121", "02:30:00", "Asia/Kolkata"),
    "Pacific/Auckland": ("20261121", "10:00:00", "Pacific/Auckland"),
    "Etc/GMT-14": ("20261121 11:00:00 Etc/GMT", "14", "US/Eastern"),
}
"""How ib_async understands, login by login, that trading ends on Friday 20 November 2026 at 16:00 in New York.

The last zone has a hyphen, at which ib_async divides: then the zone of the trading hours is left in its place.
"""


@pytest.mark.parametrize("zone", TOLD)
def test_contracts_that_expire_soon_are_defined(zone: str, virtual_run: Run) -> None:
    """Every contract of the next expirations is found, under the day on which it trades last in New York."""

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        async with (
            Gateway(Market(7, clock, MarketSettings(login_zone=zone)), clock) as gateway,
            connect(GatewaySettings(port=gateway.port), PacingSettings.off(), clock) as source,
        ):
            pltr = await source.underlying("PLTR")
            assert isinstance(pltr, Underlying)
            chain = await source.chain(pltr)
            assert isinstance(chain, ChainParameters)
            assert chain.expirations[0] == FRIDAY
            for expiration in chain.expirations[:3]:
                found = await source.contracts(pltr, expiration)
                assert isinstance(found, Definitions)
                assert {(one.source_id, one.expiration) for one in found.contracts} == {
                    (one.con_id, expiration) for one in gateway.market.options("PLTR", expiration)
                }

    virtual_run(main)


@pytest.mark.parametrize("zone", TOLD)
async def test_the_simulator_tells_the_end_of_trading_in_the_zone_of_the_login(zone: str) -> None:
    """IB tells when a contract trades last by date, time and zone within a week of it, else by its day."""
    clock = SystemClock(AFTER_THE_CLOSE)
    async with Gateway(Market(7, clock, MarketSettings(login_zone=zone)), clock) as gateway:
        client = GatewayClient()
        await client.connectAsync(gateway.host, gateway.port, 41, readonly=True)
        try:
            soon, *_ = await client.reqContractDetailsAsync(ib_async.Option("PLTR", "20261120", exchange="SMART"))
            later, *_ = await client.reqContractDetailsAsync(ib_async.Option("PLTR", "20261204", exchange="SMART"))
        finally:
            client.disconnect()
    assert soon.contract is not None
    assert later.contract is not None
    assert (soon.contract.lastTradeDateOrContractMonth, soon.lastTradeTime, soon.timeZoneId) == TOLD[zone]
    assert soon.contract.localSymbol.startswith("PLTR  261120")
    assert (later.contract.lastTradeDateOrContractMonth, later.lastTradeTime) == ("20261204", "")
