"""Record gaps, close them, or call them lost.

What is not settled on past sessions, recorded, closed with the run that filled it, or lost for good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from collector.db.bookkeeping.coverage_table import session_slots
from collector.db.connection.pool import Row, Statements
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span
from collector.domain.run_vocabulary import GapState, GapType


@dataclass(frozen=True, slots=True)
class Gap:
    """Slots of one series, inside one session; contract_symbol (OCC) and expiration are None on an underlying.

    data_set: the name of the bars that are missing. reason: why it is lost, in words; None otherwise.
    """

    id: int
    symbol: str
    contract_id: int | None
    contract_symbol: str | None
    expiration: date | None
    underlying_id: int | None
    data_set: str
    what_to_show: WhatToShow
    state: GapState
    span: Span
    gap_type: GapType
    detected_at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapGroup:
    """Gaps of one series of a symbol on one session that have one reason; slots: series-slots in them.

    contracts: of how many contracts; 0 where the underlying's own bars are missing. reason: as of `Gap`.
    """

    day: date
    symbol: str
    data_set: str
    what_to_show: WhatToShow
    gap_type: GapType
    reason: str | None
    gaps: int
    contracts: int
    slots: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one look at the tables changed: gaps that are new, and gaps that are filled."""

    opened: int = 0
    closed: int = 0

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(self.opened + other.opened, self.closed + other.closed)


@dataclass(frozen=True, slots=True)
class GapTotal:
    """Gaps of one state, and the series-slots in them."""

    gaps: int = 0
    slots: int = 0


async def record(
    db: Statements,
    data_set: DataSet,
    underlying_id: int,
    sessions: Sequence[Session],
    series: Sequence[WhatToShow],
    *,
    run_id: int | None = None,
    now: datetime | None = None,
    gap_type: GapType = GapType.MISSING_BARS,
    reasons: Mapping[tuple[int, WhatToShow], GapType] | None = None,
    pending: Mapping[int, datetime] | None = None,
) -> Recorded:
    """Bring the recorded gaps of an underlying's series, or of its contracts', up to date.

    Expected are the slots of sessions on which the instrument was selected, to its expiration. What is expected and not
    settled is a gap, one for each stretch of slots, but for what awaits a second witness. Gaps outside the given
    sessions are left alone; lost ones stay lost, unless they came.

    Args:
        db: the database.
        data_set: whose slots.
        underlying_id: whose gaps, or whose contracts', as the data set is about.
        sessions: past sessions of the product, whole.
        series: the configured ones.
        run_id: the run that found or filled them.
        now: when; the clock's time by default.
        gap_type: why slots are missing where `reasons` says nothing.
        reasons: by instrument and series.
        pending: by instrument the instant from which slots are not due yet; there no new gap begins.
    """
    if not sessions:
        return Recorded()
    known = list((reasons or {}).items())
    row = await db.fetchrow(
        "record_gaps",
        data_set.id,
        underlying_id,
        *session_slots(data_set, sessions),
        [what.value for what in series],
        now or db.clock.now(),
        run_id,
        gap_type.value,
        [instrument_id for (instrument_id, _), _ in known],
        [what.value for (_, what), _ in known],
        [reason.value for _, reason in known],
        list(pending or ()),
        list((pending or {}).values()),
    )
    return Recorded() if row is None else Recorded(row["opened"], row["closed"])


async def open_gaps(
    db: Statements,
    symbols: Sequence[str] | None = None,
    since: datetime | None = None,
    state: GapState = GapState.OPEN,
    *,
    day: date | None = None,
    skipped: int = 0,
    most: int | None = None,
) -> list[Gap]:
    """Return open gaps (or those of another state), those of the contract that expires first first.

    Args:
        db: the database.
        symbols: of these only; None: of all.
        since: only what ends later; None: all.
        state: lost ones instead, for example.
        day: of this session only; None: of all.
        skipped: so many are left out first.
        most: so many are returned; None: all.
    """
    rows = await db.fetch(
        "list_gaps", state.value, None if symbols is None else list(symbols), since, day, skipped, most
    )
    return [_gap(row) for row in rows]


