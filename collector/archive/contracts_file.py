"""The file of all option contracts.

A row for each time that a contract had the same terms, so that a bar finds those of its time:
`contract_id` equal, `since` NULL or not after the bar's time, `until` NULL or after it.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from collector.archive import opening
from collector.archive.file_facts import FileFacts
from collector.domain.errors import ArchiveDamaged

_NAME = "contracts"
_INSTANT = pa.timestamp("us", tz="UTC")

SCHEMA = pa.schema(
    [
        pa.field("contract_id", pa.int32(), nullable=False),
        pa.field("underlying_id", pa.int32(), nullable=False),
        pa.field("symbol", pa.string(), nullable=False),  # of the underlying
        pa.field("contract_symbol", pa.string(), nullable=False),  # OCC
        pa.field("expiration_date", pa.date32(), nullable=False),
        pa.field("strike_price", pa.decimal128(14, 4), nullable=False),
        pa.field("option_type", pa.string(), nullable=False),  # C, P
        pa.field("multiplier", pa.int32(), nullable=False),
        pa.field("exchange", pa.string(), nullable=False),
        pa.field("trading_class", pa.string(), nullable=False),
        pa.field("currency", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("source_id", pa.int32()),  # today's number of IB's
        pa.field("first_seen", pa.date32()),  # days in New York on which it was listed first and last
        pa.field("last_seen", pa.date32()),
        pa.field("since", _INSTANT),  # NULL for the first terms
        pa.field("until", _INSTANT),  # NULL for the present ones
    ]
)
COLUMNS = tuple(SCHEMA.names)


def write_contracts(path: Path, rows: Iterable[Mapping[str, object]]) -> FileFacts:
    """Write the contracts' file, make it last, read it back from the disk and compare.

    Args:
        path: is replaced if it is there; nobody else may look at it before this returns.
        rows: by the names of COLUMNS, in any order; the same rows give the same bytes.

    Raises:
        ArchiveDamaged: what was read back is not what was to be written.
        OSError: the file cannot be written.
    """
    table = pa.Table.from_pylist([{name: row[name] for name in COLUMNS} for row in rows], schema=SCHEMA)
    keys = [("contract_id", "ascending"), ("until", "ascending")]
    table = table.sort_by(keys).combine_chunks()  # NULL, the present terms, come last
    try:
        with path.open("wb") as file:
            pq.write_table(
                table.replace_schema_metadata(opening.facts(_NAME)),
                file,
                compression="zstd",
                compression_level=3,
                store_decimal_as_integer=True,
                write_page_index=True,
                write_page_checksum=True,
                sorting_columns=pq.SortingColumn.from_ordering(SCHEMA, keys, null_placement="at_end"),
            )
            file.flush()
            os.fsync(file.fileno())
        return _compared(path, table)
    except BaseException:  # an interrupted write, too, leaves no half of a file
        path.unlink(missing_ok=True)
        raise


def _compared(path: Path, written: pa.Table) -> FileFacts:
    if not read_contracts(path).equals(written):
        raise ArchiveDamaged(str(path), "what was read back is not what was written")
    return contracts_facts(path)


def read_contracts(path: Path) -> pa.Table:
    """Return all contracts, ascending by id, the terms of each in the order of time.

    Raises:
        ArchiveDamaged, ForeignFile, NewerFormat: it is no whole file of contracts.
        OSError: it cannot be read.
    """
    with opening.opened(path, _NAME, SCHEMA) as file:
        return file.read().replace_schema_metadata(None)


def contracts_facts(path: Path) -> FileFacts:
    """Return the rows, bytes and hash of a file of contracts; it has no sessions.

    Raises:
        As for `read_contracts`.
    """
    rows = len(read_contracts(path))
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return FileFacts(rows, size, found, None, None, {}, {}, ())
