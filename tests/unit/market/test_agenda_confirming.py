"""What is due for empty answers that await a second witness: half an hour later, once, until late_night has come."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from collector.config import ScheduleSettings, WindowsSettings
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.agenda import Agenda, DueRun, PastRun, agenda
from collector.market.calendar import Calendar
from collector.market.schedule import Schedule

SCHEDULE = Schedule(
    WindowsSettings.model_validate({"daily_bars": {"enabled": False}}), Calendar(), ("SPY", "PLTR", "TSLA")
)
SETTINGS = ScheduleSettings(retry_first_s=300, retry_max_s=900, attempts=3)
FRIDAY = date(2026, 11, 20)  # in winter: New York is UTC-5, so eod is due at 21:45 and late_night at 23:00
SATURDAY = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


def utc(text: str) -> datetime:
    """Return an instant of that Friday from 'HH:MM' in UTC."""
    return datetime.fromisoformat(f"2026-11-20 {text}").replace(tzinfo=UTC)


def run(started: str, window: Window = Window.EOD, status: RunStatus = RunStatus.SUCCESS, minutes: int = 10) -> PastRun:
    """Return a run of Friday."""
    return PastRun(window, FRIDAY, status, utc(started), utc(started) + timedelta(minutes=minutes))


EARLIER = [
    run("15:00", Window.MORNING),
    run("17:30", Window.MIDDAY),
    run("20:00", Window.EXPIRY_CHECK),
]
CONFIRM = {FRIDAY: utc("22:16")}


def decide(now: str, *runs: PastRun, confirm: Mapping[date, datetime] | None = None) -> Agenda:
    """Return the agenda at an instant, after the windows inside the session have run."""
    past: Sequence[PastRun] = [*EARLIER, *runs]
    return agenda(SCHEDULE, utc(now), past, utc("12:00"), SETTINGS, confirm=CONFIRM if confirm is None else confirm)


def only(found: Agenda) -> DueRun:
    """Return the one run that is due."""
    (due,) = found.due
    return due


def test_eod_is_due_again_when_its_oldest_claim_is_half_an_hour_old() -> None:
    """Until then nothing is due, and the next look is at that instant; then it is eod's second attempt."""
    before = decide("22:15", run("21:45"))
    assert (before.due, before.missed, before.wake_at) == ((), (), utc("22:16"))
    due = only(decide("22:16", run("21:45")))
    assert due.occurrence.key == (Window.EOD, FRIDAY)
    assert (due.attempt, due.deadline, due.confirming, due.last_chance) == (2, utc("23:00"), True, True)


def test_nothing_waits_where_nothing_awaits() -> None:
    """Without such claims, or with claims of another session, eod is done once it has run."""
    for confirm in ({}, {date(2026, 11, 19): utc("10:00")}):
        found = decide("22:30", run("21:45"), confirm=confirm)
        assert (found.due, found.wake_at) == ((), utc("23:00"))


def test_an_eod_that_has_not_run_is_an_ordinary_one() -> None:
    """Claims of an earlier run by hand neither put eod off nor make it a confirmation."""
    due = only(decide("21:45"))
    assert (due.attempt, due.confirming) == (1, False)


def test_it_is_not_asked_twice() -> None:
    """An attempt that began at that instant has asked, whether it ended in success or partial."""
    for status in (RunStatus.SUCCESS, RunStatus.PARTIAL):
        assert decide("22:40", run("21:45"), run("22:16", status=status)).due == ()


def test_an_attempt_that_began_before_does_not_count() -> None:
    """A run by hand ten minutes after eod asked too early to prove anything."""
    due = only(decide("22:20", run("21:45", minutes=5), run("21:58", minutes=5)))
    assert (due.attempt, due.confirming) == (3, True)


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.INTERRUPTED])
def test_an_attempt_that_asked_nothing_is_repeated(status: RunStatus) -> None:
    """A confirming attempt that failed or was cut off is tried again after the usual back-off."""
    failed = run("22:16", status=status, minutes=1)
    waiting = decide("22:20", run("21:45"), failed)
    assert (waiting.due, waiting.wake_at) == ((), utc("22:27"))  # the second attempt's wait: twice five minutes
    assert only(decide("22:27", run("21:45"), failed)).confirming


