"""What is due: order, merging, back-off, misses."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from collector.config import ScheduleSettings, WindowsSettings
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.agenda import Agenda, Limits, Missed, MissKind, PastRun, agenda, purge_of
from collector.market.calendar import Calendar
from collector.market.schedule import Schedule

CALENDAR = Calendar()
SYMBOLS = ("SPY", "PLTR", "TSLA")
_OFF = {"enabled": False}
SCHEDULE = Schedule(WindowsSettings.model_validate({"daily_bars": _OFF, "archive": _OFF}), CALENDAR, SYMBOLS)
"""Without daily bars and the archive's pass, which are nobody's successor and have tests of their own."""
SETTINGS = ScheduleSettings(retry_first_s=300, retry_max_s=900, attempts=3)
THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
SINCE_FRIDAY = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def utc(text: str) -> datetime:
    """Return an instant from 'YYYY-MM-DD HH:MM' in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def run(
    window: Window,
    day: date,
    started: str,
    status: RunStatus = RunStatus.SUCCESS,
    *,
    gateway_down: bool = False,
    alive: bool = False,
) -> PastRun:
    """Return a run of ten minutes."""
    start = utc(started)
    end = None if status is RunStatus.RUNNING else start + timedelta(minutes=10)
    return PastRun(window, day, status, start, end, gateway_down=gateway_down, alive=alive)


def decide(
    now: str,
    runs: Sequence[PastRun] = (),
    since: datetime = SINCE_FRIDAY,
    schedule: Schedule = SCHEDULE,
    known: Sequence[tuple[Window, date, MissKind]] = (),
    limits: Limits | None = None,
) -> Agenda:
    """Return the agenda at an instant."""
    return agenda(schedule, utc(now), runs, since, SETTINGS, limits, known)


def names(found: Agenda) -> list[tuple[Window, date]]:
    """Return what is due, in order."""
    return [one.occurrence.key for one in found.due]


def misses(found: Agenda) -> list[tuple[Window, date, MissKind]]:
    """Return what was missed."""
    return sorted(one.key for one in found.missed)


def test_nothing_before_the_first_window() -> None:
    """Before a window is due there is nothing to do, and the next look is at its time."""
    found = decide("2026-11-20 14:59")
    assert (found.due, found.missed, found.wake_at) == ((), (), utc("2026-11-20 15:00"))


def test_a_window_is_due_at_its_minute() -> None:
    """At its time a window is due, with its deadline and first attempt."""
    (due,) = decide("2026-11-20 15:00").due
    assert due.occurrence.key == (Window.MORNING, FRIDAY)
    assert (due.attempt, due.deadline, due.merges) == (1, utc("2026-11-20 17:30"), ())


def test_once_only() -> None:
    """A window that ended in success is not due again."""
    found = decide("2026-11-20 15:20", [run(Window.MORNING, FRIDAY, "2026-11-20 15:00")])
    assert (found.due, found.missed) == ((), ())


def test_the_machine_slept_through_the_session() -> None:
    """At 17:00 New York one eod does the work of all; nothing was lost."""
    found = decide("2026-11-20 22:00")
    assert names(found) == [(Window.EOD, FRIDAY)]
    assert misses(found) == [
        (Window.EXPIRY_CHECK, FRIDAY, MissKind.NO_USE),
        (Window.MIDDAY, FRIDAY, MissKind.NO_USE),
        (Window.MORNING, FRIDAY, MissKind.NO_USE),
    ]


def test_midday_does_the_mornings_work() -> None:
    """A missed morning merges into midday, which reaches back to the open for the same contracts."""
    found = decide("2026-11-20 17:40")
    assert names(found) == [(Window.MIDDAY, FRIDAY)]
    assert [one.key for one in found.due[0].merges] == [(Window.MORNING, FRIDAY)]
    assert found.missed == ()  # not before midday has run
    after = decide("2026-11-20 18:00", [run(Window.MIDDAY, FRIDAY, "2026-11-20 17:40")])
    assert misses(after) == [(Window.MORNING, FRIDAY, MissKind.MERGED)]


