"""The underlying's own bars, as selection and judgement read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from collector.db.connection.pool import Statements
from collector.domain.market_data.bars import Bar
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
        [int(bar.open * 10_000) for bar in bars],
        [int(bar.high * 10_000) for bar in bars],
        [int(bar.low * 10_000) for bar in bars],
        [int(bar.close * 10_000) for bar in bars],
        db.clock.now(),
    )


async def latest(db: Statements) -> datetime | None:
    """Return the start of the latest stored bar of any stock or ETF, None when there is none."""
    found: datetime | None = await db.fetchval("latest_underlying_bar")
    return found


async def traded(db: Statements, underlying_id: int, spans: Sequence[Span]) -> Spans:
    """Return the slots of some disjoint spans (sessions) in which the underlying has a bar."""
    ordered = sorted(spans)
    starts, ends = [span.start for span in ordered], [span.end for span in ordered]
    return Spans(row["span"] for row in await db.fetch("traded_spans", underlying_id, starts, ends))
