"""Starting gateways from outside, and reading the truth."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from collector.clock import SystemClock
from collector.simulator import serve, truth_rows
from tests.support.fault_proxy import unused_port
from tests.support.fixtures_simulator import AFTER_THE_CLOSE, GatewayClient


async def test_serve_until_cancelled() -> None:
    """The port is told when it is open; cancelling closes it."""
    told: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    port = unused_port()
    clock = SystemClock(AFTER_THE_CLOSE)
    task = asyncio.create_task(
        serve("127.0.0.1", port, 7, ["latency:median_s=0.01"], clock, lambda host, port: told.put_nowait((host, port)))
    )
    assert await asyncio.wait_for(told.get(), 5) == ("127.0.0.1", port)
    client = GatewayClient()
    await client.connectAsync("127.0.0.1", port, clientId=1, readonly=True)
    client.disconnect()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ConnectionRefusedError):
        await client.connectAsync("127.0.0.1", port, clientId=1)


async def test_serving_an_unknown_scenario_fails_before_the_port_opens() -> None:
    """A mistyped scenario is an error, not a gateway without it."""
    with pytest.raises(KeyError, match="farm-dwon"):
        await serve("127.0.0.1", 0, 7, ["farm-dwon"], SystemClock(AFTER_THE_CLOSE))


def test_truth_rows_start_with_the_underlying() -> None:
    """A session's truth begins with SPY's 81 slots of trades and volatility, then its options follow."""
    rows = []
    for row in truth_rows(7, SystemClock(AFTER_THE_CLOSE), ["SPY"], date(2026, 11, 20), expiration=date(2026, 11, 20)):
        rows.append(row)
        if len(rows) == 2000:
            break
    assert [row.what_to_show for row in rows[:162]] == ["TRADES"] * 81 + ["OPTION_IMPLIED_VOLATILITY"] * 81
    assert rows[0].time == datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    assert {row.contract[:12] for row in rows[162:]} == {"SPY   261120"}


def test_a_truth_row_as_text() -> None:
    """A row is printed as its fields, separated by commas."""
    row = next(truth_rows(7, SystemClock(AFTER_THE_CLOSE), "SPY", "2026-11-20"))
    assert str(row).startswith("756733,SPY,TRADES,2026-11-20T14:30:00+00:00,")
    assert str(row).count(",") == 10


def test_the_truth_of_an_unknown_symbol_is_empty() -> None:
    """There is nothing to tell of it."""
    assert list(truth_rows(7, SystemClock(AFTER_THE_CLOSE), ["NOSUCH"], date(2026, 11, 20))) == []


def test_the_truth_is_that_of_the_market() -> None:
    """The calibrated market is the standard one with some bars fewer: none that the other does not have."""
    clock, day, expiration = SystemClock(AFTER_THE_CLOSE), date(2026, 11, 20), date(2026, 11, 27)
    standard, calibrated = (
        {row[:4] for row in truth_rows(7, clock, "TSLA", day, expiration=expiration, market=name)}
        for name in ("standard", "calibrated")
    )
    assert calibrated < standard
    assert len(calibrated) > 0.8 * len(standard)
