"""What is due where the owner has windows of his own: what covers them, and what they cover."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from collector.config import ScheduleSettings, WindowsSettings
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.agenda import Agenda, MissKind, PastRun, agenda
from collector.market.calendar import Calendar
from collector.market.schedule import Schedule

CALENDAR = Calendar()
SETTINGS = ScheduleSettings(retry_first_s=300, retry_max_s=900, attempts=3)
FRIDAY = date(2026, 11, 20)  # in winter: New York is UTC-5, so eod is due at 21:45 and late_night at 23:00
POWER_HOUR, EVENING, DAWN, CATCH_UP = map(Window, ("power_hour", "evening", "dawn", "catch_up"))
OWN: dict[Window, dict[str, Any]] = {
    Window.EOD: {"enabled": False},
    POWER_HOUR: {"time": "15:30", "span": "1h", "scope": "expiring_and_near"},
    CATCH_UP: {"time": "15:45", "span": "today", "priority": 60},
    EVENING: {"time": "17:30", "span": "session", "priority": 70},
    DAWN: {"time": "05:00", "weekdays": ["sat"], "span": "unsettled", "priority": 70},
}


def schedule(*own: Window, **more: Any) -> Schedule:  # noqa: ANN401 - keys of the window
    """Return the default schedule with windows of the owner's; `more` is written of the last one."""
    written = {str(window): OWN[window] for window in own}
    written[own[-1]] |= more
    written["daily_bars"] = {"enabled": False}
    return Schedule(WindowsSettings.model_validate(written), CALENDAR, ("SPY", "PLTR", "TSLA"))


def utc(text: str) -> datetime:
    """Return an instant from 'DD HH:MM' of November 2026 in UTC."""
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=UTC)


def ran(window: Window, started: str, status: RunStatus = RunStatus.SUCCESS) -> PastRun:
    """Return a run of Friday, of ten minutes."""
    return PastRun(window, FRIDAY, status, utc(started), utc(started) + timedelta(minutes=10))


INTRADAY = [ran(Window.MORNING, "20 15:00"), ran(Window.MIDDAY, "20 17:30"), ran(Window.EXPIRY_CHECK, "20 20:00")]


def decide(windows: Schedule, now: str, runs: Sequence[PastRun] = ()) -> Agenda:
    """Return the agenda at an instant; the schedule came into force on Friday morning."""
    return agenda(windows, utc(now), runs, utc("20 12:00"), SETTINGS)


def due(found: Agenda) -> list[Window]:
    """Return what is due, in order."""
    return [one.occurrence.window for one in found.due]


def missed(found: Agenda, window: Window) -> list[tuple[MissKind, str]]:
    """Return how and why a window was missed."""
    return [(one.kind, one.reason) for one in found.missed if one.occurrence.window is window]


def test_it_is_due_at_its_minute_and_once() -> None:
    """At its time it is due until eod; once it has run it is not."""
    windows = schedule(POWER_HOUR)
    assert decide(windows, "20 20:29", INTRADAY).wake_at == utc("20 20:30")
    (run,) = decide(windows, "20 20:30", INTRADAY).due
    assert (run.occurrence.key, run.attempt, run.deadline) == ((POWER_HOUR, FRIDAY), 1, utc("20 21:45"))
    assert decide(windows, "20 20:45", [*INTRADAY, ran(POWER_HOUR, "20 20:30")]).due == ()


def test_eod_and_late_night_cover_it() -> None:
    """Missed, it is of no use after the close, and done once eod or late_night has run, as morning is."""
    windows = schedule(POWER_HOUR)
    closed = [(MissKind.NO_USE, "the session had closed; eod collects it")]
    found = decide(windows, "20 22:00", INTRADAY)
    assert (due(found), missed(found, POWER_HOUR)) == ([Window.EOD], closed)
    for window, started in ((Window.EOD, "20 21:45"), (Window.LATE_NIGHT, "20 23:00")):
        found = decide(windows, "21 00:00", [ran(window, started)])
        merged = [(MissKind.MERGED, f"{window} of 2026-11-20 has collected it")]
        assert missed(found, POWER_HOUR) == missed(found, Window.MORNING) == merged


