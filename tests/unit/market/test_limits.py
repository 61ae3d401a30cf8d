"""What ends the time of a run: clock times of Israel and New York by hand."""

from datetime import UTC, datetime, time

from collector.config import Settings
from collector.domain.pacing.forecast import Limit, LimitKind
from collector.market.calendar import Calendar
from collector.market.limits import limits
from collector.market.schedule import Schedule

SCHEDULE = Schedule(Settings().windows, Calendar(), ("SPY",))


def utc(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of 2026."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_the_evening_of_a_friday() -> None:
    """Eod at 23:45 in Israel ends when late_night begins at 1:00; the gateway restarts at 6:30."""
    late_night = utc(11, 20, 23)
    assert limits(SCHEDULE, utc(11, 20, 21, 45), late_night, time(6, 30), "Asia/Jerusalem") == (
        Limit(LimitKind.DEADLINE, late_night, "late_night"),
        Limit(LimitKind.RESTART, utc(11, 21, 4, 30)),
    )


def test_without_deadline_the_next_window_counts() -> None:
    """Late_night on Saturday has none: the weekly report is at noon; a gateway that does not restart ends nothing."""
    assert limits(SCHEDULE, utc(11, 20, 23), None, None, "Asia/Jerusalem") == (
        Limit(LimitKind.NEXT_WINDOW, utc(11, 21, 10), "weekly"),
    )


def test_a_deadline_of_its_own_comes_beside_the_next_window() -> None:
    """A deadline that is no window's beginning has no name; one that has passed does not count."""
    begins = utc(11, 20, 21, 45)
    assert limits(SCHEDULE, begins, utc(11, 20, 22, 30), None, "Asia/Jerusalem") == (
        Limit(LimitKind.DEADLINE, utc(11, 20, 22, 30)),
        Limit(LimitKind.NEXT_WINDOW, utc(11, 20, 23), "late_night"),
    )
    assert limits(SCHEDULE, begins, utc(11, 20, 21), None, "Asia/Jerusalem") == (
        Limit(LimitKind.NEXT_WINDOW, utc(11, 20, 23), "late_night"),
    )


def test_the_restart_keeps_to_the_clocks_of_its_zone() -> None:
    """On the night of 24 to 25 October Israel leaves summer time: 6:30 is 3:30 UTC before it and 4:30 after."""
    restart = [limits(SCHEDULE, utc(10, day, 21), None, time(6, 30), "Asia/Jerusalem")[-1].at for day in (23, 24)]
    assert restart == [utc(10, 24, 3, 30), utc(10, 25, 4, 30)]