def test_the_expiry_check_is_narrower_than_midday() -> None:
    """Midday does not merge into the expiry check, which asks for expiring contracts only; the check goes first."""
    assert names(decide("2026-11-20 20:10")) == [(Window.EXPIRY_CHECK, FRIDAY), (Window.MIDDAY, FRIDAY)]


def test_a_short_midday_does_not_hold_the_morning() -> None:
    """A window whose span begins later does not do an earlier one's work."""
    schedule = Schedule(WindowsSettings.model_validate({"midday": {"span": "1h"}}), CALENDAR, SYMBOLS)
    assert names(decide("2026-11-20 17:40", schedule=schedule)) == [(Window.MIDDAY, FRIDAY), (Window.MORNING, FRIDAY)]


def test_a_window_of_other_symbols_does_not_merge() -> None:
    """A window for SPY alone does no work of one for all symbols, but the reverse holds."""
    only_spy = Schedule(WindowsSettings.model_validate({"midday": {"symbols": ["SPY"]}}), CALENDAR, SYMBOLS)
    assert len(decide("2026-11-20 17:40", schedule=only_spy).due) == 2
    wider = Schedule(WindowsSettings.model_validate({"morning": {"symbols": ["SPY"]}}), CALENDAR, SYMBOLS)
    assert names(decide("2026-11-20 17:40", schedule=wider)) == [(Window.MIDDAY, FRIDAY)]


def test_late_night_does_eods_work() -> None:
    """A missed eod merges into late night, which settles the same slots and more."""
    found = decide("2026-11-21 00:30")
    assert names(found) == [(Window.LATE_NIGHT, FRIDAY)]
    assert [one.key for one in found.due[0].merges] == [(Window.EOD, FRIDAY)]
    assert found.due[0].last_chance


def test_a_week_asleep_is_one_late_night() -> None:
    """After five sessions asleep one late night repairs them all, and each lost last chance is named."""
    found = decide("2026-11-21 08:00", since=utc("2026-11-16 12:00"))  # Saturday, 03:00 New York
    assert names(found) == [(Window.LATE_NIGHT, FRIDAY), (Window.GAP_CHECK, THURSDAY)]
    lost = [one.occurrence.run_date for one in found.missed if one.kind is MissKind.LAST_CHANCE]
    assert lost == [date(2026, 11, day) for day in (16, 17, 18, 19, 20)]


def test_beyond_late_nights_reach() -> None:
    """Sessions further back than late night looks get runs of their own, each as wide as it can be."""
    found = decide("2026-11-21 08:00", since=utc("2026-11-09 12:00"))
    nights = [key for key in names(found) if key[0] is Window.LATE_NIGHT]
    assert nights == [(Window.LATE_NIGHT, date(2026, 11, 13)), (Window.LATE_NIGHT, FRIDAY)]


def test_too_old() -> None:
    """What lies further back than is caught up is recorded and left."""
    found = decide(
        "2026-11-21 08:00", since=utc("2026-11-09 12:00"), limits=Limits(reach=1, lookback=timedelta(days=5))
    )
    assert (Window.EOD, date(2026, 11, 13), MissKind.TOO_OLD) in misses(found)
    assert all(
        one.occurrence.run_date >= date(2026, 11, 16) for one in found.due if one.occurrence.window is Window.EOD
    )


def test_purge_hour() -> None:
    """Contracts can surely be had until the midnight in New York after they expire."""
    assert purge_of(FRIDAY) == utc("2026-11-21 05:00")
    assert purge_of(date(2026, 7, 1)) == utc("2026-07-02 04:00")


@pytest.mark.parametrize(
    ("runs", "lost"),
    [
        ([], True),
        ([run(Window.EOD, FRIDAY, "2026-11-20 21:45", RunStatus.FAILED, gateway_down=True)], True),
        ([run(Window.EOD, FRIDAY, "2026-11-20 21:45", RunStatus.PARTIAL)], False),
        ([run(Window.LATE_NIGHT, FRIDAY, "2026-11-21 04:50")], False),
        ([run(Window.LATE_NIGHT, FRIDAY, "2026-11-21 05:10")], True),  # ten minutes after midnight
        ([run(Window.MIDDAY, FRIDAY, "2026-11-20 17:30")], True),  # covers, but does not settle
    ],
)
def test_last_chance(runs: list[PastRun], lost: bool) -> None:
    """A last sure chance is missed when no settling run began before midnight; nothing is called lost for that."""
    found = decide("2026-11-21 06:00", runs)
    assert ((Window.EOD, FRIDAY, MissKind.LAST_CHANCE) in misses(found)) is lost
    reasons = {one.reason for one in found.missed if one.kind is MissKind.LAST_CHANCE}
    assert all("may have forgotten" in reason and "still asked for" in reason for reason in reasons)