async def groups(
    db: Statements, symbols: Sequence[str] | None, since: datetime | None, state: GapState, most: int
) -> tuple[list[GapGroup], int]:
    """Return gaps of a state in groups, the latest session first, and how many groups there are in all.

    Args:
        db: the database.
        symbols: of these only; None: of all.
        since: only what ends later; None: all.
        state: of the gaps.
        most: so many groups are returned.
    """
    rows = await db.fetch("gap_groups", state.value, None if symbols is None else list(symbols), since, most)
    found = [
        GapGroup(
            day=row["day"],
            symbol=row["symbol"],
            data_set=row["data_set"],
            what_to_show=WhatToShow(row["what_to_show"]),
            gap_type=GapType(row["gap_type"]),
            reason=row["reason"],
            gaps=row["gaps"],
            contracts=row["contracts"],
            slots=row["slots"],
        )
        for row in rows
    ]
    return found, rows[0]["groups"] if rows else 0


async def days_to_repair(
    db: Statements, data_sets: Sequence[DataSet], symbols: Sequence[str], before: datetime, now: datetime
) -> list[date]:
    """Return the days before an instant on which open gaps or due dead letters of symbols lie, ascending."""
    data_set_ids = [data_set.id for data_set in data_sets]
    return [row["day"] for row in await db.fetch("days_to_repair", data_set_ids, list(symbols), before, now)]


async def expirations_with_gaps(db: Statements, underlying_id: int, today: date) -> list[date]:
    """Return the expirations before today (a New York day) whose contracts have open gaps, ascending."""
    return [row["expiration_date"] for row in await db.fetch("expirations_with_gaps", underlying_id, today)]


async def mark_lost(db: Statements, underlying_id: int, reasons: Mapping[date, str]) -> list[Gap]:
    """Mark open gaps as lost whose contracts are forgotten.

    Args:
        db: the database.
        underlying_id: whose contracts.
        reasons: by expiration, in the source's words.

    Returns:
        The gaps lost by this call: each is told once.
    """
    rows = await db.fetch("gaps_of_expirations", underlying_id, list(reasons)) if reasons else []
    return await _mark_lost(db, {row["id"]: reasons[row["expiration_date"]] for row in rows})


async def mark_old_lost(
    db: Statements, data_set: DataSet, underlying_id: int, depths: Mapping[WhatToShow, timedelta]
) -> list[Gap]:
    """Mark open gaps of contracts as lost that lie beyond the source's memory and were empty on two nights.

    Args:
        db: the database.
        data_set: of options.
        underlying_id: whose contracts.
        depths: how far back the source remembers each series.

    Returns:
        The gaps lost by this call: each is told once.
    """
    names = [what.value for what in depths]
    rows = await db.fetch("gaps_beyond_depth", data_set.id, underlying_id, names, list(depths.values()), db.clock.now())
    return await _mark_lost(db, {row["id"]: row["reason"] for row in rows})


async def _mark_lost(db: Statements, reasons: Mapping[int, str]) -> list[Gap]:
    """Mark gaps (ids) as lost, each with its reason."""
    if not reasons:
        return []
    return [
        _gap(row) for row in await db.fetch("mark_gaps_lost", list(reasons), list(reasons.values()), db.clock.now())
    ]


async def totals(
    db: Statements,
    symbols: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[GapState, GapTotal]:
    """Return how many gaps there are of each state in a span, with their slots; every state is present."""
    rows = await db.fetch("count_gaps", None if symbols is None else list(symbols), since, until)
    found = {GapState(row["state"]): GapTotal(row["gaps"], int(row["slots"])) for row in rows}
    return {state: found.get(state, GapTotal()) for state in GapState}


def _gap(row: Row) -> Gap:
    return Gap(
        id=row["id"],
        symbol=row["symbol"],
        contract_id=row["contract_id"],
        contract_symbol=row["contract_symbol"],
        expiration=row["expiration_date"],
        underlying_id=row["underlying_id"],
        data_set=row["data_set"],
        what_to_show=WhatToShow(row["what_to_show"]),
        state=GapState(row["state"]),
        span=row["span"],
        gap_type=GapType(row["gap_type"]),
        detected_at=row["detected_at"],
        reason=row["reason"],
    )
