"""Read what is on record about bars.

The rows of bars, requests, coverage, gaps and the like that concern some slots of an instrument, as they are stored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.connection.pool import Row, Statements
from collector.db.connection.statements import of, second_column
from collector.domain.market_data.data_sets import DataSet, InstrumentKind
from collector.domain.market_data.instruments import Instrument, WhatToShow
from collector.domain.market_data.spans import Span

Numbers = tuple[int | None, ...]
"""A series' own numbers of a bar, as `collector.domain.market_data.checksums.kept` orders them."""

_PRICES = ("open", "high", "low", "close")
_TRADES = (*_PRICES, "volume", "bar_count", "vwap")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a series and how it ended.

    sent_at, answered_at: by the source's clock; no answer: None. window, day, attempt: of the run that asked, None
    where that is not known. outcome: its name; code, message: the source's, or our words. bars: how many came,
    first_bar the start of the first. checksum: of those that were stored, None where none were, or before version 0009
    of the tables. is_negative: it had no bar in the slot's whole session; controlled: and may be believed.
    """

    sent_at: datetime
    answered_at: datetime | None
    run_id: int | None
    window: str | None
    day: date | None
    attempt: int | None
    login: str | None
    what_to_show: WhatToShow
    span: Span
    outcome: str
    code: int | None
    message: str | None
    bars: int
    first_bar: datetime | None
    checksum: int | None
    is_negative: bool
    controlled: bool


async def requests(db: Statements, instrument: Instrument, data_set: DataSet, slot: datetime) -> list[Asked]:
    """Return the requests whose span holds a slot, of all series; the first sent first."""
    return [_asked(row) for row in await db.fetch("requests_of_slot", instrument.key, data_set.id, slot)]


async def bars(db: Statements, instrument: Instrument, data_set: DataSet, start: datetime, end: datetime) -> list[Row]:
    """Return stored bars in whole numbers, ascending."""
    if data_set.kind is InstrumentKind.OPTION:
        return await db.fetch("stored_option_bars", instrument.id, start, end)
    return await db.fetch(of("stored", data_set), instrument.id, start, end)


async def with_bars(db: Statements, contract_ids: Sequence[int], span: Span) -> set[int]:
    """Return which contracts have stored bars in a span."""
    rows = await db.fetch("contracts_with_bars", list(contract_ids), span.start, span.end)
    return {row["contract_id"] for row in rows}


async def with_answers(db: Statements, instrument_ids: Sequence[int], data_set: DataSet, span: Span) -> set[int]:
    """Return the instruments of whose session an answer on record brought bars that must be stored still."""
    rows = await db.fetch("instruments_with_answers", list(instrument_ids), data_set.id, span.start, span.end)
    return {row["instrument_id"] for row in rows}


async def revisions(
    db: Statements, instrument: Instrument, data_set: DataSet, start: datetime, end: datetime
) -> list[Row]:
    """Return replaced bars in whole numbers, as they were before, the latest replaced first."""
    return await db.fetch("revisions_in_span", instrument.key, data_set.id, start, end)


async def coverage(db: Statements, instrument_ids: Iterable[int], data_set: DataSet, span: Span) -> list[Row]:
    """Return what is covered, settled and settled by one witness of a span, by instrument and series."""
    return await db.fetch("coverage_in_span", list(instrument_ids), data_set.id, span.start, span.end)


async def claims(db: Statements, instrument_ids: Iterable[int], data_set: DataSet, span: Span) -> list[Row]:
    """Return the series that answers called empty in a span and that are not settled."""
    return await db.fetch("claims_in_span", list(instrument_ids), data_set.id, span.start, span.end)


async def gaps(db: Statements, instrument_ids: Iterable[int], data_set: DataSet, span: Span) -> list[Row]:
    """Return the gaps that touch a span, open, filled and lost."""
    return await db.fetch("gaps_in_span", list(instrument_ids), data_set.id, span.start, span.end)


async def quarantined(db: Statements, instrument_ids: Iterable[int], data_set: DataSet, span: Span) -> list[Row]:
    """Return the bars of a span that cannot be true."""
    return await db.fetch("quarantined_in_span", list(instrument_ids), data_set.id, span.start, span.end)


async def asked(db: Statements, instrument_ids: Iterable[int], data_set: DataSet, span: Span) -> list[Row]:
    """Return by instrument and series how often a span was asked for, and how the last request ended."""
    return await db.fetch("requests_in_span", list(instrument_ids), data_set.id, span.start, span.end)


async def inputs(db: Statements, underlying_id: int, day: date, expiration: date) -> Row | None:
    """Return what the Greeks of an expiration on a session rest on, None where none were computed."""
    return await db.fetchrow("inputs_of_expiration", underlying_id, day, expiration)


async def archived(db: Statements, underlying_id: int, data_set: DataSet, day: date) -> list[Row]:
    """Return the objects of the archive that hold a session, the latest first."""
    return await db.fetch("archived_copies", underlying_id, data_set.id, day)


async def life(db: Statements, contract_id: int, session_day: date) -> Row | None:
    """Return since when a contract is known, and whether it is selected for a session."""
    return await db.fetchrow("life_of_contract", contract_id, session_day)


async def terms(db: Statements, contract_id: int) -> list[Row]:
    """Return a contract's terms, the earliest first: until when each held, None for the present ones."""
    return await db.fetch("terms_of_contract", contract_id)


async def runs(db: Statements, underlying_id: int, session_open: datetime, session_close: datetime) -> list[Row]:
    """Return what each run asked for of a session, by outcome."""
    return await db.fetch("runs_of_session", underlying_id, session_open, session_close)


async def revised(
    db: Statements, underlying_id: int, data_set: DataSet, session_open: datetime, session_close: datetime
) -> Row | None:
    """Return how many settled bars of a session were replaced, and when last."""
    return await db.fetchrow("revised_in_session", underlying_id, data_set.id, session_open, session_close)


async def greeks_reasons(
    db: Statements,
    underlying_id: int,
    contract_ids: Sequence[int] | None,
    session_open: datetime,
    session_close: datetime,
) -> list[Row]:
    """Return how many bars have which reason of their Greeks, None: not looked at; of some contracts, or None: all."""
    return await db.fetch("greeks_reasons_of_session", underlying_id, contract_ids, session_open, session_close)


def numbers(row: Row, data_set: DataSet, what: WhatToShow) -> Numbers | None:
    """Return a series' own numbers of a row of `bars` or `revisions`, None where the series has no bar in it."""
    names: Sequence[str] = {
        WhatToShow.TRADES: _TRADES,
        WhatToShow.BID: tuple(f"bid_{name}" for name in _PRICES),
        WhatToShow.ASK: tuple(f"ask_{name}" for name in _PRICES),
    }.get(what, ())
    if not names:
        names = (second_column(data_set),)
    present = row["close" if what is WhatToShow.TRADES else names[-1]] is not None
    return tuple(row[name] for name in names) if present else None


def _asked(row: Row) -> Asked:
    given = {name: row[name] for name in Asked.__slots__ if name in row.keys()}  # noqa: SIM118 - asyncpg's Record
    given["what_to_show"] = WhatToShow(row["what_to_show"])
    return Asked(**given, window=row["run_window"], day=row["run_date"], attempt=row["run_attempt"])
