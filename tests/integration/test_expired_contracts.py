"""Contracts that have expired are asked for until the source says on two nights that it has forgotten them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.domain.run_vocabulary import RunStatus, Window
from collector.runs.finished import Finished
from collector.simulator.market import Market, MarketSettings
from collector.simulator.scenarios import named
from collector.simulator.scenarios.base import Scenario
from collector.simulator.server import Gateway
from tests.support.truth import option_truth, span_of, stored_options
from tests.support.window_runs import FRIDAY, narrow, run_window

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
_VOLUME, _HAS_GAPS = 4, -1
"""Where they stand in a row of the truth."""
SATURDAY, MONDAY = date(2026, 11, 21), date(2026, 11, 23)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Return an instant in New York."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


@asynccontextmanager
async def purging(clock: SystemClock, days: int, *scenarios: Scenario) -> AsyncIterator[Gateway]:
    """Give a gateway that forgets contracts so many days after their expiration, at midnight."""
    async with Gateway(Market(7, clock, MarketSettings(purge_days=days)), clock, scenarios) as gateway:
        yield gateway


async def fetch(url: str, statement: str, *args: object) -> list[asyncpg.Record]:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement, *args))
    finally:
        await connection.close()


async def expired_on_friday(url: str) -> set[int]:
    """Return IB's numbers of the contracts that were collected on Friday and expired then."""
    rows = await fetch(
        url,
        "SELECT ib_con_id FROM option_chains c JOIN option_contract_lifecycle l ON l.contract_id = c.id"
        " WHERE c.expiration_date = $1 AND l.selected @> $1",
        FRIDAY,
    )
    return {row[0] for row in rows}


async def assert_collected(url: str, gateway: Gateway, con_ids: set[int]) -> None:
    """Assert that every bar that the truth has is stored; that nobody traded all day nobody can tell any more."""
    stored = await stored_options(url)
    for con_id in con_ids:
        expected = option_truth(gateway.market, con_id, span_of([FRIDAY]))
        if not any(row[_VOLUME] for row in expected.values()):
            expected = {slot: (*row[:_VOLUME], None, *row[_VOLUME + 1 :]) for slot, row in expected.items()}
        assert {slot: row[:_HAS_GAPS] for slot, row in stored[con_id].items()} == {
            slot: row[:_HAS_GAPS] for slot, row in expected.items()
        }


async def states(url: str) -> dict[str, int]:
    """Return the gaps of contracts that expired on Friday by state."""
    rows = await fetch(
        url,
        "SELECT state, count(*) FROM historical_data_gaps g JOIN option_chains c ON c.id = g.contract_id"
        " WHERE c.expiration_date = $1 GROUP BY state",
        FRIDAY,
    )
    return {row["state"]: row["count"] for row in rows}


async def window(
    url: str, gateway: Gateway, clock: SystemClock, which: Window, instant: datetime, day: date
) -> Finished:
    """Run a window of a session at an instant."""
    clock.set(instant)
    return await run_window(url, gateway, narrow("PLTR", horizon_days=8), clock, which, day=day)


def asked(gateway: Gateway, con_ids: set[int], since: datetime) -> set[date]:
    """Return the New York days on which contracts were asked for since an instant."""
    entries = (one for one in gateway.log.historical if one.con_id in con_ids and one.received_at >= since)
    return {one.received_at.astimezone(NEW_YORK).date() for one in entries}


async def test_what_the_source_keeps_longer_is_collected(plain_database_url: str) -> None:
    """Off on Friday evening, on at 00:30: IB keeps its contracts a day longer, and all that expired are collected."""
    clock = SystemClock(at(FRIDAY, 15))
    async with purging(clock, 2) as gateway:
        await window(plain_database_url, gateway, clock, Window.MIDDAY, at(FRIDAY, 15), FRIDAY)
        night = await window(plain_database_url, gateway, clock, Window.LATE_NIGHT, at(SATURDAY, 0, 30), FRIDAY)
        con_ids = await expired_on_friday(plain_database_url)
        assert len(con_ids) == 20
        await assert_collected(plain_database_url, gateway, con_ids)
    assert night.status is RunStatus.SUCCESS
    assert (night.expiring.lost, night.given_up) == (0, [])
    assert "lost" not in await states(plain_database_url)


