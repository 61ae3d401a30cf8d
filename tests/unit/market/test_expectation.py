"""Which windows should have run by now: written by hand from the exchange's calendar, case by case."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from collector.config import ScheduleSettings, WindowsSettings
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.agenda import PastRun
from collector.market.calendar import Calendar
from collector.market.expectation import Outstanding, outstanding
from collector.market.schedule import Schedule

_OFF = {"enabled": False}
SCHEDULE = Schedule(
    WindowsSettings.model_validate({"daily_bars": _OFF, "archive": _OFF}), Calendar(), ("SPY", "PLTR", "TSLA")
)
SETTINGS = ScheduleSettings()
OK, PARTIAL, FAILED, RUNNING, CUT_OFF = (
    RunStatus.SUCCESS,
    RunStatus.PARTIAL,
    RunStatus.FAILED,
    RunStatus.RUNNING,
    RunStatus.INTERRUPTED,
)
EOD, MORNING, MIDDAY, CHECK, NIGHT, GAPS, CHAINS, WEEKLY, BACKUP = (
    Window.EOD,
    Window.MORNING,
    Window.MIDDAY,
    Window.EXPIRY_CHECK,
    Window.LATE_NIGHT,
    Window.GAP_CHECK,
    Window.CHAIN_REFRESH,
    Window.WEEKLY,
    Window.BACKUP,
)
GATEWAY_DOWN = "gateway down"


def utc(text: str) -> datetime:
    """Return an instant from 'YYYY-MM-DD HH:MM' in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def run(window: Window, day: str, started: str, status: RunStatus = OK, note: str = "") -> PastRun:
    """Return a run of five minutes."""
    start = utc(started)
    end = None if status is RUNNING else start + timedelta(minutes=5)
    down = note == GATEWAY_DOWN
    return PastRun(window, date.fromisoformat(day), status, start, end, gateway_down=down, alive=status is RUNNING)


def found(now: str, since: str, runs: Sequence[PastRun]) -> tuple[Outstanding, ...]:
    """Return what is outstanding at an instant."""
    return outstanding(SCHEDULE, utc(now), runs, utc(since), SETTINGS)


FRI, PRE = "2026-11-20", "2026-11-20 12:00"  # a Friday in winter: New York is UTC-5
UNTIL_CHECK = [
    run(MORNING, FRI, "2026-11-20 15:00"),
    run(MIDDAY, FRI, "2026-11-20 17:30"),
    run(CHECK, FRI, "2026-11-20 20:00"),
]
DONE = [*UNTIL_CHECK, run(EOD, FRI, "2026-11-20 21:45"), run(NIGHT, FRI, "2026-11-20 23:00")]
BACKED_UP = [*DONE, run(BACKUP, FRI, "2026-11-21 07:00")]
WEDNESDAYS_BACKUP = [run(BACKUP, "2026-11-25", "2026-11-26 07:00")]
CHAINS_AND_GAPS = [run(CHAINS, "2026-11-23", "2026-11-22 23:00"), run(GAPS, FRI, "2026-11-23 06:00")]
JUNE = "2026-06-19 06:00"

