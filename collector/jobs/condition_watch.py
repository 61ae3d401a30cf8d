"""Watch what holds a run up.

Looks every few seconds at gateway, pacer, database and disk, and has the owner told of what lasts, once, while the run
is at work. Nothing of it can fail the run.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import structlog

from collector.domain.conditions import Condition, ConditionKind, followed
from collector.domain.errors import DatabaseError
from collector.jobs.alert_facts import disk
from collector.notify.alerts.alert_rules import disk_shortage
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished

_LOOK_S = 5.0
_LONGEST_LOOK_S = 15.0
"""Counted between two looks at most: a machine that slept in between has seen nothing."""

log = structlog.get_logger()


class Watch:
    """The watch over one run; made by `watching`."""

    def __init__(self, finished: Finished, parts: Parts) -> None:
        self._finished, self._parts = finished, parts
        self._looked_at = parts.clock.monotonic()
        self._unanswered_since: float | None = None
        self._tellings: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def asking_database(self) -> Iterator[None]:
        """Take note of a question that the database answers at once, if it can."""
        asked_at = self._unanswered_since = self._parts.clock.monotonic()
        answered = True
        try:
            yield
        except (DatabaseError, asyncio.CancelledError):
            answered = self._parts.clock.monotonic() - asked_at < _LOOK_S
            raise
        finally:
            if answered:
                self._unanswered_since = None

    async def go_on(self) -> None:
        """Look again and again, and tell of what lasts; ends by cancellation only."""
        while True:
            await self._parts.clock.sleep(_LOOK_S)
            self.look()
            conditions = self._finished.conditions
            due = [one for one in conditions if one.lasts and one.until is None and not one.told]
            self._finished.conditions = tuple(replace(one, told=one.told or one in due) for one in conditions)
            for one in due:
                log.warning("condition_lasts", kind=one.kind.value, reason=one.reason, since=one.since.isoformat())
                self._tellings.add(asyncio.create_task(self._tell(one)))

    def look(self) -> None:
        """Look once."""
        clock, now = self._parts.clock, self._parts.clock.monotonic()
        elapsed_s, self._looked_at = min(now - self._looked_at, _LONGEST_LOOK_S), now
        self._finished.conditions = followed(self._finished.conditions, self._present(now), clock.now(), elapsed_s)

    async def told(self) -> None:
        """Wait until what is being told has been told."""
        if self._tellings:
            await asyncio.wait(self._tellings)

    def stop_telling(self) -> None:
        """Tell no further: a mail that is kept is sent by the next run."""
        for telling in self._tellings:
            telling.cancel()

    def _present(self, now: float) -> dict[ConditionKind, str]:
        """Return what holds the run up at this moment, and why."""
        settings, pace = self._parts.settings, self._parts.source.pace
        found = {}
        if pace.condition is not None:
            found[pace.condition] = pace.waiting or f"{pace.pauses:,} pauses so far"
        if self._unanswered_since is not None and now - self._unanswered_since >= _LOOK_S:
            found[ConditionKind.DATABASE_AWAY] = "it does not answer"
        with contextlib.suppress(OSError):
            if shortage := disk_shortage(*disk(settings), settings.notify.alerts):
                found[ConditionKind.DISK_LOW] = shortage
        return found

    async def _tell(self, one: Condition) -> None:
        try:
            await self._parts.tell(self._finished, one)
        except Exception:  # this telling ends here: whatever breaks in it must not break the run
            log.exception("condition_not_told", kind=one.kind.value)


@contextlib.asynccontextmanager
async def watching(finished: Finished, parts: Parts) -> AsyncIterator[Watch]:
    """Watch a run for the length of the block; `finished.conditions` is kept up to date.

    What is being told when the block ends is told to its end, unless the block was cancelled.
    """
    watch = Watch(finished, parts)
    looking = asyncio.create_task(watch.go_on())
    try:
        yield watch
    except asyncio.CancelledError:
        watch.stop_telling()
        raise
    finally:
        looking.cancel()
        await asyncio.wait({looking})
        if not looking.cancelled() and (error := looking.exception()) is not None:
            log.error("watch_broken", error=f"{type(error).__name__}: {error}")
        else:
            watch.look()  # what is over by now must not be called lasting
        await watch.told()
