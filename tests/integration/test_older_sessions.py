"""late_night mends sessions of any age: what is missing there is asked for, and what keeps failing waits longer."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from collector.clock import SystemClock
from collector.db.bookkeeping import dead_letters, gaps_table
from collector.db.connection import pool
from collector.db.contracts import lifecycle
from collector.domain.run_vocabulary import GapState, RunStatus, Window
from collector.market.calendar import Calendar
from collector.runs import window_run
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished
from collector.runs.orders import fill_order, order_for
from collector.runs.planning import dry_run
from collector.runs.source import NoSource
from collector.simulator.market import Market
from collector.simulator.scenarios import named
from collector.simulator.server import Gateway
from tests.support.db_rows import make_chain
from tests.support.truth import option_truth, selected, span_of, stored_options
from tests.support.window_runs import narrow, parts_for, run_window

NEW_YORK = ZoneInfo("America/New_York")
FIFTH, SIXTH, EIGHTEENTH, NINETEENTH = (date(2026, 11, day) for day in (5, 6, 18, 19))
DAYS = (FIFTH, SIXTH, EIGHTEENTH, NINETEENTH)
SETTINGS = narrow("PLTR", horizon_days=30, band=0.001, strikes=1)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Return an instant in New York."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


@asynccontextmanager
async def gateway(clock: SystemClock, *, refuses: bool = False) -> AsyncIterator[Gateway]:
    """Give a gateway; one that refuses gives no quotes of options for want of permission."""
    scenarios = [named("no-permission", share=1.0, hits=99999, series=("BID", "ASK"))] if refuses else []
    async with Gateway(Market(7, clock), clock, scenarios) as started:
        yield started


def days_asked(given: Gateway, expire_after: date = FIFTH) -> set[date]:
    """Return the sessions of which quotes were asked for, of contracts that expire later than a day."""
    asked = (
        one
        for one in given.log.historical
        if one.what_to_show in ("BID", "ASK")
        and (option := given.market.option(one.con_id)) is not None
        and option.expiration > expire_after
    )
    spans = [(one.start, one.end) for one in asked if one.start and one.end]
    return {day for day in DAYS if any(start < at(day, 16) and end > at(day, 9, 30) for start, end in spans)}


async def night(url: str, given: Gateway, clock: SystemClock, day: date) -> Finished:
    """Run late_night of a session."""
    clock.set(at(day, 18))
    return await run_window(url, given, SETTINGS, clock, Window.LATE_NIGHT, day=day)


async def lapsed(url: str, clock: SystemClock) -> None:
    """Run eod of two sessions without permission for quotes."""
    for day in (FIFTH, SIXTH):
        clock.set(at(day, 16, 45))
        async with gateway(clock, refuses=True) as given:
            failed = await run_window(url, given, SETTINGS, clock, Window.EOD, day=day)
        assert failed.given_up


async def open_days(url: str, clock: SystemClock, expire_after: date = date.min) -> set[date]:
    """Return the sessions with open gaps in quotes of contracts that expire later than a day."""
    async with pool.connect(url, clock) as db:
        return {
            gap.span.start.astimezone(NEW_YORK).date()
            for gap in await gaps_table.open_gaps(db)
            if gap.what_to_show in ("BID", "ASK") and gap.expiration is not None and gap.expiration > expire_after
        }


async def test_late_night_mends_sessions_of_any_age(plain_database_url: str) -> None:
    """Two sessions without quotes, mended twelve days later: the next late_night collects them, and no others."""
    clock = SystemClock(at(FIFTH, 16, 45))
    await lapsed(plain_database_url, clock)
    assert await open_days(plain_database_url, clock) == {FIFTH, SIXTH}
    clock.set(at(EIGHTEENTH, 16, 45))
    async with gateway(clock) as given:
        await run_window(plain_database_url, given, SETTINGS, clock, Window.EOD, day=EIGHTEENTH)
        assert days_asked(given) == {EIGHTEENTH}
        clock.set(at(EIGHTEENTH, 18))
        async with parts_for(plain_database_url, given, SETTINGS, clock) as parts:
            order = order_for(Window.LATE_NIGHT, SETTINGS, parts.calendar, clock.now(), day=EIGHTEENTH)
            planned = await dry_run.plan(parts.db, SETTINGS, parts.calendar, order, clock.now())
            before = len(given.log.historical)
            finished = await window_run.run(order, parts)
        assert finished.status is RunStatus.SUCCESS
        assert {FIFTH, SIXTH} <= days_asked(given)
        assert dry_run.requests_in(planned.draft.contracts) <= len(given.log.historical) - before
        stored = await stored_options(plain_database_url)
        for con_id in await selected(plain_database_url, FIFTH):
            option = given.market.option(con_id)
            assert option is not None
            if option.expiration > EIGHTEENTH:
                expected = option_truth(given.market, con_id, span_of([FIFTH, SIXTH]))
                assert expected
                assert stored[con_id].keys() & expected.keys() == expected.keys()
    async with pool.connect(plain_database_url, clock) as db:
        left = await gaps_table.open_gaps(db)
        assert all(
            gap.expiration is not None and gap.expiration < EIGHTEENTH for gap in left if gap.what_to_show != "TRADES"
        )
        assert (await gaps_table.totals(db))[GapState.LOST].gaps == 0


async def test_what_keeps_failing_waits_but_a_person_may_ask(plain_database_url: str) -> None:
    """After a failure twelve days on, older sessions rest for three days; `gaps fill` asks for them at once."""
    clock = SystemClock(at(FIFTH, 16, 45))
    await lapsed(plain_database_url, clock)
    async with gateway(clock, refuses=True) as given:
        await night(plain_database_url, given, clock, EIGHTEENTH)
        assert {FIFTH, SIXTH} <= days_asked(given)
    async with pool.connect(plain_database_url, clock) as db:
        waits = {one.next_attempt_at for one in await dead_letters.due(db) if one.span.start < at(NINETEENTH, 0)}
        assert max(instant for instant in waits if instant) > at(date(2026, 11, 21), 17)
    async with gateway(clock) as given:
        await night(plain_database_url, given, clock, NINETEENTH)
        assert days_asked(given, date(2026, 11, 21)) == {EIGHTEENTH, NINETEENTH}
        assert {FIFTH, SIXTH} <= days_asked(given)  # what expires before the next attempt does not wait for it
        assert await open_days(plain_database_url, clock) >= {FIFTH, SIXTH}
        clock.set(at(NINETEENTH, 20))
        async with parts_for(plain_database_url, given, SETTINGS, clock) as parts:
            await window_run.run(fill_order(SETTINGS, Calendar(), clock.now(), None), parts)
        assert {FIFTH, SIXTH} <= days_asked(given, date(2026, 11, 21))
    assert not {FIFTH, SIXTH} & await open_days(plain_database_url, clock, date(2026, 11, 21))


@pytest.mark.parametrize("window", [Window.GAP_CHECK, Window.WEEKLY])
async def test_the_search_goes_back_to_the_first_selection(plain_database_url: str, window: Window) -> None:
    """A session selected eight months ago is found missing, far beyond what is caught up or asked for."""
    first, clock = date(2026, 3, 20), SystemClock(at(NINETEENTH, 20))
    async with pool.connect(plain_database_url, clock) as db:
        chain = await make_chain(db, 1, expiration=date(2026, 12, 18), select_from=NINETEENTH)
        await lifecycle.select(db, [contract.id for contract in chain.contracts], first)
        parts = Parts(db, NoSource(clock), SETTINGS, Calendar(), clock, random.Random(1))
        await window_run.run(order_for(window, SETTINGS, parts.calendar, clock.now(), day=NINETEENTH), parts)
        found = {gap.span.start.astimezone(NEW_YORK).date() for gap in await gaps_table.open_gaps(db)}
    assert found == set(Calendar().days(first, NINETEENTH))
