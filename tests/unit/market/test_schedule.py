"""Due times, run dates, spans and deadlines against a table written by hand."""

from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.config import Settings, WindowsSettings
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.spans import Span
from collector.domain.run_vocabulary import BY_HAND, Window
from collector.market.calendar import Calendar
from collector.market.outlook import outlook, weekly_reset
from collector.market.schedule import Occurrence, Schedule

CALENDAR = Calendar()
SYMBOLS = ("SPY", "PLTR", "TSLA")
SCHEDULE = Schedule(Settings().windows, CALENDAR, SYMBOLS)  # no archive has a place there


def utc(text: str) -> datetime:
    """Return an instant from 'YYYY-MM-DD HH:MM' in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hand_checked() -> list[tuple[str, list[list[str]]]]:
    """Return the table: run date -> its lines."""
    text = Path(__file__).with_name("hand_checked_windows.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return [(day, list(rows)) for day, rows in groupby(lines, key=lambda line: line[0])]


TABLE = hand_checked()


def test_the_table_is_large_enough() -> None:
    """At least thirty dates are checked by hand."""
    assert len({day for day, _ in TABLE}) >= 30


@pytest.mark.parametrize(("day", "rows"), TABLE, ids=[day for day, _ in TABLE])
def test_hand_checked_date(day: str, rows: list[list[str]]) -> None:
    """A date's windows are exactly those of the table, at those instants and wall-clock times."""
    expected = [(row[1], f"{row[2]} {row[3]}", f"{row[4]} {row[5]}") for row in rows if row[1] != "-"]
    israel = ZoneInfo("Asia/Jerusalem")
    found = [
        (str(one.window), f"{one.due:%Y-%m-%d %H:%M}", f"{one.due.astimezone(israel):%Y-%m-%d %H:%M}")
        for one in SCHEDULE.of_session(date.fromisoformat(day))
    ]
    assert found == expected


def only(schedule: Schedule, window: Window, day: date) -> Occurrence:
    """Return a window of a session."""
    (found,) = (one for one in schedule.of_session(day) if one.window is window)
    return found


def test_eod_after_midnight_in_israel_keeps_its_run_date() -> None:
    """An eod set to 17:30 New York is due on the next date in Israel and still belongs to the session."""
    schedule = Schedule(WindowsSettings.model_validate({"eod": {"time": "17:30"}}), CALENDAR, SYMBOLS)
    eod = only(schedule, Window.EOD, date(2026, 11, 20))
    assert eod.due == utc("2026-11-20 22:30")  # 00:30 on the 21st in Israel
    assert eod.run_date == date(2026, 11, 20)


def test_eod_waits_for_the_last_product() -> None:
    """Fifteen minutes after the last close of what is collected: 13:15 without a late product, never before 16:15."""
    early = Schedule(WindowsSettings(), CALENDAR, ("PLTR", "TSLA"))
    assert only(early, Window.EOD, date(2026, 11, 27)).due == utc("2026-11-27 18:15")
    hasty = Schedule(WindowsSettings.model_validate({"eod": {"time": "16:05"}}), CALENDAR, SYMBOLS)
    assert only(hasty, Window.EOD, date(2026, 11, 20)).due == utc("2026-11-20 21:30")


def test_windows_that_an_early_close_overtakes() -> None:
    """The afternoon window falls away on an early-close day, and says why."""
    schedule = Schedule(WindowsSettings.model_validate({"afternoon": {"enabled": True}}), CALENDAR, SYMBOLS)
    assert Window.AFTERNOON not in {one.window for one in schedule.of_session(date(2026, 11, 27))}
    assert Window.AFTERNOON in {one.window for one in schedule.of_session(date(2026, 11, 25))}
    assert schedule.skipped(Window.AFTERNOON, date(2026, 11, 27)) == "early close: the session is over by then"
    assert schedule.skipped(Window.AFTERNOON, date(2026, 11, 25)) is None


def test_expiry_check_only_where_something_expires() -> None:
    """The expiry check is due on sessions on which a selected contract expires."""
    fridays = Schedule(WindowsSettings(), CALENDAR, ("PLTR",), expiring=lambda day: day.weekday() == 4)
    assert Window.EXPIRY_CHECK not in {one.window for one in fridays.of_session(date(2026, 11, 19))}
    assert Window.EXPIRY_CHECK in {one.window for one in fridays.of_session(date(2026, 11, 20))}
    assert fridays.skipped(Window.EXPIRY_CHECK, date(2026, 11, 19)) == "no selected contract expires"


def test_weekdays_count_in_the_windows_own_zone() -> None:
    """Without Saturday nights in Israel, Friday's session has no late night."""
    quiet = WindowsSettings.model_validate({"late_night": {"weekdays": ["tue", "wed", "thu", "fri"]}})
    schedule = Schedule(quiet, CALENDAR, SYMBOLS)
    assert Window.LATE_NIGHT not in {one.window for one in schedule.of_session(date(2026, 11, 20))}
    assert Window.LATE_NIGHT in {one.window for one in schedule.of_session(date(2026, 11, 19))}


