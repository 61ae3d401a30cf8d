"""The coming days: windows, holidays, clock changes.

The coming days as people plan them: windows, holidays, early closes and clock changes.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.run_vocabulary import Window
from collector.market.schedule import Occurrence, Schedule

ISRAEL = ZoneInfo("Asia/Jerusalem")
"""The owner's zone."""

WEEKLY_RESET = time(1)
"""Sunday in New York: IB voids every login, and a person has to approve the next one."""

_SUNDAY = 6
_PLACES = (("New York", NEW_YORK), ("Israel", ISRAEL))


@dataclass(frozen=True, slots=True)
class DayOutlook:
    """One date in New York.

    closed: why there is no session, else None. close: of the last product, aware UTC, None without a session.
    clock_changes: what the clocks did since the day before. hours_apart: Israel minus New York at noon.
    occurrences: what is due on that date in New York, by time.
    """

    day: date
    closed: str | None
    early_close: bool
    close: datetime | None
    clock_changes: tuple[str, ...]
    hours_apart: float
    occurrences: tuple[Occurrence, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what is unusual about the day, in words."""
        early: tuple[str, ...] = ()
        if self.early_close and self.close is not None:
            early = (f"early close {self.close.astimezone(NEW_YORK):%H:%M} New York",)
        holiday = (self.closed,) if self.closed is not None and self.day.weekday() < 5 else ()  # noqa: PLR2004 - Saturday
        apart = (f"Israel is {self.hours_apart:g} hours ahead",) if self.clock_changes else ()
        return (*holiday, *early, *self.clock_changes, *apart)


def outlook(schedule: Schedule, first: date, days: int) -> tuple[DayOutlook, ...]:
    """Return the days from `first` on, New York's dates.

    Args:
        schedule: the windows.
        first: the first day.
        days: how many.
    """
    return tuple(_day(schedule, first + timedelta(days=n)) for n in range(days))


def weekly_reset(schedule: Schedule, now: datetime) -> datetime | None:
    """Return when IB next voids the gateway's login, once the week's last eod is due; None before that, and after it.

    Args:
        schedule: the windows.
        now: the instant, aware.
    """
    today = now.astimezone(NEW_YORK).date()
    sunday = today + timedelta(days=_SUNDAY - today.weekday())
    reset = datetime.combine(sunday, WEEKLY_RESET, NEW_YORK).astimezone(UTC)
    last = schedule.calendar.previous(sunday)
    eod = next((one.due for one in schedule.of_session(last) if one.window is Window.EOD), None)
    return reset if (eod or schedule.session(last).settles_at) <= now < reset else None


def _day(schedule: Schedule, day: date) -> DayOutlook:
    calendar = schedule.calendar
    open_today = calendar.is_session(day)
    midnight = datetime.combine(day, time(0), NEW_YORK)
    following = datetime.combine(day + timedelta(days=1), time(0), NEW_YORK)
    changes = tuple(change for name, zone in _PLACES if (change := _clock_change(name, zone, day)))
    return DayOutlook(
        day=day,
        closed=None if open_today else calendar.why_closed(day),
        early_close=calendar.is_early_close(day),
        close=schedule.session(day).close if open_today else None,
        clock_changes=changes,
        hours_apart=(_offset(ISRAEL, day) - _offset(NEW_YORK, day)) / timedelta(hours=1),
        occurrences=schedule.between(midnight, following),
    )


def _offset(zone: ZoneInfo, day: date) -> timedelta:
    return datetime.combine(day, time(12), zone).utcoffset() or timedelta(0)


def _clock_change(place: str, zone: ZoneInfo, day: date) -> str | None:
    moved = _offset(zone, day) - _offset(zone, day - timedelta(days=1))
    if not moved:
        return None
    direction = "forward" if moved > timedelta(0) else "back"
    return f"{place} moves its clocks {direction} {abs(moved) / timedelta(hours=1):g} h"
