"""Read how sessions stand, as they were measured last."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from collector.db.connection.pool import Statements


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSession:
    """One symbol on one session.

    contracts: selected ones; settled_contracts: those settled in every series. completeness, fill, quote_coverage,
    iv_coverage: fractions of 1, None where nothing was expected or it was not measured. unknown: slots. flagged: bars
    that are doubted; quarantined: bars that were not stored; None: not measured. open_slots, lost_slots: series-slots
    in gaps as they stand now. implausible: why the session looks emptier than it can be; empty: it does not.
    """

    day: date
    symbol: str
    contracts: int
    settled_contracts: int
    completeness: float | None
    fill: float | None
    quote_coverage: float | None
    iv_coverage: float | None
    unknown: int
    flagged: int | None
    quarantined: int | None
    open_slots: int
    lost_slots: int
    measured_at: datetime
    implausible: str


async def measured(db: Statements, first: date, last: date) -> list[SymbolSession]:
    """Return what the sessions between two days have, ascending, then by symbol."""
    return [
        SymbolSession(
            day=row["collection_date"],
            symbol=row["symbol"],
            contracts=row["total_contracts"],
            settled_contracts=row["successful_contracts"],
            completeness=_fraction(row["data_completeness_percent"]),
            fill=_fraction(row["fill_percent"]),
            quote_coverage=_fraction(row["quote_percent"]),
            iv_coverage=_fraction(row["iv_percent"]),
            unknown=row["unknown_slots"],
            flagged=row["flagged_bars"],
            quarantined=row["quarantined_bars"],
            open_slots=row["open_slots"],
            lost_slots=row["lost_slots"],
            measured_at=row["created_at"],
            implausible=row["reason"] or "",
        )
        for row in await db.fetch("sessions_measured", first, last)
    ]


async def first(db: Statements) -> date | None:
    """Return the first session of which anything was measured or run, None while there is none."""
    found: date | None = await db.fetchval("first_session")
    return found


def _fraction(percent: Decimal | None) -> float | None:
    return None if percent is None else float(percent / 100)
