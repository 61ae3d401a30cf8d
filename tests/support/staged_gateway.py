"""A simulated gateway in virtual time with a client on it, for scenarios that are looked at one by one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

import ib_async

from collector.clock import SystemClock
from collector.clock.virtual_time import VirtualClock
from collector.simulator.market import Market
from collector.simulator.scenarios import Scenario, named
from collector.simulator.server import Gateway
from tests.support.arena import CurrentClock
from tests.support.fixtures_simulator import AFTER_THE_CLOSE, GatewayClient

SESSION = (datetime(2026, 11, 20, 5, 0, tzinfo=UTC), datetime(2026, 11, 21, 5, 0, tzinfo=UTC))
FRIDAY = date(2026, 11, 20)
SERIES = ("TRADES", "BID", "ASK")
SPY, PLTR = 756733, 444857009
CLOCK = CurrentClock()
CLOCK.clock = SystemClock(AFTER_THE_CLOSE)
MARKET = Market(7, CLOCK)
"""One market for all tests of this module: its bars are costly to draw."""


def near(symbol: str, count: int = 3) -> list[int]:
    """Return the contracts of the session's expiration that are nearest to the money."""
    stock = MARKET.stock(symbol)
    assert stock is not None
    spot = MARKET.truth(stock.con_id, "TRADES", SESSION)[-1].close
    options = MARKET.remembering(purge_days=2).options(symbol, FRIDAY)
    return [one.con_id for one in sorted(options, key=lambda one: abs(one.strike - spot))[:count]]


def in_truth(con_id: int, what: str) -> int:
    """Return the number of bars of the truth."""
    return len(MARKET.truth(con_id, what, SESSION))


class Stage:
    """A gateway in virtual time and a client."""

    def __init__(self, gateway: Gateway, clock: VirtualClock, client: GatewayClient) -> None:
        self.gateway, self.clock, self.client = gateway, clock, client

    async def ask(self, con_id: int, what: str = "ASK") -> list[ib_async.BarData] | tuple[int, str]:
        """Ask for the session's bars: what came, or the code and words of the refusal."""
        try:
            return list(await self.client.history(ib_async.Contract(conId=con_id, exchange="SMART"), what))
        except ib_async.wrapper.RequestError as refused:
            return refused.code, refused.message

    async def answered(self, con_ids: list[int], series: tuple[str, ...] = SERIES) -> dict[tuple[int, str], bool]:
        """Ask for some series of some instruments: whether bars came."""
        return {(one, what): isinstance(await self.ask(one, what), list) for one in con_ids for what in series}


@asynccontextmanager
async def staged(*scenarios: Scenario | str, at: datetime = AFTER_THE_CLOSE) -> AsyncIterator[Stage]:
    """Start a gateway and connect."""
    clock = VirtualClock(at)
    CLOCK.clock = clock
    played = [named(one) if isinstance(one, str) else one for one in scenarios]
    async with Gateway(MARKET, clock, played) as gateway:
        client = GatewayClient()
        await client.connectAsync(gateway.host, gateway.port, clientId=11, readonly=True)
        try:
            yield Stage(gateway, clock, client)
        finally:
            client.disconnect()


def hidden(answers: dict[tuple[int, str], bool]) -> set[tuple[int, str]]:
    """Return what was not answered with bars."""
    return {series for series, came in answers.items() if not came}
