"""Requests on record: what was asked, when, and how each ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.db.pool import Database, Transaction
from collector.db.values import span_literal, spans_literal
from collector.domain.answers import Outcome
from collector.domain.instruments import Instrument, OptionContract, WhatToShow
from collector.domain.spans import Span, Spans

PREPARED = ("create_stage_requests",)
"""Statements that a transaction runs before `record`."""

_NULL = r"\N"
_COLUMNS = (
    "sent_at", "answered_at", "run_id", "login", "instrument_id", "what_to_show", "span", "outcome", "code", "message",
    "bars", "first_bar", "negatives",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request and its outcome.

    instrument: with its database id. sent_at, answered_at: by the source's clock; answered_at None: never answered.
    message: the source's words, kept for outcomes other than bars. first_bar: the start of the first bar of the answer.
    negatives: the asked parts of sessions in which the answer had no bar, None when there is none.
    """

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


def instrument_id(instrument: Instrument) -> int:
    """Return a contract's database id, or an underlying's below zero."""
    return instrument.id if isinstance(instrument, OptionContract) else -instrument.id


async def record(transaction: Transaction, records: Iterable[RequestRecord], run_id: int | None, login: str) -> None:
    """Keep requests inside a transaction that was begun with PREPARED; one that is kept already stays as it is."""
    lines = [_line(one, run_id, login) for one in records]
    if lines:
        await transaction.copy("stage_requests", _COLUMNS, "".join(lines))
        await transaction.execute("record_requests")


async def keep(db: Database, records: Sequence[RequestRecord], run_id: int | None, login: str) -> None:
    """Keep requests in a transaction of their own; repeated when the server was away."""

    async def once() -> None:
        async with db.transaction(*PREPARED) as transaction:
            await record(transaction, records, run_id, login)

    if records:
        await db.patiently(once)


def _line(one: RequestRecord, run_id: int | None, login: str) -> str:
    message = None if one.outcome is Outcome.BARS or not one.message else _escaped(one.message)
    fields = (
        one.sent_at.isoformat(),
        None if one.answered_at is None else one.answered_at.isoformat(),
        run_id,
        _escaped(login) if login else None,
        instrument_id(one.instrument),
        one.what_to_show.value,
        span_literal(one.span),
        one.outcome.value,
        one.code,
        message,
        one.bars,
        None if one.first_bar is None else one.first_bar.isoformat(),
        None if not one.negatives else spans_literal(one.negatives),
    )
    return "\t".join(_NULL if field is None else str(field) for field in fields) + "\n"


def _escaped(text: str) -> str:
    """Return text as COPY reads it; NUL, which no text may hold, becomes a blank."""
    plain = text.replace("\0", " ").replace("\\", r"\\")
    return plain.replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