def test_no_last_chance_where_nothing_expires() -> None:
    """A session on which nothing expires has no last chance to miss."""
    schedule = Schedule(SCHEDULE.windows, CALENDAR, SYMBOLS, expiring=lambda _day: False)
    assert MissKind.LAST_CHANCE not in {one.kind for one in decide("2026-11-21 06:00", schedule=schedule).missed}


def test_a_miss_is_named_once() -> None:
    """A recorded miss is not named again, and a lost last chance does not end the catching up."""
    first = decide("2026-11-21 06:00")
    again = decide("2026-11-21 06:05", known=[one.key for one in first.missed])
    assert again.missed == ()
    assert names(again) == names(first) == [(Window.LATE_NIGHT, FRIDAY)]


def test_back_off_while_the_gateway_is_down() -> None:
    """Attempts come after 5, 10, 15 and again 15 minutes, across windows; reports do not wait for the gateway."""
    down = [run(Window.EOD, FRIDAY, "2026-11-20 21:45", RunStatus.FAILED, gateway_down=True)]
    found = decide("2026-11-20 21:59", down)
    assert (found.due, found.wake_at) == ((), utc("2026-11-20 22:00"))
    (due,) = decide("2026-11-20 22:00", down).due
    assert due.attempt == 2
    down.append(run(Window.EOD, FRIDAY, "2026-11-20 22:00", RunStatus.FAILED, gateway_down=True))
    assert decide("2026-11-20 22:19", down).wake_at == utc("2026-11-20 22:20")
    down.append(run(Window.EOD, FRIDAY, "2026-11-20 22:40", RunStatus.FAILED, gateway_down=True))
    assert decide("2026-11-20 22:55", down).wake_at == utc("2026-11-20 23:00")  # late night's own time comes first
    found = decide("2026-11-20 23:01", down)  # late night is due, and waits for the same gateway
    assert (names(found), found.wake_at) == ([], utc("2026-11-20 23:05"))
    assert names(decide("2026-11-20 23:05", down)) == [(Window.LATE_NIGHT, FRIDAY)]
    night = run(Window.LATE_NIGHT, FRIDAY, "2026-11-20 23:05", RunStatus.FAILED, gateway_down=True)
    offline = decide("2026-11-23 06:00", [*down, night, *[night] * 20], since=SINCE_FRIDAY)
    assert (Window.GAP_CHECK, FRIDAY) in names(offline)


def test_a_gateway_that_came_back_ends_the_back_off() -> None:
    """One run that reached the gateway, and its failures before do not count any more."""
    runs = [
        run(Window.MORNING, FRIDAY, "2026-11-20 15:00", RunStatus.FAILED, gateway_down=True),
        run(Window.MORNING, FRIDAY, "2026-11-20 15:30", RunStatus.SUCCESS),
    ]
    assert names(decide("2026-11-20 17:30", runs)) == [(Window.MIDDAY, FRIDAY)]


def test_other_failures_are_tried_again_until_the_work_is_done() -> None:
    """A failed or cut-off eod is due again after its back-off, however often it failed."""
    runs = [run(Window.EOD, FRIDAY, f"2026-11-20 {at}", RunStatus.FAILED) for at in ("21:45", "22:00", "22:20")]
    assert names(decide("2026-11-20 22:44", runs)) == []
    (due,) = decide("2026-11-20 22:45", runs).due
    assert due.attempt == 4


def test_a_killed_run_is_repeated() -> None:
    """A run that was cut off (no end, no heartbeat) is due again."""
    killed = [run(Window.EOD, FRIDAY, "2026-11-20 21:45", RunStatus.RUNNING)]
    assert names(decide("2026-11-20 21:49", killed)) == []
    assert names(decide("2026-11-20 21:50", killed)) == [(Window.EOD, FRIDAY)]


