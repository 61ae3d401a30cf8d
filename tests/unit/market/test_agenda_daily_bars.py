"""When the window of daily bars is due: after eod, in nobody's way, once a session."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from collector.config import ScheduleSettings, Settings, WindowsSettings
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.agenda import Agenda, MissKind, PastRun, agenda
from collector.market.calendar import Calendar
from collector.market.schedule import Schedule

SCHEDULE = Schedule(WindowsSettings(), Calendar(), ("SPY", "PLTR", "TSLA"))
SETTINGS = ScheduleSettings(retry_first_s=300, retry_max_s=900, attempts=3)
FRIDAY = date(2026, 11, 20)


def utc(text: str) -> datetime:
    """Return an instant from 'YYYY-MM-DD HH:MM' in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def run(window: Window, started: str, status: RunStatus = RunStatus.SUCCESS, minutes: int = 30) -> PastRun:
    """Return a run of Friday."""
    start = utc(started)
    return PastRun(window, FRIDAY, status, start, start + timedelta(minutes=minutes))


def decide(now: str, runs: Sequence[PastRun] = (), since: str = "2026-11-20 20:30") -> Agenda:
    """Return the agenda at an instant; the schedule began on Friday after the expiry check."""
    return agenda(SCHEDULE, utc(now), runs, utc(since), SETTINGS)


EOD = run(Window.EOD, "2026-11-20 21:45")


@pytest.mark.parametrize(
    ("now", "runs", "due"),
    [
        ("2026-11-20 22:29", [EOD], []),
        ("2026-11-20 22:30", [EOD], [Window.DAILY_BARS]),
        ("2026-11-20 22:30", [], [Window.EOD]),
        ("2026-11-20 22:37", [run(Window.EOD, "2026-11-20 21:45", RunStatus.FAILED, minutes=50)], []),
        ("2026-11-20 23:10", [EOD], [Window.LATE_NIGHT, Window.DAILY_BARS]),
        ("2026-11-20 23:10", [], [Window.LATE_NIGHT, Window.DAILY_BARS]),
        ("2026-11-20 22:50", [EOD, run(Window.DAILY_BARS, "2026-11-20 22:30", minutes=2)], []),
    ],
    ids=["too early", "eod is done", "eod first", "eod is tried again", "late night first", "no eod any more", "done"],
)
def test_it_waits_for_the_end_of_eod(now: str, runs: list[PastRun], due: list[Window]) -> None:
    """At 17:30 New York it is due once eod has ended, or late night has taken its work over."""
    assert [one.occurrence.window for one in decide(now, runs).due] == due


def test_it_ends_nobodys_time() -> None:
    """Eod has until late night, whatever is due in between; daily bars have until the next window, too."""
    (eod,) = decide("2026-11-20 21:45").due
    assert eod.deadline == utc("2026-11-20 23:00")
    (daily,) = decide("2026-11-20 22:30", [EOD]).due
    assert daily.deadline == utc("2026-11-20 23:00")


def test_the_latest_one_does_what_earlier_ones_missed() -> None:
    """After a week asleep one window of daily bars is due, and late night does not stand for it."""
    found = decide("2026-11-21 08:00", since="2026-11-16 12:00")
    assert [one.occurrence.key for one in found.due if one.occurrence.window is Window.DAILY_BARS] == [
        (Window.DAILY_BARS, FRIDAY)
    ]
    after = decide("2026-11-21 09:00", [run(Window.DAILY_BARS, "2026-11-21 08:00")], since="2026-11-16 12:00")
    merged = [one.occurrence.run_date.day for one in after.missed if one.occurrence.window is Window.DAILY_BARS]
    assert sorted(merged) == [16, 17, 18, 19]
    assert {one.kind for one in after.missed if one.occurrence.window is Window.DAILY_BARS} == {MissKind.MERGED}


def test_there_is_none_without_daily_bars() -> None:
    """A configuration without bars of a day has no window for them."""
    assert Window.DAILY_BARS in Settings().windows.enabled
    assert Window.DAILY_BARS not in Settings(underlying_bars=("5 mins",)).windows.enabled
