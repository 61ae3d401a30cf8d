"""Reports of runs over many sessions: each session, as the run found and as it left it."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.config import GreeksSettings
from collector.domain.market_data.data_sets import UNDERLYING_BARS_1DAY
from collector.domain.masking import Mask
from collector.domain.reports.coverage_grid import Holding
from collector.domain.reports.run_report import RunReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import run_reports
from collector.notify.reports import wording
from collector.notify.reports.mail_rendering import Renderer
from collector.runs import window_run
from collector.runs.orders import Order, backfill_order, fill_order, order_for
from collector.simulator.market import Market
from collector.simulator.server import Gateway
from tests.support.window_runs import FRIDAY, _calendar, narrow, parts_for

NEW_YORK = ZoneInfo("America/New_York")
SETTINGS = narrow("PLTR", horizon_days=8, strikes=3, greeks=GreeksSettings(enabled=False))
CALENDAR = _calendar(tuple(sorted(SETTINGS.closes.items())))
EVENING = datetime(2026, 11, 20, 18, tzinfo=NEW_YORK)
WEEK = tuple(date(2026, 11, day) for day in (16, 17, 18, 19, 20))
SLOTS, SERIES = 78, 3


async def reported(url: str, gateway: Gateway, clock: SystemClock, order: Order) -> RunReport:
    """Run an order and return its report."""
    async with parts_for(url, gateway, SETTINGS, clock) as parts:
        finished = await window_run.run(order, parts)
        return await run_reports.of_run(finished, parts.db, SETTINGS, parts.calendar, clock.now())


async def fetched(url: str, query: str, *values: object) -> list[Any]:
    """Return the rows of a query, besides the code under test."""
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()


async def forget(url: str, day: date) -> None:
    """Make what is known of a session unknown; its bars stay."""
    session = CALENDAR.session("PLTR", day)
    await fetched(
        url,
        """
        UPDATE request_coverage
        SET covered = covered - tstzmultirange(tstzrange($1, $2)), settled = settled - tstzmultirange(tstzrange($1, $2))
        WHERE instrument_id > 0
        """,
        session.open.astimezone(UTC),
        session.close.astimezone(UTC),
    )


async def test_a_backfill_and_the_filling_of_a_gap_tell_each_session(plain_database_url: str) -> None:
    """Five sessions from nothing to complete under `backfill`; then the one that was lacking under `gap_fill`."""
    clock, url = SystemClock(EVENING), plain_database_url
    async with Gateway(Market(7, clock), clock) as gateway:
        filled = await reported(url, gateway, clock, backfill_order(SETTINGS, CALENDAR, clock.now(), 4))
        selected = await fetched(
            url,
            "SELECT day::date, count(*) AS contracts FROM option_contract_lifecycle, unnest($1::date[]) AS day"
            " WHERE selected @> day GROUP BY day ORDER BY day",
            list(WEEK),
        )
        rows = await fetched(
            url,
            "SELECT (time AT TIME ZONE 'America/New_York')::date AS day, count(*) AS bars FROM option_bars"
            " GROUP BY day ORDER BY day",
        )
        await forget(url, WEEK[2])
        gap = await reported(url, gateway, clock, fill_order(SETTINGS, CALENDAR, clock.now(), WEEK[1]))
        nothing = await reported(url, gateway, clock, fill_order(SETTINGS, CALENDAR, clock.now(), WEEK[1]))
    runs = await fetched(url, "SELECT run_type, run_date FROM intraday_collection_runs ORDER BY id")
    assert [(row["run_type"], row["run_date"]) for row in runs] == [
        ("backfill", FRIDAY),
        ("gap_fill", FRIDAY),
        ("gap_fill", FRIDAY),
    ]

    expected = {row["day"]: row["contracts"] * SLOTS * SERIES for row in selected}
    assert {one.first: one.expected for one in filled.sessions} == expected
    assert [(one.first, one.last, one.symbol) for one in filled.sessions] == [(day, day, "PLTR") for day in WEEK]
    assert {one.first: one.bars for one in filled.sessions} == {row["day"]: row["bars"] for row in rows}
    assert all(one.settled_before == one.bars_before == 0 for one in filled.sessions)
    assert filled.status is RunStatus.SUCCESS
    assert all(one.settled == one.expected for one in filled.sessions)
    assert wording.headline(filled).startswith("5 sessions are complete now")
    assert wording.subject(filled).startswith("backfill 2026-11-16 to 2026-11-20 OK · 100.0 % · ")
    assert filled.new.options == sum(row["bars"] for row in rows)

    [told] = gap.sessions
    assert (told.first, told.settled_before, told.expected) == (WEEK[2], 0, expected[WEEK[2]])
    assert told.settled == told.expected
    assert told.new_bars == 0
    assert wording.subject(gap).startswith("gap_fill 2026-11-18 OK · ")
    mail = Renderer(Mask(), pictures=False).run(gap)
    assert "Wed 18 Nov · PLTR" in mail.text
    assert "0.0 % → 100.0 %" in mail.text
    assert "0.0 % → 100.0 %" in mail.html

    assert (nothing.sessions, nothing.reached) == ((), None)
    assert wording.headline(nothing) == "Nothing was due: everything was there already."


async def test_a_history_of_daily_bars_is_told_as_one(plain_database_url: str) -> None:
    """Ten years are no thousand lines: from which to which session, before and after."""
    clock, url = SystemClock(EVENING), plain_database_url
    async with Gateway(Market(7, clock), clock) as gateway:
        order = backfill_order(SETTINGS, CALENDAR, clock.now(), 60, data_set=UNDERLYING_BARS_1DAY)
        report = await reported(url, gateway, clock, order)
    [told] = report.sessions
    first = min(CALENDAR.days(date(2026, 9, 21), FRIDAY))
    assert (told.first, told.last, told.settled_before) == (first, FRIDAY, 0)
    assert told.settled == told.expected > 0
    assert (report.new.options, report.new.underlyings) == (0, report.bars_collected)
    assert f"backfill {first} to {FRIDAY} OK · 100.0 % · " in wording.subject(report)
    assert wording.subject(report).endswith(" bars of underlyings")


async def test_a_window_of_one_session_tells_no_others(plain_database_url: str) -> None:
    """What eod says of its session is in its figures."""
    clock, url = SystemClock(EVENING), plain_database_url
    async with Gateway(Market(7, clock), clock) as gateway:
        report = await reported(url, gateway, clock, order_for(Window.EOD, SETTINGS, CALENDAR, clock.now()))
    assert report.sessions == ()
    bars = await fetched(url, "SELECT count(*) AS bars FROM underlying_bars_5min")
    quoted = await fetched(
        url, "SELECT count(*) AS bars FROM option_bars WHERE bid_close IS NOT NULL AND ask_close IS NOT NULL"
    )
    [pltr] = report.symbols
    assert pltr.grid is not None
    assert pltr.grid.total(Holding.QUOTED) == quoted[0]["bars"] > 0
    assert sum(pltr.grid.total(one) for one in Holding if one is not Holding.UNEXPECTED) == pltr.contracts * SLOTS
    assert (pltr.grid.total(Holding.MISSING), pltr.grid.worst) == (0, ())
    assert (report.new.underlyings, report.new.options + report.new.underlyings) == (
        bars[0]["bars"],
        report.bars_collected,
    )


pytestmark = pytest.mark.usefixtures("quiet_faults")
