"""The weekly report, from the tables as runs and the schedule leave them."""

import json
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from collector.db.bars import bar_tables
from collector.db.bookkeeping import runs_table, schedule_state
from collector.db.connection.pool import Database
from collector.db.readers import report_rows
from collector.domain.market_data.spans import Span
from collector.domain.masking import Mask
from collector.domain.reports.report_document import to_document
from collector.domain.reports.week_report import WeekReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import week_reports
from collector.market.calendar import Calendar
from collector.notify.reports import wording
from collector.notify.reports.mail_rendering import Renderer
from collector.notify.reports.terminal_report import week_view
from tests.support.db_rows import answer, answers, make_chain, rows, trade
from tests.support.slots import SLOT
from tests.support.window_runs import narrow

SATURDAY = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)


async def attempt(
    db: Database, day: date, window: Window, status: RunStatus, *, requests: int = 0, rate_limit_hits: int = 0
) -> None:
    """Record one attempt at a window, from its beginning to its end."""
    began = datetime(day.year, day.month, day.day, 21, 45, tzinfo=UTC)
    run_id = await runs_table.open_run(
        db, runs_table.NewRun(window=window, day=day, symbols=("PLTR",), started_at=began)
    )
    end = began + timedelta(minutes=5)
    progress = {"attempts": requests}
    ended = runs_table.RunEnd(status=status, completed_at=end, rate_limit_hits=rate_limit_hits, progress=progress)
    await runs_table.close(db, run_id, ended)


async def reported(db: Database) -> WeekReport:
    """Return the report of the week of 16 November 2026."""
    settings = narrow("PLTR")
    return await week_reports.of_week(db, settings, Calendar(dict(settings.closes)), SATURDAY)


async def test_a_window_that_was_slept_through_is_missed(database: Database) -> None:
    """It was due and never ran: the week says so; one that ran late, or belongs to another week, is not counted."""
    await attempt(database, MONDAY, Window.EOD, RunStatus.SUCCESS)
    await attempt(database, TUESDAY, Window.EOD, RunStatus.SUCCESS)
    for window, day, kind in (
        (Window.MORNING, TUESDAY, "merged"),
        (Window.EOD, TUESDAY, "last_chance"),
        (Window.MORNING, MONDAY - timedelta(days=3), "too_old"),
        (Window.MORNING, MONDAY + timedelta(days=7), "merged"),
    ):
        await schedule_state.note_missed(database, window, day, SATURDAY, kind, "the computer was asleep")
    week = await reported(database)
    mail = Renderer(Mask(), pictures=False).week(week)
    assert week.missed == ((TUESDAY, Window.MORNING),)
    assert mail.subject.startswith(
        "[collector] week 2026-11-16 to 2026-11-20 5 of 5 sessions not collected, 1 missed · "
    )
    assert "5 sessions, 5 of them never collected; 3 windows: 0 failed, 0 partial, 1 missed." in mail.text
    (row,) = (line.split() for line in mail.text.splitlines() if line.startswith("morning"))
    assert row == ["morning", "-", "missed"]
    assert 'title="missed"' in mail.html
    assert "more this week" not in mail.text + mail.html


async def test_a_window_of_the_owners(database: Database) -> None:
    """It is in the week as a built-in one is, run or missed, as long as the configuration has it."""
    own = Window("power_hour")
    await attempt(database, MONDAY, own, RunStatus.SUCCESS, requests=30)
    await schedule_state.note_missed(database, own, TUESDAY, SATURDAY, "no_use", "the session had closed")
    known = {*Window, own}
    week = await report_rows.week(database, MONDAY, TUESDAY, Span(SATURDAY, SATURDAY + SLOT), known)
    assert [(run.session, run.window) for run in week.runs] == [(MONDAY, own)]
    assert (week.missed, week.requests) == (((TUESDAY, own),), 30)
    assert [one.window for one in await schedule_state.attempts(database, MONDAY, known)] == [own]
    assert await schedule_state.attempts(database, MONDAY) == []
    assert (await reported(database)).runs == ()


