"""Record each request with its outcome.

Each with its outcome, in the transaction of the bars that it brought.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from collector.db.connection.pool import Statements, Transaction
from collector.db.connection.sql_values import copy_text, span_literal, spans_literal
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import Instrument, WhatToShow
from collector.domain.market_data.spans import Span, Spans

PREPARED = "create_stage_requests"
"""What a transaction prepares that records requests."""

_COLUMNS = (
    "sent_at", "answered_at", "run_id", "login", "instrument_id", "data_set", "what_to_show", "span", "outcome", "code",
    "message", "bars", "first_bar", "negatives", "checksum",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request and how it ended.

    sent_at, answered_at: by the source's clock; None: no answer came. code, message: the source's, or our words; left
    out for bars. bars: how many came, first_bar the start of the earliest. negatives: the asked parts of sessions
    without any bar, None where there are none or where the answer may not be believed. checksum: of the bars that were
    stored (`collector.domain.market_data.checksums`), None where none were.
    """

    instrument: Instrument
    data_set: DataSet
    what_to_show: WhatToShow
    span: Span
    sent_at: datetime
    answered_at: datetime | None
    outcome: Outcome
    code: int | None = None
    message: str = ""
    bars: int = 0
    first_bar: datetime | None = None
    negatives: Spans | None = None
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class SlowRequest:
    """A request that took long, from sending to its end. contract: the OCC symbol, or the underlying's."""

    run_id: int | None
    contract: str
    what_to_show: str
    outcome: str
    sent_at: datetime
    seconds: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTotal:
    """Requests of one kind that ended in one way and took about as long.

    data_set: its id. bucket: how many of the bounds they took at least, None where no answer came. seconds: of all of
    them together.
    """

    data_set: int
    what_to_show: str
    outcome: Outcome
    bucket: int | None
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """What was asked for in a stretch of time that begins at an instant.

    failed: requests that no bars and no definite emptiness answered; pacing: of these, those refused for their pace.
    median_s, longest_s: from sending to the answer, None where none came.
    """

    at: datetime
    requests: int
    failed: int
    pacing: int
    median_s: float | None
    longest_s: float | None


async def record(
    transaction: Transaction, records: Sequence[RequestRecord], run_id: int | None, login: str = ""
) -> None:
    """Keep requests, each once: the records of a batch that is stored again are there already.

    Args:
        transaction: one that prepared `PREPARED`.
        records: instruments bear their database ids.
        run_id: the run that asked.
        login: the source's login that asked, "" where it is not known.
    """
    if not records:
        return
    await transaction.copy("stage_requests", _COLUMNS, "".join(_line(one, run_id, login) for one in records))
    sent = [one.sent_at for one in records]
    await transaction.execute("add_requests", min(sent), max(sent))


async def slowest(db: Statements, since: datetime, most: int = 20) -> list[SlowRequest]:
    """Return the requests sent since an instant that took longest, the slowest first."""
    rows = await db.fetch("slowest_requests", since, most)
    return [SlowRequest(**row) for row in map(dict, rows)]


async def paces(
    db: Statements, run_ids: Sequence[int], span_start: datetime, span_end: datetime, step: timedelta
) -> list[Pace]:
    """Return what some runs asked for, by when it was sent, in steps; those without any request are absent.

    Args:
        db: the database.
        run_ids: of the runs.
        span_start: when the first of them began.
        span_end: when the last of them ended.
        step: how long each stretch is.
    """
    rows = await db.fetch("requests_by_minutes", list(run_ids), span_start, span_end, step)
    return [Pace(**dict(row)) for row in rows]


async def depths(db: Statements, data_set: DataSet, since: datetime) -> dict[WhatToShow, timedelta]:
    """Return how far back the source's answers reached since an instant: the longest time from a bar to its request.

    Returns:
        By series; absent where no bar came.
    """
    rows = await db.fetch("request_depths", data_set.id, since)
    return {WhatToShow(row["what_to_show"]): row["depth"] for row in rows}


async def totals(db: Statements, since: datetime, until: datetime, bounds: Sequence[float]) -> list[RequestTotal]:
    """Count the requests that were sent from an instant on and before another.

    Args:
        db: the database.
        since: the first instant, aware.
        until: the instant after the last.
        bounds: seconds, ascending, by which answers are told apart.
    """
    rows = await db.fetch("request_totals", since, until, list(bounds))
    return [RequestTotal(**{**row, "outcome": Outcome(row["outcome"])}) for row in map(dict, rows)]


def _line(one: RequestRecord, run_id: int | None, login: str) -> str:
    return copy_text(
        one.sent_at.isoformat(),
        one.answered_at and one.answered_at.isoformat(),
        run_id,
        login or None,
        one.instrument.key,
        one.data_set.id,
        one.what_to_show.value,
        span_literal(one.span),
        one.outcome.value,
        one.code,
        None if one.outcome is Outcome.BARS else one.message,
        one.bars,
        one.first_bar and one.first_bar.isoformat(),
        None if one.negatives is None else spans_literal(one.negatives),
        one.checksum,
    )
