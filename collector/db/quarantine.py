"""Bars that cannot be true: kept with the reason, so that nothing that IB sent is lost."""

from collections.abc import Iterable
from dataclasses import dataclass

from collector.db.pool import Database, Statements
from collector.domain.instruments import Instrument, OptionContract
from collector.domain.quality import Quarantined
from collector.domain.spans import Span

_COLUMNS = (
    "contract_id", "underlying_id", "what_to_show", "time", "reason", "open", "high", "low", "close", "volume",
    "bar_count", "vwap",
)  # fmt: skip
_NULL = r"\N"


@dataclass(frozen=True, slots=True)
class QuarantineCount:
    """How many bars of a symbol's series (its options' and its own) stand in quarantine for a reason."""

    symbol: str
    what_to_show: str
    reason: str
    bars: int


async def add(db: Database, found: Iterable[tuple[Instrument, Quarantined]], run_id: int) -> int:
    """Keep bars in the quarantine; one that is there already stays as it is.

    Args:
        db: the database.
        found: instruments (with database ids) and their bars.
        run_id: the run that received them.

    Returns:
        The number of bars that were new.
    """
    lines = [_line(instrument, quarantined) for instrument, quarantined in found]
    if not lines:
        return 0
    async with db.transaction("create_stage_quarantine") as transaction:
        await transaction.copy("stage_quarantine", _COLUMNS, "".join(lines))
        return await transaction.execute("add_quarantined", run_id, db.clock.now())


async def counts(db: Statements, span: Span) -> list[QuarantineCount]:
    """Return how many bars of a span stand in quarantine, by symbol, series and reason."""
    rows = await db.fetch("quarantine_counts", span.start, span.end)
    return [QuarantineCount(row["symbol"], row["what_to_show"], row["reason"], row["bars"]) for row in rows]


def _line(instrument: Instrument, quarantined: Quarantined) -> str:
    bar = quarantined.bar
    ids = (instrument.id, None) if isinstance(instrument, OptionContract) else (None, instrument.id)
    fields = (
        *ids, quarantined.what_to_show.value, bar.time.isoformat(), quarantined.reason.value, *bar[1:6],
        bar.bar_count, bar.vwap,
    )  # fmt: skip
    return "\t".join(_NULL if field is None else str(field) for field in fields) + "\n"