async def test_every_attempt_counts(database: Database) -> None:
    """The last attempt says how a window ended; requests and rate-limit hits are those of all attempts."""
    await attempt(database, MONDAY, Window.EOD, RunStatus.FAILED, requests=400, rate_limit_hits=7)
    await attempt(database, MONDAY, Window.EOD, RunStatus.INTERRUPTED, requests=50)
    await attempt(database, MONDAY, Window.EOD, RunStatus.SUCCESS, requests=6)
    await attempt(database, TUESDAY, Window.MIDDAY, RunStatus.PARTIAL, requests=1000, rate_limit_hits=20)
    week = await reported(database)
    assert [(run.session, run.window, run.status, run.attempts) for run in week.runs] == [
        (MONDAY, Window.EOD, RunStatus.SUCCESS, 3),
        (TUESDAY, Window.MIDDAY, RunStatus.PARTIAL, 1),
    ]
    assert [run.failed for run in week.runs] == [2, 0]
    words = "2 windows: 0 failed, 1 partial, 0 missed; 2 failed attempts before one that went well"
    assert wording.week_windows(week) == words
    written = json.loads(json.dumps(to_document(week)))
    assert (written["requests"], written["rate_limit_hits"]) == (1456, 27)


async def test_a_symbol_that_is_collected_no_more_hides_no_dark_session(database: Database) -> None:
    """What was kept of TSLA, which is not configured any more, makes no session collected that PLTR never was."""
    await rows(
        database,
        "INSERT INTO collection_statistics (collection_date, symbol, total_contracts, successful_contracts,"
        " total_bars_collected, expected_slots, traded_slots, no_trade_slots, unknown_slots)"
        " VALUES ($1, 'TSLA', 10, 10, 780, 780, 780, 0, 0) RETURNING symbol",
        MONDAY,
    )
    week = await reported(database)
    assert [(one.symbol, one.configured) for one in week.symbols] == [("PLTR", True), ("TSLA", False)]
    assert (week.sessions, week.dark_sessions) == (5, 5)
    assert wording.week_sessions(week) == "5 sessions, 5 of them never collected"


async def test_sessions_that_nobody_collected_are_counted(database: Database) -> None:
    """The machine was off but on Wednesday: the four others are named, and nothing hides behind 100 %."""
    days = [MONDAY + timedelta(days=n) for n in range(5)]
    wednesday, calendar = days[2], Calendar()
    session = calendar.session("PLTR", wednesday)
    chain = await make_chain(database, select_from=wednesday)
    bars = [trade(n, "1.25", session=session) for n in range(78)]
    given = {what: answer(bars, session=session) for what in ("TRADES", "BID", "ASK")}
    await bar_tables.store(database, [answers(one, **given) for one in chain.contracts], 1)
    await attempt(database, wednesday, Window.EOD, RunStatus.SUCCESS)

    week = await reported(database)
    [pltr] = week.symbols
    assert pltr.never_collected == (days[0], days[1], days[3], days[4])
    assert (week.dark_sessions, list(week.never_collected)) == (4, [days[0], days[1], days[3], days[4]])
    # Selected until they expire: Thursday's and Friday's slots were expected, and are as empty as they were left.
    assert pltr.completeness == pytest.approx(1 / 3)
    assert pltr.bars == 78 * len(chain.contracts)

    mail = Renderer(Mask(), pictures=False).week(week)
    assert "4 of 5 sessions not collected · 33.3 % of what was expected · " in mail.subject
    assert mail.brief.startswith("5 sessions, 4 of them never collected; 33.3 % complete of what was expected")
    for part in (mail.text, mail.html):
        assert "5 sessions, 4 of them never collected; 1 window: 0 failed" in part
        for day in ("Mon 16 Nov", "Tue 17 Nov", "Thu 19 Nov", "Fri 20 Nov"):
            assert day in part
    shown = Console(file=StringIO(), width=120, force_terminal=False)
    shown.print(week_view(week, Mask()))
    assert isinstance(shown.file, StringIO)
    assert "1/5" in shown.file.getvalue()
    assert "never collected: PLTR" in shown.file.getvalue()
