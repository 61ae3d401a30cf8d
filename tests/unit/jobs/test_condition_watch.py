"""The watch over a run, in virtual time: what is told, when, how often, and what can never fail the run."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from collector.clock.virtual_time import VirtualClock
from collector.config import LogSettings, Settings
from collector.config.notify_settings import AlertSettings, NotifySettings
from collector.db.connection.pool import Database
from collector.domain.conditions import Condition, ConditionKind
from collector.domain.errors import DatabaseUnavailable, LockHeld
from collector.domain.pacing.pace import Pace
from collector.jobs.condition_watch import Watch, watching
from collector.market.calendar import Calendar
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished
from collector.runs.orders import Order
from collector.runs.source import NoSource

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

START = datetime(2026, 11, 20, 21, 45, tzinfo=UTC)
AWAY = Pace(waiting="nothing listens", condition=ConditionKind.GATEWAY_AWAY)
NEVER_FULL = AlertSettings(disk_free_gb=0, disk_used=1.0)
ALWAYS_FULL = AlertSettings(disk_free_gb=10**9)


class Source(NoSource):
    """A source whose pace a test sets."""

    current = Pace()

    @property
    def pace(self) -> Pace:
        """What the test has set."""
        return self.current


class Told:
    """What the owner is told, and when; takes so many seconds, or fails."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.conditions: list[Condition] = []
        self.at_s: list[float] = []
        self.done = 0
        self.takes_s = 0.0
        self.fails = False

    async def __call__(self, _finished: Finished, condition: Condition) -> None:
        """Take it down."""
        self.conditions.append(condition)
        self.at_s.append((self._clock.now() - START).total_seconds())
        await self._clock.sleep(self.takes_s)
        if self.fails:
            raise ZeroDivisionError
        self.done += 1


class Stage:
    """A run that does nothing but wait."""

    def __init__(self, folder: Path, alerts: AlertSettings = NEVER_FULL) -> None:
        self.clock = VirtualClock(START)
        self.source = Source(self.clock)
        self.told = Told(self.clock)
        settings = Settings(log=LogSettings(directory=folder), notify=NotifySettings(alerts=alerts))
        self.finished = Finished(1, cast("Order", None), START)
        self.parts = Parts(
            cast("Database", None),
            self.source,
            settings,
            Calendar(),
            self.clock,
            random.Random(1),
            tell=self.told,
        )

    async def stretch(self, pace: Pace, seconds: float) -> None:
        """Go on for so long with this pace."""
        self.source.current = pace
        await self.clock.sleep(seconds)

    @property
    def kinds(self) -> list[ConditionKind]:
        """What was told, in order."""
        return [one.kind for one in self.told.conditions]


def test_what_lasts_is_told_once_after_two_minutes(virtual_run: Run, tmp_path: Path) -> None:
    """An hour without the gateway is told once, two minutes after its beginning, and stands with its end."""

    async def main() -> None:
        stage = Stage(tmp_path)
        async with watching(stage.finished, stage.parts):
            await stage.stretch(Pace(), 62)
            await stage.stretch(AWAY, 3600)
            await stage.stretch(Pace(), 600)
        assert stage.kinds == [ConditionKind.GATEWAY_AWAY]
        assert stage.told.at_s == [185.0]
        (one,) = stage.finished.conditions
        assert (one.told, one.reason) == (True, "nothing listens")
        assert one.since == START + timedelta(seconds=65)
        assert one.until == START + timedelta(seconds=3665)

    virtual_run(main)


