"""Start simulated gateways, and read their truth.

In a test, from the command line; and reading their market's truth.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from collector.clock import Clock, SystemClock
from collector.simulator.exchange.sessions import NEW_YORK
from collector.simulator.market import Market
from collector.simulator.requests.contracts import local_symbol
from collector.simulator.scenarios import Scenario, named
from collector.simulator.server import Gateway
from collector.simulator.settings import MarketSettings, market_settings

DEFAULT_SEED = 7


async def start(
    seed: int = DEFAULT_SEED,
    clock: Clock | None = None,
    scenarios: Sequence[Scenario | str] = (),
    port: int = 0,
    market: str | MarketSettings = "standard",
    **settings: Any,  # noqa: ANN401 - the gateway's own settings
) -> Gateway:
    """Start a gateway on loopback and return it; its `host` and `port` say where, `stop()` ends it.

    Args:
        seed: of the market; scenarios have their own.
        clock: the gateway's time; the machine's by default.
        scenarios: objects, or names of the registry.
        port: 0 picks a free one.
        market: name of the market, a key of MARKETS; or the settings of another.
        settings: further arguments of Gateway.

    Raises:
        KeyError: no scenario or market has such a name.
    """
    own = clock or SystemClock()
    played = [named(one) if isinstance(one, str) else one for one in scenarios]
    shown = market_settings(market) if isinstance(market, str) else market
    gateway = Gateway(Market(seed, own, shown), own, played, port=port, **settings)
    await gateway.start()
    return gateway


async def serve(
    host: str,
    port: int,
    seed: int,
    scenarios: Sequence[str],
    clock: Clock,
    ready: Callable[[str, int], None] | None = None,
    market: str = "standard",
    **settings: Any,  # noqa: ANN401 - the gateway's own settings
) -> None:
    """Serve until cancelled.

    Args:
        host: address to listen on.
        port: port to listen on; 0 picks a free one.
        seed: of the market and of the scenarios' draws.
        scenarios: names of the registry.
        clock: the gateway's time.
        ready: called with host and port once clients can connect.
        market: name of the market, a key of MARKETS.
        settings: further arguments of Gateway.

    Raises:
        KeyError: no scenario or market has such a name.
        OSError: the port is taken.
    """
    played = [named(name) for name in scenarios]
    shown = Market(seed, clock, market_settings(market))
    async with Gateway(shown, clock, played, host=host, port=port, **settings) as gateway:
        if ready is not None:
            ready(gateway.host, gateway.port)
        await asyncio.Event().wait()


class TruthRow(NamedTuple):
    """One bar of the truth; `contract` is the OCC symbol or the underlying's ticker, `time` the bar's start in UTC.

    As text it is its fields, separated by commas.
    """

    con_id: int
    contract: str
    what_to_show: str
    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    wap: Decimal
    trades: int

    def __str__(self) -> str:
        return ",".join(value.isoformat() if isinstance(value, datetime) else str(value) for value in self)


def truth_rows(
    seed: int,
    clock: Clock,
    symbols: str | Sequence[str],
    session: date | str,
    series: Sequence[str] = ("TRADES", "BID", "ASK"),
    expiration: date | None = None,
    market: str = "standard",
) -> Iterator[TruthRow]:
    """Yield the truth of a session, the underlying's own bars first, then its options' as they are listed.

    Args:
        seed: of the market.
        clock: decides what is listed and which revisions are in force.
        symbols: one underlying or several; unknown ones yield nothing.
        session: the date in New York, or its text YYYY-MM-DD.
        series: what_to_show of the options; underlyings yield TRADES and OPTION_IMPLIED_VOLATILITY.
        expiration: only contracts that expire then; None is all.
        market: name of the market, a key of MARKETS.

    Raises:
        KeyError: no market has such a name.
        ValueError: the text is no date.
    """
    shown = Market(seed, clock, market_settings(market))
    day = date.fromisoformat(session) if isinstance(session, str) else session
    midnight = datetime.combine(day, datetime.min.time(), NEW_YORK)
    span = (midnight, midnight + timedelta(days=1))
    for symbol in (symbols,) if isinstance(symbols, str) else symbols:
        stock = shown.stock(symbol)
        if stock is None:
            continue
        for what_to_show in ("TRADES", "OPTION_IMPLIED_VOLATILITY"):
            yield from _rows(shown, stock.con_id, symbol, what_to_show, span)
        for option in shown.options(symbol, expiration):
            for what_to_show in series:
                yield from _rows(shown, option.con_id, local_symbol(option), what_to_show, span)


def _rows(
    market: Market, con_id: int, contract: str, what_to_show: str, span: tuple[datetime, datetime]
) -> Iterator[TruthRow]:
    for bar in market.truth(con_id, what_to_show, span):
        yield TruthRow(con_id, contract, what_to_show, *bar)
