"""Measure completeness and fill of a session.

What a symbol has of one session: honest completeness (settled of expected) and fill (traded of expected).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from collector.db.connection.pool import Statements
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One symbol's contracts on one session, or on a part of it.

    contracts: selected ones; contracts_settled: those settled in every series. expected, covered, settled:
    series-slots; awaiting: not settled ones that lack a second witness only, single_witness: settled ones for which one
    empty answer speaks. slots: expected slots (of one series); traded, no_trade, unknown: slots by verdict, which add
    up to it. rows: stored rows; first_bar, last_bar: their times, None without any.
    """

    contracts: int
    contracts_settled: int
    expected: int
    covered: int
    settled: int
    awaiting: int
    single_witness: int
    slots: int
    traded: int
    no_trade: int
    unknown: int
    rows: int
    first_bar: datetime | None
    last_bar: datetime | None

    @property
    def completeness(self) -> float | None:
        """Return settled of expected series-slots as a fraction of 1, None when nothing is expected."""
        return self.settled / self.expected if self.expected else None

    @property
    def fill(self) -> float | None:
        """Return traded of expected slots as a fraction of 1, None when nothing is expected."""
        return self.traded / self.slots if self.slots else None


async def measure(
    db: Statements,
    data_set: DataSet,
    underlying_id: int,
    session: Session,
    series: Sequence[WhatToShow],
    contract_ids: Sequence[int] | None = None,
) -> Measured:
    """Measure what is there of a session, whole or clipped.

    Args:
        db: the database.
        data_set: of options.
        underlying_id: whose contracts.
        session: the product's session.
        series: the configured series of options.
        contract_ids: these contracts only; None: every one that is selected for the session.
    """
    span, bar_size = data_set.span(session), data_set.bar_size
    row = await db.fetchrow(
        "measure_symbol",
        data_set.id,
        underlying_id,
        session.day,
        span.start,
        span.end,
        [what.value for what in series],
        None if contract_ids is None else list(contract_ids),
    )
    if row is None:
        raise LookupError("measure_symbol returns one row")
    of_series = data_set.count(Spans((span,)))
    slots, traded = row["contracts"] * of_series, row["traded"]
    no_trade = row["trades_settled"] // bar_size - row["not_untraded"]
    return Measured(
        contracts=row["contracts"],
        contracts_settled=row["contracts_settled"],
        expected=row["series"] * of_series,
        covered=row["covered"] // bar_size,
        settled=row["settled"] // bar_size,
        awaiting=row["awaiting"] // bar_size,
        single_witness=row["single_witness"] // bar_size,
        slots=slots,
        traded=traded,
        no_trade=no_trade,
        unknown=slots - traded - no_trade,
        rows=row["rows"],
        first_bar=row["first_bar"],
        last_bar=row["last_bar"],
    )


async def record(
    db: Statements,
    day: date,
    symbol: str,
    measured: Measured,
    *,
    duration_s: float | None = None,
    error_rate: float | None = None,
) -> None:
    """Keep a session's statistics of a symbol; measuring again replaces them, but for what is not given.

    Args:
        db: the database.
        day: the session's date.
        symbol: of the underlying.
        measured: what is there.
        duration_s: seconds that the run took.
        error_rate: requests given up on, as a fraction of those planned.
    """
    await db.execute(
        "record_statistics",
        day,
        symbol,
        measured.contracts,
        measured.contracts_settled,
        measured.rows,
        None if duration_s is None else Decimal(str(duration_s)),
        Decimal(measured.rows) / measured.contracts if measured.contracts else None,
        _percent(measured.completeness),
        _percent(error_rate),
        _percent(measured.fill),
        measured.slots,
        measured.traded,
        measured.no_trade,
        measured.unknown,
        db.clock.now(),
    )


def _percent(fraction: float | None) -> Decimal | None:
    return None if fraction is None else Decimal(str(fraction)) * 100
