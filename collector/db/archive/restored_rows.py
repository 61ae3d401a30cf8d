"""Put rows of the archive back into the store."""

from collections.abc import AsyncIterable, Collection, Mapping, Sequence
from datetime import date

from collector.db.connection.pool import Database, Statements
from collector.db.connection.statements import of
from collector.domain.errors import ArchiveRefused
from collector.domain.market_data.data_sets import DataSet, InstrumentKind


async def underlying(db: Statements, symbol: str, currency: str = "USD") -> int:
    """Return the id of an underlying, which is added if it is not known."""
    return int(await db.fetchval("restore_underlying", symbol, currency, db.clock.now()))


async def contracts(db: Database, underlying_id: int, terms: Sequence[Mapping[str, object]]) -> None:
    """Add the contracts of an underlying that are not known, under the ids that the archive has them by.

    Args:
        db: the database.
        underlying_id: as it is numbered here.
        terms: the present ones, with the columns of the archive's file of contracts.

    Raises:
        ArchiveRefused: an id is another contract's here; none is added.
    """
    async with db.transaction() as transaction:
        foreign = await transaction.fetch(
            "restore_contracts",
            underlying_id,
            [one["contract_id"] for one in terms],
            [one["source_id"] for one in terms],
            [one["contract_symbol"] for one in terms],
            [one["expiration_date"] for one in terms],
            [one["strike_price"] for one in terms],
            [one["option_type"] for one in terms],
            [one["multiplier"] for one in terms],
            [one["exchange"] for one in terms],
            [one["trading_class"] for one in terms],
            [one["currency"] for one in terms],
            [one["first_seen"] for one in terms],
            [one["last_seen"] for one in terms],
            db.clock.now(),
        )
        if foreign:
            raise ArchiveRefused(
                "the database",
                f"{len(foreign):,} of the archive's contracts are others here, "
                f"among them {foreign[0]['contract_symbol']}",
                "name another database that is empty: --database",
            )


async def put_back(
    db: Database,
    data_set: DataSet,
    underlying_id: int,
    columns: Sequence[str],
    text: AsyncIterable[bytes],
    settled: Collection[date],
    path: str,
) -> int:
    """Store whole rows that are not there yet, with the coverage that they prove; all or nothing.

    Args:
        db: the database.
        data_set: whose bars.
        underlying_id: of the underlying as it is numbered here.
        columns: of the text.
        text: CSV of whole rows, in pieces.
        settled: sessions that had settled throughout.
        path: of the object, for a person.

    Returns:
        How many rows were added.

    Raises:
        ArchiveRefused: rows are stored with other values; nothing is changed.
    """
    option = data_set.kind is InstrumentKind.OPTION
    stage = "stage_restored_option_bars" if option else f"stage_restored_{data_set.name}"
    prepared = "create_stage_restored_option_bars" if option else of("create_stage_restored", data_set)
    async with db.transaction(prepared) as transaction:
        await transaction.copy_in(stage, columns, text)
        differing = (
            await transaction.fetchval("restored_conflicts")
            if option
            else await transaction.fetchval(of("restored_conflicts", data_set), underlying_id)
        )
        if differing:
            raise ArchiveRefused(
                path,
                f"{differing:,} of its bars are stored with other values",
                "name an empty database, or only sessions that this one has not: --since, --symbol",
            )
        row = (
            await transaction.fetchrow("restore_option_bars", data_set.id, data_set.bar_size, list(settled))
            if option
            else await transaction.fetchrow(
                of("restore", data_set), data_set.id, data_set.bar_size, list(settled), underlying_id
            )
        )
    assert row is not None  # noqa: S101 - it counts
    return int(row["bars"])
