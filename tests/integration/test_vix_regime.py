"""The VIX as a regime input: asked for once, kept, and done without when it cannot be had."""

from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.config import SelectionSettings, Settings
from collector.domain.run_vocabulary import RunStatus
from collector.runs.finished import Finished
from collector.simulator import texts
from collector.simulator.scenarios.answers import Refused
from collector.simulator.server import Gateway
from tests.support.window_runs import narrow, run_window

VIX = 13455763
OPENED, CLOSED = datetime(2026, 11, 20, 14, 30, tzinfo=UTC), datetime(2026, 11, 20, 21, 15, tzinfo=UTC)
CALM, WILD = 3, 9
"""Strikes an expiration below and above a volatility of 20 %. SPY's is 16 %, PLTR's 50 %."""

REFUSED = texts.NO_PERMISSION.format(what="VIX IND")


def settings(source: str) -> Settings:
    """Return a configuration of PLTR whose regimes lie apart."""
    regimes = [{"below": 0.20, "band": 0.0001, "min_strikes": CALM}, {"band": 0.0001, "min_strikes": WILD}]
    selection = SelectionSettings.model_validate({"horizon_days": 4, "regimes": regimes, "regime_source": source})
    return narrow("PLTR").model_copy(update={"selection": selection})


def strikes(finished: Finished) -> int:
    """Return how many strikes of the one expiration were selected."""
    (prepared,) = finished.prepared
    return len({contract.strike for contract in prepared.contracts})


async def fetch(url: str, statement: str) -> list[asyncpg.Record]:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


LEVELS = """
SELECT bar.time, bar.open, bar.high, bar.low, bar.close, bar.has_gaps
FROM underlying_bars_5min AS bar JOIN underlying_securities AS named ON named.id = bar.underlying_id
WHERE named.symbol = 'VIX' AND NOT named.active ORDER BY 1
"""


async def test_the_vix_chooses_the_regime(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """PLTR is wild, the market is calm: by the VIX few strikes; its levels are the market's, and asked for once."""
    finished = await run_window(plain_database_url, gateway, settings("vix"), gateway_clock)
    assert (finished.status, strikes(finished)) == (RunStatus.SUCCESS, CALM)
    truth = gateway.market.truth(VIX, "TRADES", (OPENED, CLOSED))
    stored = await fetch(plain_database_url, LEVELS)
    assert [tuple(row) for row in stored] == [(*bar[:5], False) for bar in truth]
    assert abs(Decimal("0.16") - truth[-1].close / 100) < Decimal("0.02")
    asked = [entry for entry in gateway.log.entries if entry.con_id == VIX or entry.symbol == "VIX"]
    assert [entry.outcome for entry in asked] == ["rows", "bars"]

    again = await run_window(plain_database_url, gateway, settings("vix"), gateway_clock)
    assert (again.status, strikes(again), again.tally.attempts) == (RunStatus.SUCCESS, CALM, 0)
    assert len([entry for entry in gateway.log.entries if entry.con_id == VIX or entry.symbol == "VIX"]) == 2
    assert await fetch(plain_database_url, "SELECT FROM historical_data_gaps") == []


async def test_an_adopted_vix_gets_its_number(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """An index that an earlier system kept without IB's number is defined, and keeps its id."""
    await fetch(
        plain_database_url,
        "INSERT INTO underlying_securities (id, symbol, ib_con_id, active, sec_type, exchange, currency)"
        " VALUES (1, 'VIX', -1, false, 'STK', 'SMART', 'USD')",
    )
    finished = await run_window(plain_database_url, gateway, settings("vix"), gateway_clock)
    assert (finished.status, strikes(finished)) == (RunStatus.SUCCESS, CALM)
    found = await fetch(
        plain_database_url, "SELECT id, ib_con_id, sec_type, exchange FROM underlying_securities WHERE symbol = 'VIX'"
    )
    assert [tuple(row) for row in found] == [(1, VIX, "IND", "CBOE")]


async def test_by_default_its_own_volatility_does(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """The VIX is not even asked for."""
    finished = await run_window(plain_database_url, gateway, settings("underlying"), gateway_clock)
    assert (finished.status, strikes(finished)) == (RunStatus.SUCCESS, WILD)
    assert not [entry for entry in gateway.log.entries if entry.con_id == VIX or entry.symbol == "VIX"]


@pytest.mark.gateway(scenarios=[Refused("no-vix", 162, REFUSED, hits=99, share=1.0, symbols=["VIX"])])
async def test_without_it_the_underlyings_own_is_taken(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """An account without index data selects by the underlying's own volatility, says so, and lacks nothing."""
    finished = await run_window(plain_database_url, gateway, settings("vix"), gateway_clock)
    assert (finished.status, strikes(finished)) == (RunStatus.SUCCESS, WILD)
    assert finished.given_up == []
    assert "vix_unavailable" in capsys.readouterr().out
    assert await fetch(plain_database_url, LEVELS) == []
    assert await fetch(plain_database_url, "SELECT FROM dead_letters") == []
