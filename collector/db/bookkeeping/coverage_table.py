"""Find the slots that are missing.

Which slots are missing, in one statement; and how to make a session be asked for again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.connection.pool import Database, Row, Statements
from collector.db.connection.statements import OF_UNDERLYINGS, of
from collector.domain.market_data.data_sets import DATA_SETS, DataSet
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Spans
from collector.domain.run_vocabulary import Asks


@dataclass(frozen=True, slots=True)
class Missing:
    """Slots that one series of one instrument lacks; never empty, inside the sessions asked about."""

    instrument_id: int
    what_to_show: WhatToShow
    missing: Spans


def session_slots(data_set: DataSet, sessions: Sequence[Session]) -> tuple[list[date], list[datetime], list[datetime]]:
    """Return the days of sessions and the bounds of their slots, as the queries take them: SQL knows no calendar."""
    spans = [data_set.span(session) for session in sessions]
    return [session.day for session in sessions], [span.start for span in spans], [span.end for span in spans]


async def missing(
    db: Statements,
    data_set: DataSet,
    underlying_id: int,
    sessions: Sequence[Session],
    series: Sequence[WhatToShow],
    asks: Asks | None,
    instrument_ids: Sequence[int] | None = None,
    *,
    also: Sequence[date] = (),
) -> list[Missing]:
    """Return what is expected and not done: slots of sessions for which an instrument is selected.

    Args:
        db: the database.
        data_set: whose slots.
        underlying_id: whose series, or whose contracts', as the data set is about.
        sessions: the product's sessions, whole or clipped.
        series: the series to look at.
        asks: what counts as done: covered slots, or settled ones; None: nothing does (a forced run).
        instrument_ids: these instruments only; None: all of the underlying.
        also: days for which the underlying itself counts as selected before that is recorded.

    Returns:
        By instrument, then series; series that lack nothing are absent.
    """
    if not sessions:
        return []
    rows = await db.fetch(
        "missing_slots",
        data_set.id,
        underlying_id,
        *session_slots(data_set, sessions),
        [what.value for what in series],
        None if asks is None else asks.value,
        None if instrument_ids is None else list(instrument_ids),
        list(also),
    )
    return [_missing(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Progress:
    """Series-slots of an underlying: those that are expected, and of these the covered and the settled ones."""

    expected: int = 0
    covered: int = 0
    settled: int = 0

    def __add__(self, other: "Progress") -> "Progress":
        return Progress(self.expected + other.expected, self.covered + other.covered, self.settled + other.settled)


async def progress(db: Statements, data_set: DataSet, underlying_id: int, sessions: Sequence[Session]) -> Progress:
    """Return how far the bars of an underlying have come on some sessions; lost ones count as done.

    Args:
        db: the database.
        data_set: of underlyings.
        underlying_id: whose bars.
        sessions: whole, or clipped.
    """
    expected, uncovered, unsettled = [
        sum(
            data_set.count(row.missing)
            for row in await missing(db, data_set, underlying_id, sessions, data_set.series, asks)
        )
        for asks in (None, Asks.NOT_COVERED, Asks.NOT_SETTLED)
    ]
    return Progress(expected, expected - uncovered, expected - unsettled)


async def lacking_columns(
    db: Statements,
    data_set: DataSet,
    underlying_id: int,
    sessions: Sequence[Session],
    series: Sequence[WhatToShow],
    contract_ids: Sequence[int] | None = None,
) -> list[Missing]:
    """Return what is settled of sessions in which quotes were stored by their close alone, as versions before did.

    Args:
        db: the database.
        data_set: of options.
        underlying_id: whose contracts.
        sessions: the product's sessions, whole, none older than the source remembers.
        series: the series to look at; others than BID and ASK lack nothing.
        contract_ids: these contracts only; None: all of the underlying.

    Returns:
        Whole settled sessions (to be asked for once more, by force), by contract id, then series.
    """
    if not sessions:
        return []
    _, starts, ends = session_slots(data_set, sessions)
    names = [what.value for what in series]
    ids = None if contract_ids is None else list(contract_ids)
    rows = await db.fetch("lacking_quote_columns", data_set.id, underlying_id, starts, ends, names, ids)
    return [_missing(row) for row in rows]


async def forget(db: Database, session: Session, symbols: Sequence[str], today: date) -> int:
    """Forget what is covered and settled of a session, so that it is asked for again; bars stay as they are.

    Contracts that have expired keep what is known of them: IB would not tell it again.

    Args:
        db: the database.
        session: the whole session of a product; symbols that close at another time need a call of their own.
        symbols: of underlyings; their contracts' series are forgotten with their own.
        today: the day in New York.

    Returns:
        The number of series that had something to forget.
    """
    names = list(symbols)
    async with db.transaction() as transaction:
        now = db.clock.now()
        forgotten = 0
        for data_set in DATA_SETS:
            start, end = data_set.span(session).start, data_set.span(session).end
            # Spans that were settled before revision 0006 reach to the next open.
            end = session.next_open if end == session.close else end
            forgotten += await transaction.fetchval("forget_coverage", data_set.id, names, start, end, today)
            if data_set in OF_UNDERLYINGS:
                await transaction.execute(of("forget", data_set), names, start, end, now)
        await transaction.execute("forget_claims", names, session.day, today)
        next_day = session.next_open.date()
        await transaction.execute("forget_expiry_collected", names, session.day, next_day, today)
        await transaction.execute("forget_option_bars", names, session.open, session.close, now, today)
    return forgotten


def _missing(row: Row) -> Missing:
    return Missing(row["instrument_id"], WhatToShow(row["what_to_show"]), row["missing"])
