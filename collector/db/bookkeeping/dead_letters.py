"""Keep requests that a run gave up on.

Requests that a run gave up on, kept until they are answered or what they asked for is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.connection.pool import Row, Statements
from collector.domain.market_data.answers import Failure, HistoricalRequest, Outcome
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.spans import Span, Spans


@dataclass(frozen=True, slots=True)
class NewLetter:
    """A request given up on in this run. attempts: in this run.

    next_attempt_at: not before, the first time; afterwards it waits the longer the older it is. None: the next run.
    """

    request: HistoricalRequest
    failure: Failure
    attempts: int = 1
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A request that is still unanswered. attempts: over all runs. code: IB's, None where IB said nothing."""

    id: int
    symbol: str
    contract_id: int | None
    contract_symbol: str | None
    expiration: date | None
    underlying_id: int | None
    what_to_show: WhatToShow
    span: Span
    outcome: Outcome
    code: int | None
    message: str
    attempts: int
    first_failed_at: datetime
    next_attempt_at: datetime | None


async def add(
    db: Statements,
    data_set: DataSet,
    letters: Sequence[NewLetter],
    run_id: int | None = None,
    now: datetime | None = None,
) -> None:
    """Keep requests that were given up on; one that is kept already gets the new outcome and its attempts added."""
    if not letters:
        return
    await db.execute(
        "add_dead_letters",
        data_set.id,
        [letter.request.instrument.key for letter in letters],
        [letter.request.what_to_show.value for letter in letters],
        [letter.request.span.start for letter in letters],
        [letter.request.span.end for letter in letters],
        [letter.failure.outcome.value for letter in letters],
        [letter.failure.code for letter in letters],
        [letter.failure.message for letter in letters],
        [letter.attempts for letter in letters],
        [letter.next_attempt_at for letter in letters],
        now or db.clock.now(),
        run_id,
    )


async def due(db: Statements, now: datetime | None = None, symbols: Sequence[str] | None = None) -> list[DeadLetter]:
    """Return open letters whose next attempt is due, the first to expire first; without `now` all open ones."""
    return [_letter(row) for row in await db.fetch("due_dead_letters", now, None if symbols is None else list(symbols))]


async def postponed(
    db: Statements, data_set: DataSet, underlying_id: int, now: datetime, before: datetime
) -> dict[tuple[int, WhatToShow], Spans]:
    """Return what before an instant is not to be asked again yet, by series of an underlying and its contracts.

    An instrument is named by its contract's id, or minus the underlying's. What expires before its next attempt does
    not rest.
    """
    rows = await db.fetch("postponed_dead_letters", data_set.id, underlying_id, now, before)
    return {(row["instrument_id"], WhatToShow(row["what_to_show"])): row["spans"] for row in rows}


async def resolve(db: Statements, now: datetime | None = None) -> dict[str, int]:
    """Close letters whose span is settled by now, or of which nothing is missing any more but what is lost.

    Returns:
        The number of letters closed, by resolution: `answered`, `lost`.
    """
    rows = await db.fetch("resolve_dead_letters", now or db.clock.now())
    return {row["resolution"]: row["letters"] for row in rows}


def _letter(row: Row) -> DeadLetter:
    return DeadLetter(
        id=row["id"],
        symbol=row["symbol"],
        contract_id=row["contract_id"],
        contract_symbol=row["contract_symbol"],
        expiration=row["expiration_date"],
        underlying_id=row["underlying_id"],
        what_to_show=WhatToShow(row["what_to_show"]),
        span=row["span"],
        outcome=Outcome(row["outcome"]),
        code=row["code"],
        message=row["message"],
        attempts=row["attempts"],
        first_failed_at=row["first_failed_at"],
        next_attempt_at=row["next_attempt_at"],
    )
