"""`backfill --fill-columns`: quotes that an earlier version stored by their close alone become whole."""

import asyncpg

from collector.clock import SystemClock
from collector.domain.run_vocabulary import RunStatus
from collector.runs import window_run
from collector.runs.orders import fill_columns_order
from collector.simulator.server import Gateway
from tests.support.truth import compare
from tests.support.window_runs import FRIDAY, narrow, parts_for, run_window

_FORGET = """
UPDATE store.option_bars_5min
SET bid_open = NULL, bid_up = NULL, bid_down = NULL, ask_open = NULL, ask_up = NULL, ask_down = NULL
"""


async def test_settled_quotes_are_filled_once(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Only BID and ASK of what lacks columns are asked again; values equal the truth, no revision, and then nothing."""
    settings = narrow("PLTR")
    await run_window(plain_database_url, gateway, settings, gateway_clock)
    connection = await asyncpg.connect(plain_database_url)
    try:
        await connection.execute(_FORGET)
        quoted = await connection.fetchval(
            "SELECT count(DISTINCT contract_id) FROM option_bars_5min WHERE bid_close IS NOT NULL"
        )
        for expected in (True, False):
            asked = len(gateway.log.historical)
            async with parts_for(plain_database_url, gateway, settings, gateway_clock) as parts:
                order = fill_columns_order(settings, parts.calendar, gateway_clock.now(), 30)
                finished = await window_run.run(order, parts)
            assert finished.status is RunStatus.SUCCESS, finished
            series = [one.what_to_show for one in gateway.log.historical[asked:]]
            again = sum(what in ("BID", "ASK") for what in series) - finished.tally.controls
            assert (again >= quoted) if expected else series == [], series
        await compare(plain_database_url, gateway.market, [FRIDAY], ["PLTR"])
        assert await connection.fetchval("SELECT count(*) FROM bar_revisions") == 0
    finally:
        await connection.close()
