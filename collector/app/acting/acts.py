"""Acts of people: one at work, the others in order."""

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from collector.app import composition
from collector.app.acting import kinds
from collector.app.acting.live import Live, ProgressBar, Work
from collector.app.acting.records import Ending, Record
from collector.clock import Clock
from collector.config import Settings
from collector.db.bookkeeping.operator_actions import Origin
from collector.domain.errors import CollectorError, LockHeld, Unknown
from collector.domain.masking import Mask

_KEPT = 50
"""Acts that are remembered after their end; all are on record in the database."""
_LOCKED_S = 5.0
"""An act that another process keeps waiting is tried again so often."""
_LONGEST_NAP_S = 60.0
log = structlog.get_logger(__name__)


class State(StrEnum):
    """How an act stands."""

    WAITING = "waiting"
    AT_WORK = "at work"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


PENDING = frozenset({State.WAITING, State.AT_WORK})
"""States of an act that has not ended."""


@dataclass(slots=True, kw_only=True)
class Act:
    """What a person has started. Instants are aware.

    id: no other act has it, of an earlier process neither. words: what is done, in a few words; command: does the same.
    arguments: what was filled in, in one spelling. why: what it waits for, "" for its turn alone. headline: what was
    done; run_id: the run that it was. error: what stopped it; hint: what to do.
    """

    id: int
    kind: str
    words: str
    command: str
    arguments: Mapping[str, str]
    reason: str
    asked: datetime
    state: State = State.WAITING
    began: datetime | None = None
    ended: datetime | None = None
    why: str = ""
    headline: str = ""
    run_id: int | None = None
    error: str = ""
    hint: str = ""

    @property
    def pending(self) -> bool:
        """Tell whether it has not ended."""
        return self.state in PENDING


