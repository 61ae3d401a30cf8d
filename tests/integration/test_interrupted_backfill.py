"""Gaps, status, quality, metrics and reports say the same after a run that was cut off."""

import asyncio
import dataclasses
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from collector.app import metrics
from collector.app.figures import stored
from collector.clock import SystemClock
from collector.config import GreeksSettings
from collector.db.bookkeeping import gaps_table
from collector.db.connection import pool
from collector.db.contracts import contract_tables
from collector.db.readers import day_status
from collector.domain.run_vocabulary import GapState, Window
from collector.jobs import run_reports
from collector.runs import closing, window_run
from collector.runs.orders import backfill_order, order_for
from collector.runs.tally import Tally
from collector.runs.uncounted import uncounted
from collector.simulator.market import Market, MarketSettings
from collector.simulator.server import Gateway
from tests.support.http_peers import samples
from tests.support.window_runs import FRIDAY, _calendar, narrow, parts_for, run_window

NEW_YORK = ZoneInfo("America/New_York")
SETTINGS = narrow("PLTR", horizon_days=8, greeks=GreeksSettings(enabled=False))
SLOT = timedelta(minutes=5)
DAYS = tuple(date(2026, 11, day) for day in (16, 17, 18, 19, 20))


@dataclass(frozen=True)
class Said:
    """What one place says of sessions: series-slots missing and lost, by day; gaps of both states over all."""

    missing: dict[date, int]
    lost: dict[date, int]


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Return an instant in New York."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


async def gaps_say(db: pool.Database) -> Said:
    """Return what `collector gaps` lists."""
    found: dict[GapState, dict[date, int]] = {
        GapState.OPEN: dict.fromkeys(DAYS, 0),
        GapState.LOST: dict.fromkeys(DAYS, 0),
    }
    for state, by_day in found.items():
        for gap in await gaps_table.open_gaps(db, ["PLTR"], state=state):
            day = gap.span.start.astimezone(NEW_YORK).date()
            by_day[day] = by_day.get(day, 0) + gap.span.duration // SLOT
    return Said(found[GapState.OPEN], found[GapState.LOST])


async def status_says(db: pool.Database) -> Said:
    """Return what `collector status` shows of each session: expected less settled, less what is lost."""
    underlying = await contract_tables.underlying(db, "PLTR")
    assert underlying is not None
    missing, lost = {}, {}
    for day in DAYS:
        session = _calendar(()).session("PLTR", day)
        page = await day_status.overview(db, day, [(underlying, session, SETTINGS.series)])
        [symbol] = page.symbols
        lost[day] = symbol.gaps[GapState.LOST].slots
        missing[day] = symbol.measured.expected - symbol.measured.settled - lost[day]
        assert symbol.gaps[GapState.OPEN].slots == missing[day]
    return Said(missing, lost)


