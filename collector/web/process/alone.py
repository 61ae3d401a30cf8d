"""A process that shows pages, and runs no schedule."""

import contextlib

from collector.app import condition, metrics, opening
from collector.app.acting.acts import Acts
from collector.app.acting.live import Live, ProgressBar
from collector.app.figures import machine, stored
from collector.clock import Clock
from collector.config import Settings
from collector.domain.errors import DatabaseError
from collector.web.context import Readers


class Alone:
    """What `collector web` knows where nobody serves.

    live: what is at work in it. acts: what people have started in it.

    Args:
        settings: the configuration.
        clock: the time.
        progress: makes the progress bar of a run.
    """

    def __init__(self, settings: Settings, clock: Clock, progress: ProgressBar) -> None:
        self._settings, self._clock = settings, clock
        self._readers = Readers(settings, clock, size=1)  # pages that take long hold up no health check
        self._days = opening.calendar(settings)
        self._reading = stored.Reading(settings, self._days)
        self.live = Live(clock)
        self.acts = Acts(settings, clock, self.live, self.live.watched(progress))

    async def condition(self) -> condition.Condition:
        """Say how things stand, as /healthz does."""
        return await condition.found(self._readers.lent(), self._settings, self._days, self._clock)

    async def metrics(self) -> bytes:
        """Return the metrics, as /metrics does."""
        now, figures = self._clock.now(), None
        with contextlib.suppress(DatabaseError):
            async with self._readers.lent() as db:
                figures = await self._reading.figures(db, now)
        return metrics.exposition(figures, now, machine=await machine.look(self._settings, self._clock))

    async def close(self) -> None:
        """End its connection."""
        await self._readers.close()
