"""The simulated exchange's sessions, against published dates and a calendar library."""

from datetime import UTC, date, datetime

import exchange_calendars  # type: ignore[import-untyped] # the library ships no types
import pytest

from collector.simulator.exchange import sessions


@pytest.mark.filterwarnings("ignore:Series.values")  # pandas 3.1 warns inside exchange_calendars
def test_sessions_equal_the_calendar_librarys() -> None:
    """Session days and early closes of 2010 to 2030 equal those of exchange_calendars."""
    calendar = exchange_calendars.get_calendar("XNYS", start="2010-01-01", end="2030-12-31")

    assert [day.date() for day in calendar.sessions] == [one for one in sessions.session_days() if one.year <= 2030]
    assert {day.date() for day in calendar.early_closes} == {
        one for one in sessions.session_days() if one.year <= 2030 and sessions.is_early_close(one)
    }


@pytest.mark.parametrize(
    ("day", "late_close", "close"),
    [
        (date(2026, 11, 25), False, datetime(2026, 11, 25, 21, 0, tzinfo=UTC)),
        (date(2026, 11, 25), True, datetime(2026, 11, 25, 21, 15, tzinfo=UTC)),
        (date(2026, 11, 27), False, datetime(2026, 11, 27, 18, 0, tzinfo=UTC)),
        (date(2026, 11, 27), True, datetime(2026, 11, 27, 18, 15, tzinfo=UTC)),
        (date(2026, 12, 24), False, datetime(2026, 12, 24, 18, 0, tzinfo=UTC)),
        (date(2026, 7, 8), False, datetime(2026, 7, 8, 20, 0, tzinfo=UTC)),
    ],
)
def test_products_close_at_their_own_time(day: date, late_close: bool, close: datetime) -> None:
    """16:00 and 16:15, 13:00 and 13:15 New York, in winter and in summer."""
    session = sessions.session(day, late_close=late_close)

    assert session is not None
    assert close == sessions.utc(session.close)


@pytest.mark.parametrize(
    "day", [date(2026, 11, 26), date(2026, 12, 25), date(2026, 4, 3), date(2026, 7, 3), date(2026, 11, 28)]
)
def test_holidays_are_no_sessions(day: date) -> None:
    """Thanksgiving, Christmas, Good Friday, Independence Day observed and a Saturday."""
    assert sessions.session(day, late_close=False) is None


def test_early_days_have_fewer_slots() -> None:
    """78 slots on a full day, 81 with the late close, 42 and 45 on the day after Thanksgiving."""
    days = [
        (date(2026, 11, 25), False),
        (date(2026, 11, 25), True),
        (date(2026, 11, 27), False),
        (date(2026, 11, 27), True),
    ]
    found = [sessions.session(day, late_close=late) for day, late in days]

    assert [one.slots for one in found if one is not None] == [78, 81, 42, 45]