def test_partial_runs() -> None:
    """A partial eod is tried again until its deadline, at most three times; late night does the rest."""
    partial = [run(Window.EOD, FRIDAY, "2026-11-20 21:45", RunStatus.PARTIAL)]
    assert names(decide("2026-11-20 22:00", partial)) == [(Window.EOD, FRIDAY)]
    thrice = [run(Window.EOD, FRIDAY, f"2026-11-20 {at}", RunStatus.PARTIAL) for at in ("21:45", "22:00", "22:20")]
    assert names(decide("2026-11-20 22:55", thrice)) == []
    found = decide("2026-11-20 23:00", partial)
    assert (names(found), misses(found)[-1:]) == (
        [(Window.LATE_NIGHT, FRIDAY)],
        [(Window.MORNING, FRIDAY, MissKind.MERGED)],
    )


def test_busy() -> None:
    """While a run is alive nothing else is due."""
    alive = [run(Window.EOD, FRIDAY, "2026-11-20 21:45", RunStatus.RUNNING, alive=True)]
    found = decide("2026-11-20 23:00", alive)
    assert (found.due, found.busy) == ((), alive[0])


def test_order() -> None:
    """The last chance goes first, then priority: late night before the gap check and the weekly report."""
    found = decide("2026-11-23 07:00", since=utc("2026-11-20 12:00"))
    assert names(found) == [
        (Window.LATE_NIGHT, FRIDAY),
        (Window.CHAIN_REFRESH, date(2026, 11, 23)),
        (Window.GAP_CHECK, FRIDAY),
        (Window.WEEKLY, FRIDAY),
    ]


def test_only_the_latest_report() -> None:
    """Of several missed gap checks only the last is made; the others are merged into it once it has run."""
    found = decide("2026-11-20 12:30", since=utc("2026-11-17 00:00"))
    checks = [key for key in names(found) if key[0] is Window.GAP_CHECK]
    assert checks == [(Window.GAP_CHECK, THURSDAY)]
    after = decide(
        "2026-11-20 13:00", [run(Window.GAP_CHECK, THURSDAY, "2026-11-20 12:30")], since=utc("2026-11-17 00:00")
    )
    assert (Window.GAP_CHECK, date(2026, 11, 17), MissKind.MERGED) in misses(after)


def test_pre_market_is_of_no_use_after_the_open() -> None:
    """A missed pre-market check is not made good."""
    schedule = Schedule(WindowsSettings.model_validate({"pre_market": {"enabled": True}}), CALENDAR, SYMBOLS)
    since = utc("2026-11-20 11:00")
    assert names(decide("2026-11-20 14:00", since=since, schedule=schedule)) == [(Window.PRE_MARKET, FRIDAY)]
    found = decide("2026-11-20 14:30", since=since, schedule=schedule)
    assert found.missed == (Missed(found.missed[0].occurrence, MissKind.NO_USE, "the session had opened"),)


def test_holidays_have_no_agenda() -> None:
    """On Thanksgiving nothing is due but Wednesday's backup until Friday's gap check."""
    done = [
        run(window, date(2026, 11, 25), "2026-11-25 23:10")
        for window in (Window.MORNING, Window.MIDDAY, Window.EXPIRY_CHECK, Window.EOD, Window.LATE_NIGHT)
    ]
    assert decide("2026-11-26 06:00", done, since=utc("2026-11-25 12:00")).wake_at == utc("2026-11-26 07:00")
    done.append(run(Window.BACKUP, date(2026, 11, 25), "2026-11-26 07:00"))
    found = decide("2026-11-26 20:00", done, since=utc("2026-11-25 12:00"))
    assert (found.due, found.missed, found.wake_at) == ((), (), utc("2026-11-27 06:00"))


def test_before_the_collector_existed() -> None:
    """Windows due before the schedule came into force were never meant to run."""
    found = decide("2026-11-20 14:00", since=utc("2026-11-20 13:55"))
    assert (found.due, found.missed) == ((), ())


