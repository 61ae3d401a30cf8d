"""The concrete parts that a run works with."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from collector.clock import Clock
from collector.config import Settings
from collector.db.connection.pool import Database
from collector.domain.conditions import Condition
from collector.market.calendar import Calendar
from collector.runs.finished import Finished
from collector.runs.source import MarketDataSource
from collector.runs.tally import Tally

Tell = Callable[[Finished, Condition], Awaitable[object]]
"""Tells the owner of a condition that lasts, while the run is at work."""


async def tell_nobody(_finished: Finished, _condition: Condition) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The concrete parts of a run, wired by collector.app.composition.

    on_progress: called whenever the tally has changed. login: by which the source is asked; kept with each request.
    tell: called with each condition that lasts, once.
    """

    db: Database
    source: MarketDataSource
    settings: Settings
    calendar: Calendar
    clock: Clock
    randomness: random.Random
    on_progress: Callable[[Tally], None] = lambda _: None
    login: str = ""
    tell: Tell = tell_nobody

    def certain_now(self) -> datetime:
        """Return the earlier of our time and the source's: what is given up by it is never given up too early."""
        return min(self.clock.now(), self.source.now())
