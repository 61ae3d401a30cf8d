"""The schedule and the contracts: an expiry check, and a last chance, only where something expires."""

from datetime import UTC, date, datetime

import pytest_asyncio

from collector.config import SymbolSettings
from collector.db.bookkeeping import runs_table, schedule_state
from collector.db.bookkeeping.runs_table import NewRun, RunEnd
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables, lifecycle
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import due_windows
from collector.market.agenda import Agenda
from collector.market.calendar import Calendar
from collector.market.schedule import Schedule
from tests.support.db_rows import Chain, make_chain
from tests.support.window_runs import narrow

CALENDAR = Calendar()
PLTR = narrow("PLTR")
MONDAY, TUESDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 20)


def at_the_check(day: date) -> datetime:
    """Return five minutes past 15:00 in New York, in November."""
    return datetime(day.year, day.month, day.day, 20, 5, tzinfo=UTC)


@pytest_asyncio.fixture
async def chain(database: Database) -> Chain:
    """Give a chain that was read on Monday: it lists two Fridays, and contracts of the first are selected."""
    made = await make_chain(database, expiration=FRIDAY, select_from=MONDAY)
    await contract_tables.remember_expirations(database, made.underlying.id, MONDAY, [FRIDAY, date(2026, 11, 27)])
    return made


async def look(db: Database, now: datetime, *symbols: str) -> Agenda:
    """Look what is due, as every caller does."""
    settings = narrow(*symbols or ("PLTR",))
    return await due_windows.look(db, settings, await due_windows.schedule_of(db, settings, CALENDAR, now), now)


async def windows_due(db: Database, now: datetime, *symbols: str) -> set[Window]:
    """Return what is due."""
    return {run.occurrence.window for run in (await look(db, now, *symbols)).due}


async def test_the_check_is_due_where_a_selected_contract_expires(database: Database, chain: Chain) -> None:
    """On Friday and not on Tuesday; the schedule says why, and the window after Tuesday's midday is eod."""
    assert Window.EXPIRY_CHECK not in await windows_due(database, at_the_check(TUESDAY))
    assert Window.EXPIRY_CHECK in await windows_due(database, at_the_check(FRIDAY))
    schedule = await due_windows.schedule_of(database, PLTR, CALENDAR, at_the_check(TUESDAY))
    assert schedule.skipped(Window.EXPIRY_CHECK, TUESDAY) == "no selected contract expires"
    following = schedule.following(datetime(2026, 11, 17, 18, 0, tzinfo=UTC))
    assert following is not None
    assert following.window is Window.EOD


async def test_nothing_is_due_for_contracts_that_are_selected_no_more(database: Database, chain: Chain) -> None:
    """What the activity filters leave out before it expires was not the last chance of anything."""
    await lifecycle.release(database, [contract.id for contract in chain.contracts], TUESDAY)
    known = await schedule_state.expirations(database, ("PLTR",), MONDAY, date(2026, 11, 21))
    assert not known.expected(FRIDAY)


async def test_what_is_not_known_may_expire(database: Database) -> None:
    """On an empty database, and while one of two symbols has no chain yet, the check is due on any session."""
    assert Window.EXPIRY_CHECK in await windows_due(database, at_the_check(TUESDAY))
    made = await make_chain(database, expiration=FRIDAY, select_from=MONDAY)
    assert Window.EXPIRY_CHECK in await windows_due(database, at_the_check(TUESDAY))
    await contract_tables.remember_expirations(database, made.underlying.id, MONDAY, [FRIDAY])
    assert Window.EXPIRY_CHECK not in await windows_due(database, at_the_check(TUESDAY))
    assert Window.EXPIRY_CHECK in await windows_due(database, at_the_check(TUESDAY), "PLTR", "TSLA")


async def test_symbols_without_options_have_no_last_chance(database: Database, chain: Chain) -> None:
    """The check is not due for options that are not collected, neither selected ones nor a chain that is not read."""
    bare = SymbolSettings(symbol="PLTR", data_sets=("underlying_bars_5min",))
    for symbols in ((bare,), (bare, SymbolSettings(symbol="TSLA", data_sets=("underlying_bars_5min",)))):
        settings = narrow("PLTR").model_copy(update={"symbols": symbols})
        for day in (TUESDAY, FRIDAY):
            schedule = await due_windows.schedule_of(database, settings, CALENDAR, at_the_check(day))
            found = await due_windows.look(database, settings, schedule, at_the_check(day))
            assert Window.EXPIRY_CHECK not in {run.occurrence.window for run in found.due}
    assert chain.contracts


async def test_a_last_chance_is_missed_only_where_something_expired(database: Database, chain: Chain) -> None:
    """After a week without a run, only Friday's contracts are on record as forgotten by IB."""
    started = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)
    new = NewRun(window=Window.MORNING, day=MONDAY, symbols=("PLTR",), started_at=started)
    run = await runs_table.open_run(database, new)
    await runs_table.close(database, run, RunEnd(status=RunStatus.SUCCESS, completed_at=started))

    await look(database, datetime(2026, 11, 21, 6, 0, tzinfo=UTC))

    missed = await schedule_state.missed(database, MONDAY)
    assert {(window, day) for window, day, kind in missed if kind == "last_chance"} == {(Window.EOD, FRIDAY)}
    assert {day for window, day, _ in missed if window is Window.EXPIRY_CHECK} == {FRIDAY}


def test_a_schedule_without_a_database_leaves_nothing_out() -> None:
    """For want of anything better it is the one on which something expires on every session."""
    bare: Schedule = due_windows.configured(PLTR, CALENDAR)
    assert bare.skipped(Window.EXPIRY_CHECK, TUESDAY) is None
