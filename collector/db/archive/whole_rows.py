"""Copy whole bars out of the store and back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from collector.db.archive.manifest import Partition
from collector.db.connection.pool import Database, Row, Statements, Transaction
from collector.db.connection.statements import of
from collector.domain.market_data.data_sets import DataSet, InstrumentKind
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.spans import Span


@dataclass(frozen=True, slots=True)
class Copied:
    """A session's bars as they were copied, at one moment.

    change: how often they had changed by then. rows: how many there are. slots: series-slots by what is known of them,
    see sql/queries/session_state.sql.
    """

    change: int
    rows: int
    slots: Mapping[str, int] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Tell whether every series that is expected, or was asked for, is settled or known to be lost."""
        return not self.slots.get("unknown", 0) and not self.slots.get("awaiting", 0)


def utc_day(day: date) -> Span:
    """Return the day of UTC on which all bars of a session lie."""
    start = datetime.combine(day, time(), UTC)
    return Span(start, start + timedelta(days=1))


async def copy_session(
    db: Database,
    partition: Partition,
    slots: Span,
    series: Sequence[WhatToShow],
    to: Callable[[bytes], object],
) -> Copied:
    """Copy a session's bars out as CSV, by instrument and time, with their change number: one state of the database.

    Args:
        db: the database.
        partition: whose bars.
        slots: of the session.
        series: the configured ones.
        to: is handed the text, in pieces; columns as in the stored table, no head line, an empty field for NULL.

    Raises:
        DatabaseUnavailable, DatabaseError: the text is incomplete.
    """
    data_set = partition.data_set
    async with db.snapshot() as snapshot:
        change = await snapshot.fetchval("session_change", partition.underlying_id, data_set.id, partition.day)
        rows = await copy_rows(snapshot, partition.underlying_id, data_set, partition.day, to)
        known = await snapshot.fetch(
            "session_state",
            data_set.id,
            partition.underlying_id,
            partition.day,
            slots.start,
            slots.end,
            [one.value for one in series],
        )
    return Copied(change or 0, rows, {row["part"]: row["slots"] for row in known})


async def copy_rows(
    snapshot: Transaction, underlying_id: int, data_set: DataSet, day: date, to: Callable[[bytes], object]
) -> int:
    """Copy an underlying's bars of a session out as text, as `copy_session`, and return how many they are."""
    span = utc_day(day)
    is_option = data_set.kind is InstrumentKind.OPTION
    return await snapshot.copy_out(
        "whole_option_bars" if is_option else of("whole", data_set), underlying_id, span.start, span.end, to=to
    )


async def contracts(db: Statements) -> list[Row]:
    """Return every option contract, a row for each time that its terms were the same, by id and time."""
    return await db.fetch("contracts_with_terms")


async def revised_away(db: Statements, partition: Partition, object_id: int) -> int:
    """Return how many of a session's bars were replaced since an object was written, and are stored no more."""
    data_set, span = partition.data_set, utc_day(partition.day)
    is_option = data_set.kind is InstrumentKind.OPTION
    found = await db.fetchval(
        "revised_away" if is_option else of("revised_away", data_set),
        data_set.id,
        partition.underlying_id,
        span.start,
        span.end,
        object_id,
    )
    return int(found)
