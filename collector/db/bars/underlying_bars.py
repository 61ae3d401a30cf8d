"""The underlying's own bars, as selection and judgement read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from collector.db.connection.pool import Database, Statements
from collector.db.connection.statements import of
from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import UNDERLYING_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import Underlying
from collector.domain.market_data.spans import Span, Spans


@dataclass(frozen=True, slots=True)
class LastLevel:
    """The last close (USD per share) of a span, its slot, and the last implied volatility (fraction of 1) if any."""

    time: datetime
    close: Decimal
    implied_volatility: Decimal | None


async def last_level(db: Statements, underlying_id: int, span: Span) -> LastLevel | None:
    """Return where the underlying stood at the end of a span, None when it has no bar in it."""
    row = await db.fetchrow("last_level", underlying_id, span.start, span.end)
    return None if row is None else LastLevel(row["time"], row["close"], row["implied_volatility"])


async def store_levels(db: Statements, index_id: int, bars: Sequence[Bar]) -> None:
    """Store an index's bars, without volume and coverage: nothing is expected of an index."""
    await db.execute(
        "store_index_levels",
        index_id,
        [bar.time for bar in bars],
        [bar.open for bar in bars],
        [bar.high for bar in bars],
        [bar.low for bar in bars],
        [bar.close for bar in bars],
        db.clock.now(),
    )


async def settled(db: Statements, data_set: DataSet, underlying_id: int, span: Span) -> dict[datetime, Bar]:
    """Return an underlying's stored bars of a span whose TRADES have settled, by slot; their prices alone."""
    rows = await db.fetch(of("settled", data_set), data_set.id, underlying_id, span.start, span.end)
    return {row["time"]: Bar(row["time"], row["open"], row["high"], row["low"], row["close"]) for row in rows}


async def forget_history(db: Database, data_set: DataSet, underlying: Underlying, run_id: int) -> int:
    """Take all that has settled of an underlying's bars for missing, and keep its values among the replaced ones.

    Returns:
        The number of sessions that are to be read again.
    """
    now, symbols = db.clock.now(), [underlying.symbol]
    async with db.transaction() as transaction:
        row = await transaction.fetchrow(of("revise_history", data_set), data_set.id, underlying.id, run_id, now)
        if row is None or row["first"] is None:
            return 0
        start, end, today = row["first"], row["last"] + data_set.bar_size, now.date()
        await transaction.execute("forget_coverage", data_set.id, symbols, start, end, today)
        await transaction.execute(of("forget", data_set), symbols, start, end, now)
    return int(row["sessions"])


async def latest(db: Statements) -> datetime | None:
    """Return the start of the latest stored bar of any stock or ETF, None when there is none."""
    found: datetime | None = await db.fetchval("latest_underlying_bar")
    return found


async def traded(db: Statements, underlying_id: int, spans: Sequence[Span]) -> Spans:
    """Return the slots of some disjoint spans (sessions) in which the underlying has a bar."""
    ordered = sorted(spans)
    bar_size = UNDERLYING_BARS_5MIN.bar_size
    starts, ends = [span.start for span in ordered], [span.end for span in ordered]
    return Spans(row["span"] for row in await db.fetch("traded_spans", bar_size, underlying_id, starts, ends))
