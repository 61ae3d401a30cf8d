"""Work of this process, for whoever looks on."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from collector.clock import Clock
from collector.runs.orders import Order
from collector.runs.tally import Tally

PACE_S = 1.0
"""Whoever looks on hears of changes at most so often."""

ProgressBar: TypeAlias = Callable[[Order], contextlib.AbstractContextManager[Callable[[Tally], None]]]
"""Makes the progress bar of a run; it yields what the run calls whenever its tally has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is at work. name: in a person's words; began: aware. order: None of what is no run.

    tally: what a run has done so far, the run's own object, still counting; None before it counts. done, of: how much
    of what is no run is over, None where that cannot be told.
    """

    name: str
    began: datetime
    order: Order | None = None
    tally: Tally | None = None
    done: int | None = None
    of: int | None = None


class Live:
    """What is at work in this process now, and a bell for whoever looks on.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bells: set[asyncio.Event] = set()
        self._over = asyncio.Event()
        self.work: Work | None = None

    def watched(self, progress: ProgressBar) -> ProgressBar:
        """Return a progress bar that shows each run here, too."""

        @contextlib.contextmanager
        def shown(order: Order) -> Iterator[Callable[[Tally], None]]:
            name = f"{order.window} of {order.day}"
            with progress(order) as on_progress, self.at_work(Work(name=name, began=self._clock.now(), order=order)):

                def counted(tally: Tally) -> None:
                    on_progress(tally)
                    self.note(tally=tally)

                yield counted

        return shown

    @contextlib.contextmanager
    def at_work(self, work: Work) -> Iterator[None]:
        """Show what is at work for the length of a block."""
        self.work = work
        self.ring()
        try:
            yield
        finally:
            self.work = None
            self.ring()

    def note(self, *, tally: Tally | None = None, done: int | None = None, of: int | None = None) -> None:
        """Note how far what is at work has come."""
        if self.work is not None:
            self.work = replace(self.work, tally=tally or self.work.tally, done=done, of=of)
            self.ring()

    def ring(self) -> None:
        """Tell whoever looks on that something has changed."""
        for bell in self._bells:
            bell.set()

    def close(self) -> None:
        """End every stream of changes: the process ends."""
        self._over.set()
        self.ring()

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yield at once, and whenever something has changed, at most once in PACE_S; ends when the process does."""
        bell = asyncio.Event()
        bell.set()
        self._bells.add(bell)
        try:
            while True:
                await bell.wait()
                if self._over.is_set():
                    return
                bell.clear()
                yield
                with contextlib.suppress(TimeoutError):  # real time: it is a person who looks on
                    await asyncio.wait_for(self._over.wait(), PACE_S)
        finally:
            self._bells.discard(bell)