@pytest.mark.parametrize(
    ("window", "now", "start", "end"),
    [
        (Window.MORNING, "2026-11-20 15:00", "2026-11-20 14:30", "2026-11-20 15:00"),
        (Window.MORNING, "2026-11-20 15:07", "2026-11-20 14:30", "2026-11-20 15:05"),  # late: from where it would have
        (Window.MIDDAY, "2026-11-20 17:30", "2026-11-20 14:30", "2026-11-20 17:30"),
        (Window.AFTERNOON, "2026-11-20 19:31", "2026-11-20 14:30", "2026-11-20 19:30"),
        (Window.EXPIRY_CHECK, "2026-11-20 20:00", "2026-11-20 14:30", "2026-11-20 20:00"),
        (Window.EOD, "2026-11-20 21:45", "2026-11-20 14:30", "2026-11-20 21:15"),
        (Window.EOD, "2026-11-24 09:00", "2026-11-20 14:30", "2026-11-20 21:15"),  # caught up days later
    ],
)
def test_spans(window: Window, now: str, start: str, end: str) -> None:
    """Each window asks for its span of complete slots inside the session."""
    schedule = Schedule(WindowsSettings.model_validate({"afternoon": {"enabled": True}}), CALENDAR, SYMBOLS)
    occurrence = only(schedule, window, date(2026, 11, 20))
    assert schedule.span(OPTION_BARS_5MIN, occurrence, utc(now)) == Span(utc(start), utc(end))


def test_a_short_span_late_in_the_session() -> None:
    """A length reaches back from the due time, not from the open."""
    schedule = Schedule(WindowsSettings.model_validate({"midday": {"span": "45m"}}), CALENDAR, SYMBOLS)
    midday = only(schedule, Window.MIDDAY, date(2026, 11, 20))
    assert schedule.span(OPTION_BARS_5MIN, midday, utc("2026-11-20 17:32")) == Span(
        utc("2026-11-20 16:45"), utc("2026-11-20 17:30")
    )


def test_windows_without_a_span() -> None:
    """Late night has what is unsettled, the gap check nothing; before the open there is no span yet."""
    night = only(SCHEDULE, Window.LATE_NIGHT, date(2026, 11, 20))
    assert SCHEDULE.span(OPTION_BARS_5MIN, night, night.due) is None
    assert SCHEDULE.span(OPTION_BARS_5MIN, only(SCHEDULE, Window.GAP_CHECK, date(2026, 11, 20)), night.due) is None
    assert (
        SCHEDULE.span(OPTION_BARS_5MIN, only(SCHEDULE, Window.EOD, date(2026, 11, 20)), utc("2026-11-20 14:34")) is None
    )


@pytest.mark.parametrize(
    ("window", "day", "deadline"),
    [
        (Window.MORNING, date(2026, 11, 20), "2026-11-20 17:30"),  # midday
        (Window.MIDDAY, date(2026, 11, 20), "2026-11-20 20:00"),  # the expiry check
        (Window.EXPIRY_CHECK, date(2026, 11, 20), "2026-11-20 21:45"),  # eod
        (Window.EOD, date(2026, 11, 20), "2026-11-20 23:00"),  # late night: an hour and a quarter
        (Window.EOD, date(2026, 3, 9), "2026-03-09 23:00"),  # 6 hours apart: two and a quarter
        (Window.LATE_NIGHT, date(2026, 11, 19), "2026-11-20 06:00"),  # the gap check
        (Window.LATE_NIGHT, date(2026, 11, 20), "2026-11-21 10:00"),  # Saturday's weekly report
        (Window.MIDDAY, date(2026, 11, 27), "2026-11-27 18:30"),  # eod after the early close
    ],
)
def test_deadline_is_the_successors_start(window: Window, day: date, deadline: str) -> None:
    """What a window has not finished when the next one starts is deferred."""
    occurrence = only(SCHEDULE, window, day)
    assert SCHEDULE.deadline(occurrence, occurrence.due) == utc(deadline)


def test_deadline_of_a_late_run() -> None:
    """A window caught up later has until the next one from then on."""
    eod = only(SCHEDULE, Window.EOD, date(2026, 11, 20))
    assert SCHEDULE.deadline(eod, utc("2026-11-23 16:00")) == utc("2026-11-23 17:30")


def test_configured_deadlines() -> None:
    """A deadline may be a wall-clock time in the window's zone, or none."""
    windows = WindowsSettings.model_validate({"eod": {"deadline": "17:30"}, "late_night": {"deadline": "none"}})
    schedule = Schedule(windows, CALENDAR, SYMBOLS)
    eod = only(schedule, Window.EOD, date(2026, 11, 20))
    night = only(schedule, Window.LATE_NIGHT, date(2026, 11, 20))
    assert schedule.deadline(eod, eod.due) == utc("2026-11-20 22:30")
    assert schedule.deadline(night, night.due) is None


