"""The archive's file of contracts, and what it would replace."""

from collections.abc import Sequence
from pathlib import Path

from collector.archive import contracts_file
from collector.archive.layout import CONTRACTS
from collector.db.archive import whole_rows
from collector.db.connection.pool import Database, Row
from collector.domain.errors import ArchiveDamaged, ArchiveRefused
from collector.jobs.archiving.exchange import Exchange, in_thread


async def require_ours(db: Database, exchange: Exchange) -> None:
    """Make sure that no other database's contracts lie at the place: their ids would be taken for this one's.

    Raises:
        ArchiveRefused: there are contracts that this database does not have by these ids.
        ArchiveError: the place refuses or cannot be reached.
    """
    await _require(exchange, await whole_rows.contracts(db), present=True)


async def write(db: Database, exchange: Exchange, folder: Path) -> bool:
    """Write the file of all contracts anew where it has changed; tell whether it had.

    Raises:
        ArchiveRefused: a file lies there that is not the manifest's, with contracts or terms that the database lacks.
        ArchiveError: the place refuses or cannot be reached.
    """
    rows = await whole_rows.contracts(db)
    if not rows:
        return False
    await _require(exchange, rows, present=False)
    file = folder / CONTRACTS
    facts = await in_thread(db.clock, contracts_file.write_contracts, file, rows)
    return await exchange.replace_alone(CONTRACTS, file, facts.rows, facts.as_json())


async def _require(exchange: Exchange, rows: Sequence[Row], *, present: bool) -> None:
    """Refuse a file of contracts that is not the manifest's and has some that the database lacks.

    One that is damaged is made again where the manifest has it. With `present`, only the present terms of each count.
    """
    there = await exchange.others(CONTRACTS)
    if there is None:
        return
    try:
        found = (await in_thread(exchange.clock, contracts_file.read_contracts, there)).to_pylist()
    except ArchiveDamaged:
        if present or any(one.path == CONTRACTS for one in exchange.objects.values()):
            return
        raise
    had = {(one["contract_id"], one["contract_symbol"]) for one in found if not present or one["until"] is None}
    lacking = had - {(one["contract_id"], one["contract_symbol"]) for one in rows}
    if lacking:
        raise ArchiveRefused(
            CONTRACTS,
            f"the file that lies there has {len(lacking):,} contracts that this database lacks",
            "if an earlier database wrote it, take the archive over: collector archive restore; "
            "else name another archive.place",
        )