def test_a_claim_that_came_later_is_asked_later() -> None:
    """What a long eod found empty near its end is half an hour old when the second attempt is over: a third follows."""
    attempts = (run("21:45", minutes=35), run("22:25", minutes=2))
    found = decide("22:40", *attempts, confirm={FRIDAY: utc("22:45")})
    assert (found.due, found.wake_at) == ((), utc("22:45"))
    assert only(decide("22:45", *attempts, confirm={FRIDAY: utc("22:45")})).attempt == 3


def test_a_partial_eod_does_not_wait_for_the_half_hour() -> None:
    """What failed is tried again after the back-off, as always; that is no confirmation."""
    due = only(decide("22:05", run("21:45", status=RunStatus.PARTIAL)))
    assert (due.attempt, due.confirming) == (2, False)


def test_late_night_takes_over() -> None:
    """When late_night is due the deadline of eod has passed: it asks, and eod does not."""
    assert [one.occurrence.window for one in decide("23:00", run("21:45")).due] == [Window.LATE_NIGHT]
    assert only(decide("23:00", run("21:45"))).confirming is False
    assert decide("23:20", run("21:45"), run("23:00", Window.LATE_NIGHT)).due == ()


def test_late_night_confirms_what_was_too_young_for_it() -> None:
    """A claim of eod's last minutes, or of late_night itself, is asked by a second attempt at late_night."""
    runs, confirm = (run("21:45"), run("23:00", Window.LATE_NIGHT)), {FRIDAY: utc("23:25")}
    found = decide("23:20", *runs, confirm=confirm)
    assert (found.due, found.wake_at) == ((), utc("23:25"))
    due = only(decide("23:25", *runs, confirm=confirm))
    assert (due.occurrence.key, due.attempt, due.confirming) == ((Window.LATE_NIGHT, FRIDAY), 2, True)
    assert decide("23:45", *runs, run("23:25", Window.LATE_NIGHT), confirm=confirm).due == ()


def test_a_deadline_without_late_night() -> None:
    """Where late_night is off, eod's own deadline ends the asking."""
    off = {"enabled": False}
    windows = WindowsSettings.model_validate({"late_night": off, "daily_bars": off, "eod": {"deadline": "17:30"}})
    schedule = Schedule(windows, Calendar(), ("SPY",))
    runs = [*EARLIER, run("21:45")]
    for now, due in (("22:29", 1), ("22:30", 0)):
        found = agenda(schedule, utc(now), runs, utc("12:00"), SETTINGS, confirm=CONFIRM)
        assert len(found.due) == due


def test_the_expiring_go_first() -> None:
    """Two things to do at once: the attempt that can save expiring contracts is the first."""
    found = agenda(
        SCHEDULE, utc("22:20"), [*EARLIER[:2], run("21:45")], utc("12:00"), SETTINGS, confirm=CONFIRM
    )  # the expiry check did not run: it is of no use any more, and eod has collected it
    assert [(one.occurrence.window, one.last_chance) for one in found.due] == [(Window.EOD, True)]
    assert [one.occurrence.window for one in found.missed] == [Window.EXPIRY_CHECK]


def test_a_late_run_has_its_own_deadline() -> None:
    """A late_night that a sleeping laptop ran in the morning confirms until the next window, not until its own hour."""
    runs = [PastRun(Window.LATE_NIGHT, FRIDAY, RunStatus.SUCCESS, SATURDAY, SATURDAY + timedelta(minutes=5))]
    confirm = {FRIDAY: SATURDAY + timedelta(minutes=31)}
    for minutes, due in ((30, 0), (31, 1)):
        now = SATURDAY + timedelta(minutes=minutes)
        found = agenda(SCHEDULE, now, [*EARLIER, run("21:45"), *runs], utc("12:00"), SETTINGS, confirm=confirm)
        confirming = [one for one in found.due if one.confirming]
        assert [one.occurrence.key for one in confirming] == [(Window.LATE_NIGHT, FRIDAY)] * due