def test_nothing_follows_when_all_is_off() -> None:
    """A schedule without windows has no next one and no deadline."""
    off = {str(window): {"enabled": False} for window in Window if window not in BY_HAND}
    schedule = Schedule(WindowsSettings.model_validate(off), CALENDAR, SYMBOLS)
    assert schedule.following(utc("2026-11-20 12:00")) is None
    assert schedule.between(utc("2026-11-01 00:00"), utc("2026-12-01 00:00")) == ()


def test_between_is_half_open_and_ordered() -> None:
    """A range holds what is due from its start on and before its end."""
    found = SCHEDULE.between(utc("2026-11-20 15:00"), utc("2026-11-20 21:45"))
    assert [one.window for one in found] == [Window.MORNING, Window.MIDDAY, Window.EXPIRY_CHECK]


def test_outlook_marks_what_is_unusual() -> None:
    """Holidays, early closes and clock changes are named on their days."""
    notes = {day.day: day.notes for day in outlook(SCHEDULE, date(2026, 11, 25), 4)}
    assert notes[date(2026, 11, 25)] == ()
    assert notes[date(2026, 11, 26)] == ("the exchange is closed for Thanksgiving Day",)
    assert notes[date(2026, 11, 27)] == ("early close 13:15 New York",)
    march = {day.day: day for day in outlook(SCHEDULE, date(2026, 3, 7), 21)}
    assert march[date(2026, 3, 8)].notes == ("New York moves its clocks forward 1 h", "Israel is 6 hours ahead")
    assert march[date(2026, 3, 27)].notes == ("Israel moves its clocks forward 1 h", "Israel is 7 hours ahead")
    assert [march[day].hours_apart for day in (date(2026, 3, 7), date(2026, 3, 9))] == [7.0, 6.0]
    autumn = {day.day: day for day in outlook(SCHEDULE, date(2026, 10, 24), 9)}
    assert autumn[date(2026, 10, 25)].notes == ("Israel moves its clocks back 1 h", "Israel is 6 hours ahead")
    assert autumn[date(2026, 11, 1)].notes == ("New York moves its clocks back 1 h", "Israel is 7 hours ahead")


def test_outlook_of_a_day() -> None:
    """A day in New York lists what is due on it, also what belongs to another session."""
    (friday,) = outlook(SCHEDULE, date(2026, 11, 27), 1)
    assert [(one.window, one.run_date) for one in friday.occurrences] == [
        (Window.GAP_CHECK, date(2026, 11, 25)),
        (Window.MORNING, date(2026, 11, 27)),
        (Window.EXPIRY_CHECK, date(2026, 11, 27)),
        (Window.MIDDAY, date(2026, 11, 27)),
        (Window.EOD, date(2026, 11, 27)),
        (Window.DAILY_BARS, date(2026, 11, 27)),
        (Window.LATE_NIGHT, date(2026, 11, 27)),
    ]
    assert friday.occurrences[0].note == "moved: no session since Wed 2026-11-25"


@pytest.mark.parametrize(
    ("now", "reset"),
    [
        ("2026-11-20 21:44", None),  # Friday, a minute before eod is due
        ("2026-11-20 21:45", "2026-11-22 06:00"),
        ("2026-11-21 20:00", "2026-11-22 06:00"),  # Saturday
        ("2026-11-22 05:59", "2026-11-22 06:00"),
        ("2026-11-22 06:00", None),  # Sunday 01:00 in New York: it has happened
        ("2026-11-18 21:45", None),  # a Wednesday
        ("2026-11-27 18:29", None),  # an early close, eod at 13:30
        ("2026-11-27 18:30", "2026-11-29 06:00"),
        ("2026-04-02 20:45", "2026-04-05 05:00"),  # the Thursday before Good Friday, summer time
        ("2026-10-31 12:00", "2026-11-01 05:00"),  # the clocks go back an hour after the reset
    ],
)
def test_the_weekly_reset_is_told_after_the_last_session(now: str, reset: str | None) -> None:
    """From the week's last eod on, until Sunday 01:00 in New York, the owner can be told that a login is due."""
    assert weekly_reset(SCHEDULE, utc(now)) == (None if reset is None else utc(reset))


def test_a_place_for_the_archive_brings_its_window() -> None:
    """It is due at 03:00 in New York on the morning after a session, and only where the archive has a place."""
    settings = Settings.model_validate({"archive": {"place": "s3://bars/collector"}})
    friday = Schedule(settings.windows, CALENDAR, SYMBOLS).of_session(date(2026, 11, 20))
    [due] = [one.due for one in friday if one.window is Window.ARCHIVE]
    assert due == datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    assert Window.ARCHIVE not in Settings().windows.enabled
