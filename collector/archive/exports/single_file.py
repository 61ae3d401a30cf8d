"""One Parquet file of all bars of a symbol's options."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from collector.archive import bar_schemas
from collector.archive.exports import daily_bars
from collector.archive.exports.contract_terms import TERMS, with_terms
from collector.archive.exports.sources import Sources
from collector.machine import whole_files

Bars: TypeAlias = Literal["5min", "day"]
_GROUP = 131_072


def single(sources: Sources, path: Path, bars: Bars = "5min", on_rows: Callable[[int], object] = lambda _: None) -> int:
    """Write all bars into one file, sorted by contract and time, and return how many they are.

    Each bar has its contract's terms beside it. Bars of a day are made of those of 5 minutes, see daily_bars. What is
    written takes the place of `path` when it is complete.

    Args:
        sources: option bars.
        path: of the file.
        bars: of which size.
        on_rows: is told how many rows are written so far.

    Raises:
        ArchiveError: a source is damaged, or its contract is unknown.
        OSError: the file cannot be written.
    """
    count = 0
    columns = daily_bars.SCHEMA if bars == "day" else bar_schemas.schema(sources.data_set)
    schema = with_terms(columns.empty_table(), sources.contracts).schema
    with whole_files.draft(path) as made:
        with _writer(made, schema) as writer:
            for table in _batched(_rows(sources, bars)):
                writer.write_table(table, row_group_size=_GROUP)
                count += len(table)
                on_rows(count)
        whole_files.sync(made)
    whole_files.sync(path.parent)
    return count


def _rows(sources: Sources, bars: Bars) -> Iterator[pa.Table]:
    for part in sources.rows():
        yield with_terms(daily_bars.daily(part) if bars == "day" else part, sources.contracts)


def _batched(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield rows again in tables of about a row group."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= _GROUP:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    words = [name for name in (*TERMS, "volume", "bar_count", "open_interest") if name in schema.names]
    delta = [one.name for one in schema if one.name not in words and not pa.types.is_boolean(one.type)]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=words,
        column_encoding=dict.fromkeys(delta, "DELTA_BINARY_PACKED"),
        store_decimal_as_integer=True,
        write_page_index=True,
        write_page_checksum=True,
    )