async def quality_says(url: str, db: pool.Database) -> Said:
    """Return what the view session_quality shows; its completeness is that of the status page."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT * FROM session_quality WHERE symbol = 'PLTR' ORDER BY collection_date")
    finally:
        await connection.close()
    underlying = await contract_tables.underlying(db, "PLTR")
    assert underlying is not None
    for row in rows:
        session = _calendar(()).session("PLTR", row["collection_date"])
        page = await day_status.overview(db, session.day, [(underlying, session, SETTINGS.series)])
        measured = page.symbols[0].measured
        assert row["contracts"] == measured.contracts
        assert float(row["completeness_percent"]) == pytest.approx(100 * measured.settled / measured.expected, abs=1e-3)
    return Said(
        {row["collection_date"]: row["open_gap_slots"] for row in rows},
        {row["collection_date"]: row["lost_gap_slots"] for row in rows},
    )


async def assert_all_agree(url: str, gateway: Gateway, clock: SystemClock, day: date) -> Said:
    """Assert that gaps, status, session_quality, metrics and the next report say the same; return it."""
    async with pool.connect(url, clock) as db:
        said = await gaps_say(db)
        assert await status_says(db) == said
        assert await quality_says(url, db) == said
        figures = await stored.Reading(SETTINGS, _calendar(())).figures(db, clock.now())
        lines = samples(metrics.exposition(figures, clock.now()))
        assert lines['collector_gap_slots{state="open"}'] == sum(said.missing.values())
        assert lines['collector_gap_slots{state="lost"}'] == sum(said.lost.values())
        assert lines["collector_uncounted_runs"] == 0
        opened = len(await gaps_table.open_gaps(db))
    async with parts_for(url, gateway, SETTINGS, clock) as parts:
        order = order_for(Window.GAP_CHECK, SETTINGS, parts.calendar, clock.now(), day=day)
        checked = await window_run.run(order, parts)
        report = await run_reports.of_run(checked, parts.db, SETTINGS, parts.calendar, clock.now())
    assert (report.gaps.opened, report.gaps.closed, report.gaps.still_open) == (0, 0, opened)
    assert opened == lines['collector_gaps{state="open"}']
    return said


async def interrupted_backfill(url: str, gateway: Gateway, clock: SystemClock) -> None:
    """Begin a backfill of a week and cancel it, as a signal does, when a third is done."""
    async with parts_for(url, gateway, SETTINGS, clock) as parts:
        work: list[asyncio.Task[object]] = []

        def cut(tally: Tally) -> None:
            if tally.answered > 20 and not work[0].cancelling():
                work[0].cancel()

        order = backfill_order(SETTINGS, parts.calendar, clock.now(), 4)
        work.append(asyncio.ensure_future(window_run.run(order, dataclasses.replace(parts, on_progress=cut))))
        with pytest.raises(asyncio.CancelledError):
            await work[0]


async def test_five_places_agree_after_an_interrupted_backfill(plain_database_url: str) -> None:
    """At once, by whatever part was done; after the loss of what expired meanwhile; and after it was mended."""
    clock, url = SystemClock(at(FRIDAY, 18)), plain_database_url
    async with Gateway(Market(7, clock, MarketSettings(purge_days=1)), clock) as gateway:
        await interrupted_backfill(url, gateway, clock)
        first = await assert_all_agree(url, gateway, clock, FRIDAY)
        assert sum(first.missing.values()) > 1000
        assert sum(day > 0 for day in first.missing.values()) >= 4
        assert not any(first.lost.values())

        for instant in (datetime(2026, 11, 21, 1, tzinfo=NEW_YORK), datetime(2026, 11, 22, 1, tzinfo=NEW_YORK)):
            clock.set(instant)
            await run_window(url, gateway, SETTINGS, clock, Window.LATE_NIGHT, day=FRIDAY)
        after = await assert_all_agree(url, gateway, clock, FRIDAY)
        assert sum(after.lost.values()) > 0
        assert sum(after.missing.values()) < sum(first.missing.values()) / 4


async def test_what_was_cut_off_before_it_was_counted_is_said_and_counted_by_the_next_run(
    plain_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that dies names itself as not counted, in status and metrics; the next look counts for it."""
    clock, url = SystemClock(at(FRIDAY, 18)), plain_database_url
    monkeypatch.setattr(closing, "_LAST_COUNT_S", 0.0)
    async with Gateway(Market(7, clock), clock) as gateway:
        await interrupted_backfill(url, gateway, clock)
        async with pool.connect(url, clock) as db:
            left = await uncounted(db, clock.now())
            assert len(left) == 1
            assert (await stored.Reading(SETTINGS, _calendar(())).figures(db, clock.now())).uncounted == 1
            assert await gaps_table.open_gaps(db) == []
        await run_window(url, gateway, SETTINGS, clock, Window.GAP_CHECK, day=FRIDAY)
        said = await assert_all_agree(url, gateway, clock, FRIDAY)
        assert sum(said.missing.values()) > 1000