def test_a_wider_one_covers_those_before_it() -> None:
    """All contracts since the open are more than what any window inside the session asks for."""
    found = decide(schedule(POWER_HOUR, CATCH_UP), "20 20:50")
    assert due(found) == [CATCH_UP]
    merged = {one.window for one in found.due[0].merges}
    assert merged == {Window.MORNING, Window.MIDDAY, Window.EXPIRY_CHECK, POWER_HOUR}


@pytest.mark.parametrize("more", [{"scope": "expiring"}, {"symbols": ["SPY"]}, {"span": "2h"}])
def test_a_narrower_one_covers_less(more: dict[str, Any]) -> None:
    """Fewer contracts, symbols or hours are no midday."""
    assert Window.MIDDAY in due(decide(schedule(CATCH_UP, **more), "20 20:50"))


def test_one_for_the_whole_session_runs_after_its_close() -> None:
    """It is due when eod has run, too, and what it settles before midnight is no missed last chance."""
    windows = schedule(EVENING)
    assert due(decide(windows, "20 22:30", [*INTRADAY, ran(Window.EOD, "20 21:45")])) == [EVENING]
    failed = [*INTRADAY, *(ran(Window.EOD, at, RunStatus.FAILED) for at in ("20 21:45", "20 22:00"))]
    alone = schedule(Window.EOD, EVENING)
    assert missed(decide(alone, "20 22:40", INTRADAY[:2]), Window.EXPIRY_CHECK) == [
        (MissKind.NO_USE, "the session had closed; evening collects it")
    ]
    settled = [*failed, ran(EVENING, "20 22:30")]
    assert MissKind.LAST_CHANCE in {kind for kind, _ in missed(decide(windows, "21 06:00", failed), Window.EOD)}
    assert missed(decide(windows, "21 06:00", settled), Window.EOD) == []
    one_symbol = schedule(EVENING, symbols=["SPY"])
    assert MissKind.LAST_CHANCE in {kind for kind, _ in missed(decide(one_symbol, "21 06:00", settled), Window.EOD)}


def test_one_for_what_is_unsettled_covers_eod_and_late_night() -> None:
    """It looks back as late_night does; one for fewer contracts takes nothing off it."""
    assert due(decide(schedule(DAWN), "21 10:30")) == [DAWN, Window.WEEKLY]
    assert due(decide(schedule(DAWN, scope="expiring"), "21 10:30"))[:2] == [Window.LATE_NIGHT, DAWN]


def test_runs_of_a_window_that_is_not_there_any_more() -> None:
    """They change nothing but the back-off of a gateway that is down."""
    gone = [ran(Window("tea"), "20 20:10"), ran(Window("tea"), "20 21:50", RunStatus.PARTIAL)]
    found = decide(schedule(POWER_HOUR), "20 22:00", [*INTRADAY, *gone])
    assert due(found) == [Window.EOD]


@pytest.mark.parametrize(
    ("window", "more", "day", "at"),
    [
        (POWER_HOUR, {}, date(2026, 11, 25), "25 20:30"),
        (POWER_HOUR, {}, date(2026, 11, 27), None),  # the exchange closes at 13:00
        (EVENING, {}, date(2026, 11, 27), "27 22:30"),
        (EVENING, {"time": "16:00"}, FRIDAY, "20 21:30"),  # SPY trades until 16:15, and settles a quarter later
        (DAWN, {}, FRIDAY, "21 10:00"),
        (DAWN, {}, date(2026, 11, 19), None),  # due on Friday, and it runs on Saturdays only
    ],
)
def test_when_it_is_due(window: Window, more: dict[str, Any], day: date, at: str | None) -> None:
    """Inside the session or after its close on the session's date, or in the night after it."""
    found = [one.due for one in schedule(window, **more).of_session(day) if one.window is window]
    assert found == ([] if at is None else [utc(at)])