@pytest.mark.parametrize(("away_s", "back_s", "latest_s"), [(90, 10, 180), (60, 60, 300), (119, 1, 180)])
def test_flapping_is_told_once(virtual_run: Run, tmp_path: Path, away_s: int, back_s: int, latest_s: int) -> None:
    """A gateway that comes and goes for two hours is neither hidden nor told each time."""

    async def main() -> None:
        stage = Stage(tmp_path)
        async with watching(stage.finished, stage.parts):
            for _ in range(7200 // (away_s + back_s)):
                await stage.stretch(AWAY, away_s)
                await stage.stretch(Pace(), back_s)
        assert stage.kinds == [ConditionKind.GATEWAY_AWAY]
        assert stage.told.at_s[0] <= latest_s

    virtual_run(main)


def test_what_is_short_is_not_told(virtual_run: Run, tmp_path: Path) -> None:
    """A restart of the gateway that takes a minute and a half is nobody's business."""

    async def main() -> None:
        stage = Stage(tmp_path)
        async with watching(stage.finished, stage.parts):
            for _ in range(3):
                await stage.stretch(AWAY, 90)
                await stage.stretch(Pace(), 1200)
        assert stage.kinds == []

    virtual_run(main)


def test_a_disk_that_fills_up(virtual_run: Run, tmp_path: Path) -> None:
    """The rule's own thresholds decide; the reason says how full it is."""

    async def main() -> None:
        stage = Stage(tmp_path, ALWAYS_FULL)
        async with watching(stage.finished, stage.parts):
            await stage.clock.sleep(1000)
        assert stage.kinds == [ConditionKind.DISK_LOW]
        assert "GB free" in stage.told.conditions[0].reason

    virtual_run(main)


def test_pauses_in_a_row(virtual_run: Run, tmp_path: Path) -> None:
    """Pauses of a minute, each begun soon after the one before, add up; the reason says how many they are."""

    async def main() -> None:
        stage = Stage(tmp_path)
        async with watching(stage.finished, stage.parts):
            for number in range(1, 6):
                paused = Pace(pauses=number, paused_s=60.0, condition=ConditionKind.PACING_PAUSE)
                await stage.stretch(paused, 60)
                await stage.stretch(Pace(pauses=number), 15)
        assert stage.kinds == [ConditionKind.PACING_PAUSE]
        assert stage.told.conditions[0].reason == "3 pauses so far"

    virtual_run(main)


async def _asked(watch: Watch, clock: VirtualClock, seconds: float, error: BaseException | None = None) -> None:
    with watch.asking_database():
        await clock.sleep(seconds)
        if error is not None:
            raise error


def test_a_database_that_does_not_answer(virtual_run: Run, tmp_path: Path) -> None:
    """A question without an answer is a database that is away, also after the question has failed for that."""

    async def main() -> None:
        stage = Stage(tmp_path)
        async with watching(stage.finished, stage.parts) as watch:
            await _asked(watch, stage.clock, 1.0)
            await stage.clock.sleep(300)
            assert [*stage.finished.conditions] == []
            with pytest.raises(DatabaseUnavailable):
                await _asked(watch, stage.clock, 90.0, DatabaseUnavailable("gone"))
            await stage.clock.sleep(90)
        assert stage.kinds == [ConditionKind.DATABASE_AWAY]
        (one,) = stage.finished.conditions
        assert one.until is None

    virtual_run(main)


@pytest.mark.parametrize("error", [None, LockHeld("another run is at work"), DatabaseUnavailable("busy")])
def test_a_database_that_answers(virtual_run: Run, tmp_path: Path, error: BaseException | None) -> None:
    """Neither an answer, whatever it says, nor a question that is withdrawn at once makes it one that is away."""

    async def main() -> None:
        stage = Stage(tmp_path)
        async with watching(stage.finished, stage.parts) as watch:
            with contextlib.suppress(LockHeld, DatabaseUnavailable):
                await _asked(watch, stage.clock, 1.0, error)
            withdrawn = asyncio.create_task(_asked(watch, stage.clock, 1000.0))
            await stage.clock.sleep(1.0)
            withdrawn.cancel()
            await stage.clock.sleep(600)
        assert stage.kinds == []

    virtual_run(main)


def test_the_end_waits_for_what_is_being_told(virtual_run: Run, tmp_path: Path) -> None:
    """A mail server that takes its time is waited for when the run ends, so that the end is not told before it."""

    async def main() -> None:
        stage = Stage(tmp_path)
        stage.told.takes_s = 90.0
        async with watching(stage.finished, stage.parts):
            await stage.stretch(AWAY, 130)
        assert stage.told.done == 1

    virtual_run(main)


def test_a_failing_run_tells_all_the_same(virtual_run: Run, tmp_path: Path) -> None:
    """The run's own error is the one that is raised, after what was being told has been told."""

    async def main() -> None:
        stage = Stage(tmp_path)
        stage.told.takes_s = 90.0

        async def failing() -> None:
            async with watching(stage.finished, stage.parts):
                await stage.stretch(AWAY, 130)
                raise KeyError

        with pytest.raises(KeyError):
            await failing()
        assert stage.told.done == 1

    virtual_run(main)


def test_nobody_waits_when_the_run_is_interrupted(virtual_run: Run, tmp_path: Path) -> None:
    """Ctrl-C ends the telling, too."""

    async def main() -> None:
        stage = Stage(tmp_path)
        stage.told.takes_s = 3600.0

        async def held_up() -> None:
            async with watching(stage.finished, stage.parts):
                await stage.stretch(AWAY, 10_000)

        running = asyncio.create_task(held_up())
        await stage.clock.sleep(200)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (stage.clock.now() - START).total_seconds() == pytest.approx(200, abs=1)
        assert (len(stage.told.conditions), stage.told.done) == (1, 0)

    virtual_run(main)


def test_telling_that_breaks_does_not_break_the_run(virtual_run: Run, tmp_path: Path) -> None:
    """An unforeseen error is logged; the next condition is told as if nothing had been."""

    async def main() -> None:
        stage = Stage(tmp_path)
        stage.told.fails = True
        async with watching(stage.finished, stage.parts):
            await stage.stretch(AWAY, 300)
            stage.told.fails = False
            await stage.stretch(replace(AWAY, condition=ConditionKind.OTHER_LOGIN), 300)
        assert stage.kinds == [ConditionKind.GATEWAY_AWAY, ConditionKind.OTHER_LOGIN]
        assert stage.told.done == 1

    virtual_run(main)


def test_what_is_over_at_the_end_is_not_called_lasting(virtual_run: Run, tmp_path: Path) -> None:
    """The gateway came back a second before the run ended, between two looks."""

    async def main() -> None:
        stage = Stage(tmp_path)
        async with watching(stage.finished, stage.parts):
            await stage.stretch(AWAY, 602)
            await stage.stretch(Pace(), 1)
        (one,) = stage.finished.conditions
        assert one.until is not None

    virtual_run(main)
