"""Sessions of the New York Stock Exchange, from its rules.

The New York Stock Exchange's sessions from its published holiday rules, without a calendar library.

The truth against which a collector is checked must not come from the calendar that the collector itself reads.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")

SLOT_S = 300
"""Seconds of one slot."""

FIRST_YEAR, LAST_YEAR = 2010, 2036
"""The years for which sessions are known, both included."""

COUNTED_FROM = date(2018, 1, 1)
"""The day from which sessions are counted; those before it have negative numbers."""

_EXTRA_CLOSURES = frozenset({date(2012, 10, 29), date(2012, 10, 30), date(2018, 12, 5), date(2025, 1, 9)})
"""A hurricane, and days of mourning for two presidents."""

_SATURDAY = 5
_THURSDAY = 3
_JUNETEENTH_SINCE = 2022


@dataclass(frozen=True, slots=True)
class Session:
    """One product's trading day.

    Attributes:
        day: the date in New York.
        open: epoch seconds of 09:30 New York.
        close: epoch seconds of the product's own close.
        regular_close: epoch seconds of the equity session's close (16:00, early 13:00).
    """

    day: date
    open: int
    close: int
    regular_close: int

    @property
    def slots(self) -> int:
        """Number of 5-minute slots."""
        return (self.close - self.open) // SLOT_S


def epoch(day: date, hour: int, minute: int = 0) -> int:
    """Return the epoch seconds of a New York wall time."""
    return int(datetime.combine(day, time(hour, minute), NEW_YORK).timestamp())


def local_date(instant: datetime) -> date:
    """Return the date that it is in New York at an aware instant."""
    return instant.astimezone(NEW_YORK).date()


def utc(seconds: int) -> datetime:
    """Return epoch seconds as an aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _good_friday(year: int) -> date:
    """Two days before Easter Sunday, by the Gregorian computus of Meeus, Jones and Butcher."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    ell = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 19 * ell) // 433
    month, _ = divmod(h + ell - 7 * m + 90, 25)
    return date(year, month, (h + ell - 7 * m + 33 * month + 19) % 32) - timedelta(days=2)


def _observed(day: date) -> date:
    """Move a Saturday holiday to Friday and a Sunday one to Monday."""
    weekday = day.weekday()
    if weekday == _SATURDAY:
        return day - timedelta(days=1)
    return day + timedelta(days=1) if weekday > _SATURDAY else day


@cache
def holidays(year: int) -> frozenset[date]:
    """Return the weekdays of a year on which the exchange stays shut."""
    new_year = date(year, 1, 1)
    last_monday_of_may = _nth(year, 6, 0, 1) - timedelta(days=7)
    days = {
        _nth(year, 1, 0, 3),
        _nth(year, 2, 0, 3),
        _good_friday(year),
        last_monday_of_may,
        _observed(date(year, 7, 4)),
        _nth(year, 9, 0, 1),
        _nth(year, 11, _THURSDAY, 4),
        _observed(date(year, 12, 25)),
        *(day for day in _EXTRA_CLOSURES if day.year == year),
    }
    if new_year.weekday() != _SATURDAY:  # a New Year on Saturday is not made up for
        days.add(_observed(new_year))
    if year >= _JUNETEENTH_SINCE:
        days.add(_observed(date(year, 6, 19)))
    return frozenset(days)


def is_early_close(day: date) -> bool:
    """Tell whether the equity session of a session day ends at 13:00."""
    if day == _nth(day.year, 11, _THURSDAY, 4) + timedelta(days=1):
        return True
    return (day.month, day.day) in {(7, 3), (12, 24)} and day.weekday() <= _THURSDAY


@cache
def session_days() -> tuple[date, ...]:
    """Return all session days from FIRST_YEAR to LAST_YEAR, ascending."""
    first, last = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return tuple(day for day in days if day.weekday() < _SATURDAY and day not in holidays(day.year))


@cache
def _positions() -> dict[date, int]:
    before = bisect_left(session_days(), COUNTED_FROM)
    return {day: n - before for n, day in enumerate(session_days())}


def is_session(day: date) -> bool:
    """Tell whether the exchange opens on a day."""
    return day in _positions()


def position(day: date) -> int:
    """Return the running number of a session day; the first one since COUNTED_FROM is 0.

    Raises:
        KeyError: the day is no session.
    """
    return _positions()[day]


def sessions_between(first: date, last: date) -> tuple[date, ...]:
    """Return the session days from first to last, both included, ascending."""
    days = session_days()
    return days[bisect_left(days, first) : bisect_right(days, last)]


def session_on_or_before(day: date) -> date:
    """Return the last session day that is not after a day."""
    days = session_days()
    return days[bisect_right(days, day) - 1]


def session_on_or_after(day: date) -> date:
    """Return the first session day that is not before a day."""
    days = session_days()
    return days[bisect_left(days, day)]


def previous_session(day: date) -> date:
    """Return the last session day before a day."""
    return session_on_or_before(day - timedelta(days=1))


@cache
def session(day: date, *, late_close: bool) -> Session | None:
    """Return a product's session on a day, None when the exchange is shut.

    Args:
        day: the date in New York.
        late_close: the product closes a quarter of an hour after the equity session.
    """
    if not is_session(day):
        return None
    regular = epoch(day, 13 if is_early_close(day) else 16)
    return Session(day, epoch(day, 9, 30), regular + (900 if late_close else 0), regular)
