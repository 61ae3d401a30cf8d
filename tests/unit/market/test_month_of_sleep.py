"""A month of a laptop that sleeps and wakes at random: what could be had is had, what could not is recorded."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from collector.config import ScheduleSettings, WindowsSettings
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.agenda import Agenda, DueRun, Limits, MissKind, PastRun, agenda, purge_of
from collector.market.calendar import Calendar
from collector.market.schedule import Schedule

CALENDAR = Calendar()
SCHEDULE = Schedule(WindowsSettings(), CALENDAR, ("SPY", "PLTR"))
REACH = 3
START = datetime(2026, 10, 19, 12, 0, tzinfo=UTC)  # a month with Israel's and New York's clock changes
END = datetime(2026, 11, 28, 4, 0, tzinfo=UTC)  # … and an early close
STEP = timedelta(minutes=30)


@dataclass
class Laptop:
    """A machine with a gateway that is sometimes down, and contracts of which one expires at every session.

    settled: (session, expiration) of what was collected. could: the same of what could have been at some look.
    """

    settled: set[tuple[date, date]] = field(default_factory=set)
    could: set[tuple[date, date]] = field(default_factory=set)
    runs: list[PastRun] = field(default_factory=list)
    known: set[tuple[Window, date, MissKind]] = field(default_factory=set)

    def look(self, now: datetime) -> Agenda:
        """Ask what is due, and note the misses."""
        found = agenda(SCHEDULE, now, self.runs, START, ScheduleSettings(), Limits(reach=REACH), self.known)
        self.known |= {one.key for one in found.missed}
        return found

    def start(self, due: DueRun, now: datetime, gateway: bool, cut: bool) -> None:
        """Run a window: it fails without a gateway, may be cut off by the power, else settles what IB still has."""
        window, day = due.occurrence.key
        assert not any(run.key == (window, day) and run.status is RunStatus.SUCCESS for run in self.runs)
        if cut:
            self.runs.append(PastRun(window, day, RunStatus.RUNNING, now))
            return
        if not gateway and window not in (Window.GAP_CHECK, Window.WEEKLY, Window.BACKUP):
            self.runs.append(PastRun(window, day, RunStatus.FAILED, now, now, gateway_down=True))
            return
        sessions: list[date] = []
        if window is Window.EOD:
            sessions = [day]
        elif window is Window.LATE_NIGHT:
            sessions = list(CALENDAR.days(day - timedelta(days=14), day))[-REACH:]
        for session in sessions:
            self.settled |= {pair for pair in pairs(session) if now < purge_of(pair[1])}
        self.runs.append(PastRun(window, day, RunStatus.SUCCESS, now, now))


def pairs(session: date) -> Iterator[tuple[date, date]]:
    """Yield a session with the expirations of its contracts: that day, and the six sessions after it."""
    expiration = session
    for _ in range(7):
        yield session, expiration
        expiration = CALENDAR.next(expiration)


@pytest.mark.parametrize("seed", range(4))
def test_a_month_of_sleep(seed: int) -> None:
    """No success is run again; all that could be had at a wake is settled; each session with a loss is on record."""
    laptop = Laptop()
    first = SCHEDULE.between(START, START + timedelta(days=1))[0].run_date
    now = live(laptop, random.Random(seed))
    for _ in range(96):  # two quiet days with everything up: whatever can be had still is
        for due in laptop.look(now).due:
            laptop.start(due, now, gateway=True, cut=False)
        now += STEP
    last = CALENDAR.last_completed(END, "SPY").day
    for session in CALENDAR.days(first, last):
        within_reach = {pair for pair in pairs(session) if pair[1] > last}  # not purged when the month ended
        assert within_reach <= laptop.settled
        if (session, session) not in laptop.settled:
            assert (Window.EOD, session, MissKind.LAST_CHANCE) in laptop.known
        for pair in pairs(session):
            assert pair in laptop.settled or pair not in laptop.could
    recorded = {(window, day) for window, day, _ in laptop.known} | {
        run.key for run in laptop.runs if run.status is RunStatus.SUCCESS
    }
    assert set() == {one.key for one in SCHEDULE.between(START, END)} - recorded


def live(laptop: Laptop, randomness: random.Random) -> datetime:
    """Let the month pass with random power, gateway and cuts; return its end."""
    now, awake, gateway = START, True, True
    until = now
    while now < END:
        if now >= until:
            awake = not awake
            until = now + timedelta(hours=randomness.expovariate(1 / (5 if awake else 14)))
            gateway = randomness.random() < 0.8
        if awake and wake(laptop, randomness, now, gateway):
            awake, until = False, now + timedelta(hours=2)
        now += STEP
    return now


def wake(laptop: Laptop, randomness: random.Random, now: datetime, gateway: bool) -> bool:
    """Do what is due; return whether the power was cut meanwhile."""
    for due in laptop.look(now).due:
        cut = randomness.random() < 0.1
        if gateway and not cut and due.occurrence.window in (Window.EOD, Window.LATE_NIGHT):
            laptop.could |= {pair for pair in pairs(due.occurrence.run_date) if now < purge_of(pair[1])}
        laptop.start(due, now, gateway, cut)
        if cut:
            return True
    return False
