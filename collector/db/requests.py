"""Requests on record: each with its outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.db.pool import Statements
from collector.domain.answers import Outcome
from collector.domain.instruments import Instrument, OptionContract, WhatToShow
from collector.domain.spans import Span, Spans


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request and how it ended."""

    instrument: Instrument
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


async def record(db: Statements, records: Sequence[RequestRecord], run_id: int, login: str) -> None:
    """Keep requests."""
    for one in records:
        option = isinstance(one.instrument, OptionContract)
        await db.execute(
            "record_request",
            one.sent_at,
            one.answered_at,
            run_id,
            login,
            one.instrument.id if option else -one.instrument.id,
            one.what_to_show.value,
            one.span,
            one.outcome.value,
            one.code,
            one.message or None,
            one.bars,
            one.first_bar,
            one.negatives,
        )


async def depths(db: Statements, since: datetime) -> dict[tuple[bool, WhatToShow], timedelta]:
    """Return the greatest age of a first bar by (is option, series)."""
    rows = await db.fetch("request_depths", since)
    return {(row["option"], WhatToShow(row["what_to_show"])): row["depth"] for row in rows}