class Acts:
    """What people have started in this process: what waits, what is at work, how the last ones ended.

    Whoever runs the schedule works off what waits, between windows: two things are never at work at once. What needs
    no turn runs beside, at once.

    Args:
        settings: the configuration.
        clock: the time.
        live: shows what is at work.
        progress: makes the progress bar of a run, and shows it in `live`.
    """

    def __init__(self, settings: Settings, clock: Clock, live: Live, progress: ProgressBar) -> None:
        self._settings, self._clock, self._live, self._progress = settings, clock, live, progress
        self._acts: list[Act] = []
        self._onces: dict[int, set[str]] = {}
        self._records: dict[int, Record] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._began = clock.now()
        # Seconds, so that a page that was opened before the process began cancels nothing but what it shows.
        self._numbers, self._tokens = itertools.count(int(self._began.timestamp())), itertools.count(1)
        self._bell = asyncio.Event()

    @property
    def latest(self) -> tuple[Act, ...]:
        """Return the acts that are remembered, newest first."""
        return tuple(reversed(self._acts))

    def find(self, number: int) -> Act:
        """Return an act.

        Raises:
            Unknown: there is none of the number in this process.
        """
        for act in self._acts:
            if act.id == number:
                return act
        raise Unknown(
            f"there is no act {number} since {self._began:%Y-%m-%d %H:%M} UTC, when this process began",
            "Earlier ones are on record: collector db actions.",
        )

    def token(self) -> str:
        """Return the one-time token of a page that asks for an act."""
        return f"{self._began:%Y%m%dT%H%M%S.%f}-{next(self._tokens)}"

    def request(self, kind: str, given: Mapping[str, str], reason: str, once: str) -> Act:
        """Start an act, or return the one that has been started by the same press of the same button.

        That is the one with equal arguments that is pending, or that was asked for with the same token.

        Args:
            kind: the name of the kind.
            given: what was filled in, by field.
            reason: the person's own words, "" for none.
            once: token of the page that asks, "" for none.

        Raises:
            Unknown: there is no such kind.
            UsageError: what was filled in is refused.
        """
        found = kinds.named(kind)
        values = found.read(given, self._settings, self._clock)
        for act in self._acts:
            again = once in self._onces[act.id]
            if (act.kind, act.arguments) == (kind, values) and (act.pending or again):
                self._onces[act.id].add(once)
                return act
        act = Act(
            id=next(self._numbers),
            kind=kind,
            words=found.words(values),
            command=found.command_line(values),
            arguments=values,
            reason=reason.strip(),
            asked=self._clock.now(),
        )
        self._acts.append(act)
        self._onces[act.id] = {once} - {""}
        self._forget_old()
        log.info("act_asked", act=act.id, command=act.command)
        if found.takes_turn:
            self._bell.set()
        else:
            self._tasks[act.id] = asyncio.create_task(self._at_work(act, None))
        self._live.ring()
        return act

    def cancel(self, number: int) -> Act:
        """Cancel an act: one that waits is dropped, one that is at work ends as by a signal; what is stored stays.

        Raises:
            Unknown: there is none of the number in this process.
        """
        act = self.find(number)
        if (task := self._tasks.get(number)) is not None:
            task.cancel()
        if act.state is State.WAITING:
            self._tasks.pop(number, None)
            self._end(act, State.CANCELLED)
            self._bell.set()
        return act

    def explain(self, why: str) -> None:
        """Say what keeps the acts that wait from beginning."""
        for act in self._acts:
            if act.state is State.WAITING:
                act.why = why

    async def do_next(self, standing: composition.Standing | None) -> bool:
        """Do the first act that waits; return whether there was one, and no other process keeps it waiting.

        Args:
            standing: what is open already; None: each act opens what it needs.
        """
        self._bell.clear()
        await self._end_records()
        act = next((one for one in self._acts if one.state is State.WAITING), None)
        if act is None:
            return False
        task = self._tasks[act.id] = asyncio.create_task(self._at_work(act, standing))
        await _over(task)
        return act.state is not State.WAITING

    async def nap(self, seconds: float) -> None:
        """Wait so long, or until there is something to do."""
        if any(act.state is State.WAITING for act in self._acts):
            seconds = min(seconds, _LOCKED_S)
        waits = (asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._bell.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def go_on(self) -> None:
        """Work off whatever comes, where no schedule does; ends by cancellation only."""
        try:
            while True:
                if not await self.do_next(None):
                    await self.nap(_LONGEST_NAP_S)
        finally:
            await self.close()

    async def close(self) -> None:
        """End everything: the process ends, and forgets what waits."""
        for act in self._acts:
            if act.state is State.WAITING and act.id not in self._tasks:
                self._end(act, State.CANCELLED)
        for task in tuple(self._tasks.values()):
            task.cancel()
            await asyncio.wait([task])
        await self._end_records()

    async def _at_work(self, act: Act, standing: composition.Standing | None) -> None:
        kind = kinds.named(act.kind)
        record = self._records.setdefault(act.id, self._record(act))
        turn = kinds.Turn(
            settings=self._settings, clock=self._clock, live=self._live, progress=self._progress, standing=standing
        )
        act.state, act.began, act.why = State.AT_WORK, act.began or self._clock.now(), ""
        shown = self._live.at_work(Work(name=act.words, began=act.began))
        state, ending = State.CANCELLED, Ending()
        try:
            await asyncio.shield(record.begin())
            with shown if kind.takes_turn else contextlib.nullcontext():
                ending = await kind.work(turn, act.arguments)
            state = State.DONE if ending.error is None else State.FAILED
        except LockHeld as error:
            act.state, act.why = State.WAITING, error.message
            log.info("act_waits", act=act.id, reason=error.message)
            return
        except asyncio.CancelledError:
            ending.headline = "It was cancelled; what was stored stays."
            raise
        except CollectorError as error:
            state, ending.error = State.FAILED, error
        except Exception as error:  # the act ends here: the next window must find this process alive
            log.exception("act_broken", act=act.id)
            state, ending.error = State.FAILED, error
        finally:
            self._tasks.pop(act.id, None)
            if act.state is State.AT_WORK:
                del self._records[act.id]
                try:
                    await asyncio.shield(record.end(ending, interrupted=state is State.CANCELLED))
                finally:
                    self._end(act, state, ending)

    def _record(self, act: Act) -> Record:
        return Record(
            settings=self._settings, clock=self._clock, command=act.command, reason=act.reason, origin=Origin.PAGE
        )

    async def _end_records(self) -> None:
        """End the record of what had begun, was kept waiting by another process, and was cancelled then."""
        for act in self._acts:
            if not act.pending and (record := self._records.pop(act.id, None)) is not None:
                await record.end(Ending(), interrupted=True)

    def _end(self, act: Act, state: State, ending: Ending | None = None) -> None:
        mask, ending = Mask(self._settings.secrets), ending or Ending()
        error = ending.error
        act.state, act.ended, act.why = state, self._clock.now(), ""
        act.headline, act.run_id = mask(ending.headline), ending.run_id
        if isinstance(error, CollectorError):
            act.error, act.hint = mask(error.message), mask(error.hint)
        elif error is not None:
            act.error, act.hint = f"It broke off: {type(error).__name__}", "The log says where."
        log.info("act_ended", act=act.id, state=state.value, run_id=act.run_id, error=act.error)
        self._live.ring()

    def _forget_old(self) -> None:
        for act in [one for one in self._acts if not one.pending][:-_KEPT]:
            self._acts.remove(act)
            del self._onces[act.id]


async def _over(task: "asyncio.Task[None]") -> None:
    """Wait until a task has ended, however it did; whoever cancels the waiting cancels the task, each time.

    Raises:
        asyncio.CancelledError: the waiting was cancelled, and the task has ended.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            task.cancel()
            cancelled = error
    if cancelled is not None:
        raise cancelled
