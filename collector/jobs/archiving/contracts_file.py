"""The archive's file of contracts, and what it would replace."""

from pathlib import Path

from collector.archive import contracts_file
from collector.archive.layout import CONTRACTS
from collector.db.archive import whole_rows
from collector.db.connection.pool import Database
from collector.domain.errors import ArchiveRefused
from collector.jobs.archiving.exchange import Exchange, in_thread


async def write(db: Database, exchange: Exchange, folder: Path) -> bool:
    """Write the file of all contracts anew where it has changed; tell whether it had.

    Raises:
        ArchiveRefused: a file lies there that the manifest does not know, with contracts that the database lacks.
        ArchiveError: the place refuses or cannot be reached.
    """
    rows = await whole_rows.contracts(db)
    if not rows:
        return False
    file = folder / CONTRACTS
    facts = await in_thread(db.clock, contracts_file.write_contracts, file, rows)
    unknown = await exchange.unknown(CONTRACTS)
    if unknown is not None:
        await in_thread(db.clock, _require_all, unknown, file)
    return await exchange.replace_alone(CONTRACTS, file, facts.rows, facts.as_json())


def _require_all(there: Path, file: Path) -> None:
    """Refuse to replace a file of contracts by one that lacks some of them."""
    had, has = (
        set(zip(*(table[name].to_pylist() for name in ("contract_id", "contract_symbol")), strict=True))
        for table in map(contracts_file.read_contracts, (there, file))
    )
    if had - has:
        raise ArchiveRefused(
            CONTRACTS,
            f"the file that lies there has {len(had - has):,} contracts that this database lacks",
            "if an earlier database wrote it, take the archive over: collector archive restore; "
            "else name another archive.place",
        )