WEDNESDAY = date(2026, 11, 18)
UP_TO_FRIDAY = utc("2026-11-20 06:50")
"""After Thursday's late night and gap check, ten minutes before its backup (02:00 in New York)."""


def backup_of(day: date, started: str, minutes: int, status: RunStatus = RunStatus.SUCCESS) -> PastRun:
    """Return a backup that took so many minutes."""
    start = utc(started)
    return PastRun(Window.BACKUP, day, status, start, start + timedelta(minutes=minutes))


def test_a_backup_is_due_the_morning_after_its_session() -> None:
    """At 02:00 in New York, until the gateway is next asked; the weekly report in between does not end it."""
    (due,) = decide("2026-11-20 07:00", since=UP_TO_FRIDAY).due
    assert (due.occurrence.key, due.deadline) == ((Window.BACKUP, THURSDAY), utc("2026-11-20 15:00"))
    (due,) = decide("2026-11-21 07:00", since=utc("2026-11-21 06:00")).due
    assert (due.occurrence.key, due.deadline) == ((Window.BACKUP, FRIDAY), utc("2026-11-22 23:00"))  # the chains' time


def test_a_late_backup_leaves_room_for_the_next_window() -> None:
    """It is not begun when half as much again as the last one took would not be over before the gateway is asked."""
    assert names(decide("2026-11-20 14:50", since=UP_TO_FRIDAY)) == [(Window.BACKUP, THURSDAY)]
    found = decide("2026-11-20 14:51", since=UP_TO_FRIDAY)
    assert (names(found), found.wake_at) == ([], utc("2026-11-20 15:00"))
    slow = [backup_of(WEDNESDAY, "2026-11-19 07:00", 60)]
    assert names(decide("2026-11-20 13:30", slow, since=UP_TO_FRIDAY)) == [(Window.BACKUP, THURSDAY)]
    assert names(decide("2026-11-20 13:31", slow, since=UP_TO_FRIDAY)) == []
    stopped = [*slow, backup_of(THURSDAY, "2026-11-20 07:00", 120, RunStatus.FAILED)]
    assert names(decide("2026-11-20 11:59", stopped, since=UP_TO_FRIDAY)) == [(Window.BACKUP, THURSDAY)]
    assert names(decide("2026-11-20 12:01", stopped, since=UP_TO_FRIDAY)) == []
    assert names(decide("2026-11-20 22:00", stopped, since=UP_TO_FRIDAY))[0] == (Window.EOD, FRIDAY)


def test_a_backup_waits_for_what_is_due() -> None:
    """A window that is due goes first; one that waits for a gateway holds it up for a last chance only."""
    found = decide("2026-11-20 15:00", since=UP_TO_FRIDAY)
    assert names(found) == [(Window.MORNING, FRIDAY)]
    down = [run(Window.EOD, FRIDAY, "2026-11-20 21:45", RunStatus.FAILED, gateway_down=True)]
    later = [run(Window.EOD, FRIDAY, "2026-11-21 06:50", RunStatus.FAILED, gateway_down=True)]
    merged = [*UNTIL_NIGHT, *later]
    assert names(decide("2026-11-20 21:58", [*UNTIL_NIGHT[:3], *down], since=UP_TO_FRIDAY)) == []  # purged at midnight
    assert names(decide("2026-11-21 07:00", merged, since=UP_TO_FRIDAY)) == [(Window.BACKUP, FRIDAY)]


UNTIL_NIGHT = [
    run(Window.MORNING, FRIDAY, "2026-11-20 15:00"),
    run(Window.MIDDAY, FRIDAY, "2026-11-20 17:30"),
    run(Window.EXPIRY_CHECK, FRIDAY, "2026-11-20 20:00"),
]


def test_only_the_latest_backup_is_made_good() -> None:
    """After days of sleep one backup is made; it holds what the others would have held."""
    since = utc("2026-11-17 00:00")
    found = decide("2026-11-21 08:00", [run(Window.LATE_NIGHT, FRIDAY, "2026-11-21 07:30")], since=since)
    assert [key for key in names(found) if key[0] is Window.BACKUP] == [(Window.BACKUP, FRIDAY)]
