"""Which contracts a run selects for a session that is over already."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.simulator.server import Gateway
from tests.support.truth import selected
from tests.support.window_runs import narrow, run_window

NEW_YORK = ZoneInfo("America/New_York")


async def counted(url: str) -> int:
    """Return how many contracts are known."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM option_chains"))
    finally:
        await connection.close()


@pytest.mark.gateway(at=datetime(2026, 11, 25, 16, 45, tzinfo=NEW_YORK))
async def test_a_late_run_selects_nothing_that_was_listed_later(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """After midnight the chain holds an expiration that Wednesday's session did not know: it is not chosen for it."""
    settings, day = narrow("SPY", horizon_days=24, band=0.001, strikes=1), date(2026, 11, 25)
    await run_window(plain_database_url, gateway, settings, gateway_clock, day=day)
    then = await selected(plain_database_url, day)
    before = await counted(plain_database_url)
    gateway_clock.set(datetime(2026, 11, 27, 0, 30, tzinfo=NEW_YORK))
    await run_window(plain_database_url, gateway, settings, gateway_clock, day=day)
    assert await counted(plain_database_url) > before
    assert await selected(plain_database_url, day) == then
