"""Keep bars that cannot be true.

Bars that cannot be true: kept with the reason, so that nothing that IB sent is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from collector.db.connection.pool import Statements, Transaction
from collector.db.connection.sql_values import copy_text
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import Instrument, WhatToShow
from collector.domain.market_data.spans import Span, Spans
from collector.domain.quality.quality_rules import Quarantined

_COLUMNS = (
    "instrument_id", "data_set", "what_to_show", "time", "reason", "open", "high", "low", "close", "volume",
    "bar_count", "vwap", "sent_at", "slot", "final",
)  # fmt: skip
PREPARED = "create_stage_quarantine"
"""What a transaction prepares that adds to the quarantine."""
_MOST_COUNTED = 2**63 - 1
"""A count beyond is no number that anybody needs; the reason says that it was too large."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Slots of a series whose bars have come twice, and those of them that would have settled; key: Instrument.key."""

    key: int
    what_to_show: WhatToShow
    slots: Spans
    final: Spans


@dataclass(frozen=True, slots=True)
class QuarantineCount:
    """How many bars of a symbol's series (its options' and its own) stand in quarantine for a reason."""

    symbol: str
    what_to_show: str
    reason: str
    bars: int


async def add(
    transaction: Transaction, data_set: DataSet, found: Sequence[tuple[Instrument, Quarantined]], run_id: int
) -> list[Confirmed]:
    """Keep bars in the quarantine, in the transaction of the answers that they came with.

    The same bar again, in an answer to a request that was sent at least half an hour later, confirms itself. Another
    bar for the same time takes the place of the first.

    Args:
        transaction: one that prepared `PREPARED`.
        data_set: whose bars.
        found: instruments (with database ids) and their bars.
        run_id: the run that received them.

    Returns:
        What has confirmed itself: it is covered, and settled as the answer says, instead of refused.
    """
    await transaction.copy("stage_quarantine", _COLUMNS, "".join(_line(data_set, *one) for one in found))
    await transaction.execute("update_quarantined", data_set.id, run_id, transaction.clock.now())
    await transaction.execute("add_quarantined", data_set.id, run_id, transaction.clock.now())
    rows = await transaction.fetch("confirmed_quarantined", data_set.id, data_set.bar_size)
    return [
        Confirmed(row["instrument_id"], WhatToShow(row["what_to_show"]), row["slots"], row["final"]) for row in rows
    ]


async def counts(db: Statements, span: Span) -> list[QuarantineCount]:
    """Return how many bars of a span stand in quarantine, by symbol, series and reason."""
    rows = await db.fetch("quarantine_counts", span.start, span.end)
    return [QuarantineCount(row["symbol"], row["what_to_show"], row["reason"], row["bars"]) for row in rows]


def _line(data_set: DataSet, instrument: Instrument, quarantined: Quarantined) -> str:
    bar = quarantined.bar
    count = bar.bar_count if bar.bar_count is not None and abs(bar.bar_count) <= _MOST_COUNTED else None
    *prices_and_volume, vwap = bar.exact()
    return copy_text(
        instrument.key, data_set.id, quarantined.what_to_show.value, bar.time.isoformat(), quarantined.reason.value,
        *prices_and_volume, count, vwap, quarantined.sent_at and quarantined.sent_at.isoformat(),
        quarantined.slot.isoformat(), quarantined.final,
    )  # fmt: skip