CASES = [
    ("before the first window", "2026-11-20 14:59", PRE, [], []),
    ("due this very minute: grace", "2026-11-20 15:00", PRE, [], []),
    ("29 minutes late: grace", "2026-11-20 15:29", PRE, [], []),
    ("30 minutes late", "2026-11-20 15:30", PRE, [], [(MORNING, FRI)]),
    ("it has run", "2026-11-20 15:30", PRE, UNTIL_CHECK[:1], []),
    ("it has run in part", "2026-11-20 16:30", PRE, [run(MORNING, FRI, "2026-11-20 15:00", PARTIAL)], []),
    ("it failed", "2026-11-20 15:40", PRE, [run(MORNING, FRI, "2026-11-20 15:00", FAILED)], [(MORNING, FRI)]),
    ("it was cut off", "2026-11-20 15:40", PRE, [run(MORNING, FRI, "2026-11-20 15:00", CUT_OFF)], [(MORNING, FRI)]),
    ("it is at work", "2026-11-20 23:40", PRE, [*UNTIL_CHECK, run(EOD, FRI, "2026-11-20 21:45", RUNNING)], []),
    ("midday made the missed morning good", "2026-11-20 18:30", PRE, UNTIL_CHECK[1:2], []),
    ("midday, late itself, is named for both", "2026-11-20 18:01", PRE, [], [(MIDDAY, FRI)]),
    ("the session is over: eod is named alone", "2026-11-20 22:15", PRE, [], [(EOD, FRI)]),
    ("eod within its grace after a bad day", "2026-11-20 22:14", PRE, [], []),
    ("late_night is named for eod and itself", "2026-11-21 00:00", PRE, [], [(NIGHT, FRI)]),
    ("late_night made the missed eod good", "2026-11-21 00:00", PRE, [*UNTIL_CHECK, DONE[-1]], []),
    ("Friday is done; Saturday has no gap check", "2026-11-21 08:00", PRE, BACKED_UP, []),
    ("Saturday 02:00 in New York: Friday's backup", "2026-11-21 07:30", PRE, DONE, [(BACKUP, FRI)]),
    ("the weekly report, 12:00 in Israel", "2026-11-21 10:30", PRE, BACKED_UP, [(WEEKLY, FRI)]),
    ("Sunday and Monday have no backup", "2026-11-23 14:30", "2026-11-21 12:30", CHAINS_AND_GAPS, []),
    ("Sunday: the chains for Monday", "2026-11-22 23:31", "2026-11-22 06:00", [], [(CHAINS, "2026-11-23")]),
    ("Monday 08:00 in Israel: Friday's gap check", "2026-11-23 06:30", "2026-11-22 23:30", [], [(GAPS, FRI)]),
    ("Thanksgiving: closed all day", "2026-11-27 05:00", "2026-11-26 06:30", WEDNESDAYS_BACKUP, []),
    (
        "Friday after it: Wednesday's gap check",
        "2026-11-27 06:30",
        "2026-11-26 06:30",
        WEDNESDAYS_BACKUP,
        [(GAPS, "2026-11-25")],
    ),
    ("early close: eod 15 minutes after 13:15", "2026-11-27 19:00", "2026-11-27 18:20", [], [(EOD, "2026-11-27")]),
    ("early close: within the grace", "2026-11-27 18:59", "2026-11-27 18:20", [], []),
    ("Good Friday 2027: closed", "2027-03-26 21:00", "2027-03-26 06:30", [], []),
    ("Juneteenth 2026: closed but for Thursday's backup", "2026-06-19 23:30", JUNE, [], [(BACKUP, "2026-06-18")]),
    ("... which is made", "2026-06-19 23:30", JUNE, [run(BACKUP, "2026-06-18", "2026-06-19 06:00")], []),
    ("Christmas Eve: eod at 13:30", "2026-12-24 19:00", "2026-12-24 18:20", [], [(EOD, "2026-12-24")]),
    (
        "New Year's Day: closed",
        "2027-01-01 22:30",
        "2027-01-01 06:30",
        [run(BACKUP, "2026-12-31", "2027-01-01 07:00")],
        [],
    ),
    (
        "Israel in winter, New York in summer: eod 20:45 UTC",
        "2026-10-26 21:15",
        "2026-10-26 19:30",
        [],
        [(EOD, "2026-10-26")],
    ),
    ("... and not earlier", "2026-10-26 21:14", "2026-10-26 19:30", [], []),
    ("in summer: eod 20:45 UTC", "2026-07-06 21:15", "2026-07-06 19:30", [], [(EOD, "2026-07-06")]),
]


@pytest.mark.parametrize(("now", "since", "runs", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_what_should_have_run(now: str, since: str, runs: list[PastRun], expected: list[tuple[Window, str]]) -> None:
    """Holidays, early closes, grace, and work that another window has done are all known."""
    late = [one for one in found(now, since, runs) if one.late(utc(now))]
    assert [(one.occurrence.window, one.occurrence.run_date.isoformat()) for one in late] == expected


def test_a_failure_needs_no_grace_to_be_known() -> None:
    """A failed window is known at once, with the reason, also while the back-off lasts; so that health can tell it."""
    (one,) = found("2026-11-20 15:07", PRE, [run(MORNING, FRI, "2026-11-20 15:00", FAILED, GATEWAY_DOWN)])
    assert (one.failed, one.late(utc("2026-11-20 15:07"))) == (True, False)
    assert str(one) == (
        "morning of 2026-11-20 was due at 2026-11-20 10:00 New York; its last attempt ended failed at "
        "2026-11-20 10:05: no gateway"
    )


def test_it_says_what_has_not_run() -> None:
    """A window that was never tried is named with the time at which it was due."""
    (one,) = found("2026-11-20 15:07", PRE, [])
    assert (one.failed, str(one)) == (
        False,
        "morning of 2026-11-20 was due at 2026-11-20 10:00 New York and has not run",
    )