async def test_no_date_loses_what_is_at_risk(plain_database_url: str) -> None:
    """A week of looks at the tables alone, and what expired unsettled on Friday is at risk still: nobody asked."""
    clock = SystemClock(at(FRIDAY, 15))
    async with purging(clock, 1) as gateway:
        await window(plain_database_url, gateway, clock, Window.MIDDAY, at(FRIDAY, 15), FRIDAY)
        said = []
        for instant in (at(FRIDAY, 18), at(SATURDAY, 1), at(FRIDAY + 8 * DAY, 5)):
            checked = await window(plain_database_url, gateway, clock, Window.GAP_CHECK, instant, FRIDAY)
            said.append((checked.expiring.at_risk, checked.expiring.lost))
    assert said == [(len(await expired_on_friday(plain_database_url)), 0)] * 3


async def test_what_two_nights_deny_is_lost_with_the_sources_words(plain_database_url: str) -> None:
    """Purged at midnight: one contract is asked that night and one the next; then all are lost, and told once."""
    clock = SystemClock(at(FRIDAY, 15))
    async with purging(clock, 1) as gateway:
        await window(plain_database_url, gateway, clock, Window.MIDDAY, at(FRIDAY, 15), FRIDAY)
        con_ids = await expired_on_friday(plain_database_url)

        first = await window(plain_database_url, gateway, clock, Window.LATE_NIGHT, at(SATURDAY, 0, 30), FRIDAY)
        assert (first.status, first.given_up) == (RunStatus.SUCCESS, [])
        assert (first.expiring.at_risk, first.expiring.lost) == (20, 0)
        assert await states(plain_database_url) == {"open": 60}
        again = await window(plain_database_url, gateway, clock, Window.MANUAL, at(SATURDAY, 1), FRIDAY)
        assert again.expiring.at_risk == 20
        assert asked(gateway, con_ids, at(SATURDAY, 0, 45)) == set()

        eod = await window(plain_database_url, gateway, clock, Window.EOD, at(MONDAY, 16, 45), MONDAY)
        assert eod.expiring.at_risk == 20
        second = await window(plain_database_url, gateway, clock, Window.LATE_NIGHT, at(MONDAY, 18), MONDAY)
        assert (second.expiring.at_risk, second.expiring.lost, second.gaps.lost) == (0, 20, 60)
        assert await states(plain_database_url) == {"lost": 60}
        assert asked(gateway, con_ids, at(SATURDAY, 0)) == {SATURDAY, MONDAY}
        assert len({one.con_id for one in gateway.log.historical if one.received_at >= at(SATURDAY, 0)} & con_ids) == 1
        [reason] = await fetch(
            plain_database_url, "SELECT DISTINCT reason FROM historical_data_gaps WHERE state = 'lost'"
        )
        for words in ("2026-11-21", "2026-11-23", "No security definition has been found", "(200)"):
            assert words in reason[0]

        third = await window(plain_database_url, gateway, clock, Window.GAP_CHECK, at(MONDAY, 20), MONDAY)
        assert (third.expiring.at_risk, third.expiring.lost, third.gaps.lost) == (0, 0, 0)
        await window(plain_database_url, gateway, clock, Window.LATE_NIGHT, at(MONDAY + DAY, 18), MONDAY + DAY)
        assert asked(gateway, con_ids, at(MONDAY, 20)) == set()


@pytest.mark.parametrize("scenario", ["no-permission"])
async def test_what_says_nothing_of_the_contracts_loses_nothing(plain_database_url: str, scenario: str) -> None:
    """Nights on which the source refuses everybody are no evidence: what it still has is collected afterwards."""
    clock = SystemClock(at(FRIDAY, 15))
    async with purging(clock, 9) as gateway:
        await window(plain_database_url, gateway, clock, Window.MIDDAY, at(FRIDAY, 15), FRIDAY)
    for day in (SATURDAY, MONDAY):
        async with purging(clock, 9, named(scenario, share=1.0, hits=9999)) as gateway:
            await window(plain_database_url, gateway, clock, Window.LATE_NIGHT, at(day, 1), FRIDAY)
        assert "lost" not in await states(plain_database_url)
    async with purging(clock, 9) as gateway:
        await window(plain_database_url, gateway, clock, Window.LATE_NIGHT, at(MONDAY + 2 * DAY, 1), MONDAY + DAY)
        await assert_collected(plain_database_url, gateway, await expired_on_friday(plain_database_url))
