"""Answer of a reading: a table, and what it lacks."""

from collections.abc import Callable
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

REASONS = pa.schema(
    [
        ("symbol", pa.string()),
        ("contract_id", pa.int32()),
        ("contract_symbol", pa.string()),
        ("series", pa.string()),
        ("session", pa.date32()),
        ("start", pa.timestamp("us", "UTC")),
        ("end", pa.timestamp("us", "UTC")),
        ("slots", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""Columns of `Answer.reasons`: whose slots (NULL: all of the symbol's), from start until before end, UTC, and why."""


def no_reasons() -> pa.Table:
    """Return the table of reasons of an answer that lacks nothing."""
    return REASONS.empty_table()


class Answer:
    """What a reading found.

    Args:
        table: the rows; docs/research.md tells their columns, units and order.
        find_reasons: looks up what is missing; called once, when somebody asks for it.
        archived: the sessions that were read from the archive.
    """

    def __init__(
        self,
        table: pa.Table,
        find_reasons: Callable[[], pa.Table] = no_reasons,
        archived: frozenset[date] = frozenset(),
    ) -> None:
        self._table, self._archived = table, archived
        self._find_reasons = find_reasons

    @property
    def table(self) -> pa.Table:
        """Return the rows as a pyarrow.Table."""
        return self._table

    @property
    def num_rows(self) -> int:
        """Return how many rows there are."""
        return int(self._table.num_rows)

    @property
    def column_names(self) -> list[str]:
        """Return the names of the columns, in their order."""
        return list(self._table.column_names)

    @property
    def schema(self) -> pa.Schema:
        """Return names and types of the columns."""
        return self._table.schema

    @property
    def archived(self) -> frozenset[date]:
        """Return the sessions that were read from the archive; the others came from the database."""
        return self._archived

    @cached_property
    def reasons(self) -> pa.Table:
        """Return what is missing and why, a row a stretch; see `REASONS`.

        It is looked up when it is asked for first, so ask while the reader is open. What it tells is what the database
        knows then: a slot that was stored or settled after the rows were read is not told, though they lack it.

        Raises:
            UsageError: the reader has been closed in the meantime.
        """
        return self._find_reasons()

    @property
    def complete(self) -> bool:
        """Tell whether nothing is missing: every slot that was expected is settled.

        Raises:
            UsageError: as `reasons`.
        """
        return bool(self.reasons.num_rows == 0)

    def to_pandas(self) -> "pd.DataFrame":
        """Return the rows as a pandas DataFrame; needs pandas.

        Raises:
            ExtraMissing: pandas is not installed.
        """
        _require("pandas")
        return self._table.to_pandas()

    def to_polars(self) -> "pl.DataFrame":
        """Return the rows as a polars DataFrame, without a copy where it can be; needs polars.

        Raises:
            ExtraMissing: polars is not installed.
        """
        _require("polars")
        import polars as pl  # noqa: PLC0415 - only whoever wants it has it

        return pl.DataFrame(self._table)

    def to_ipc(self) -> bytes:
        """Return the rows in Arrow's stream format, compressed by Zstandard: `pyarrow.ipc.open_stream` reads it."""
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(sink, self._table.schema, options=options) as stream:
            stream.write_table(self._table)
        return bytes(sink.getvalue())

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - Arrow's protocol
        """Give the rows to whatever reads Arrow streams: DuckDB, polars, pandas and others."""
        return self._table.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return self.num_rows

    def __repr__(self) -> str:
        return f"<Answer of {self.num_rows:,} rows: {', '.join(self.column_names)}>"


def _require(library: str) -> None:
    from importlib.util import find_spec  # noqa: PLC0415 - see above

    from collector.domain.errors import ExtraMissing  # noqa: PLC0415

    if find_spec(library) is None:
        raise ExtraMissing(library, f"to_{library}()")
