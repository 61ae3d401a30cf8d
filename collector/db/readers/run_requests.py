"""Read what a run asked for and got."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.db.connection.pool import Row, Statements
from collector.db.readers.day_status import RunRow
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.spans import Span

_CLOCKS_DIFFER = timedelta(hours=1)
"""At most: requests are stamped by the source's clock, runs by this machine's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeOfSeries:
    """Requests for one series that ended in one way, bars that came; seconds to their end, None where none is known."""

    data_set: str
    what_to_show: WhatToShow
    outcome: str
    requests: int
    bars: int
    median_s: float | None
    longest_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMade:
    """One request. instrument: an OCC symbol, or the underlying's; code, message: the source's, or our words.

    seconds: from sending to its end, None without one.
    """

    instrument: str
    data_set: str
    what_to_show: WhatToShow
    span: Span
    sent_at: datetime
    outcome: str
    code: int | None
    message: str | None
    seconds: float | None


async def outcomes(db: Statements, run: RunRow) -> list[OutcomeOfSeries]:
    """Return what a run's requests came to by series, what was asked most first."""
    since, until = _bounds(db, run)
    rows = await db.fetch("outcomes_of_run", run.id, since, until)
    return [OutcomeOfSeries(**{**row, "what_to_show": WhatToShow(row["what_to_show"])}) for row in rows]


async def slowest(db: Statements, run: RunRow, most: int) -> list[RequestMade]:
    """Return the requests of a run that took longest."""
    since, until = _bounds(db, run)
    return [_made(row) for row in await db.fetch("slowest_of_run", run.id, since, until, most)]


async def failed(db: Statements, run: RunRow, most: int) -> list[RequestMade]:
    """Return the requests of a run that failed, the latest first."""
    since, until = _bounds(db, run)
    return [_made(row) for row in await db.fetch("failed_of_run", run.id, since, until, most)]


def _bounds(db: Statements, run: RunRow) -> tuple[datetime, datetime]:
    """Return between which instants a run can have sent requests, so that no other day is read."""
    return run.started_at - _CLOCKS_DIFFER, (run.completed_at or db.clock.now()) + _CLOCKS_DIFFER


def _made(row: Row) -> RequestMade:
    return RequestMade(**{**row, "what_to_show": WhatToShow(row["what_to_show"])})
