"""Terms of each bar's contract at its time."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from collector.archive.whole_numbers import wholes
from collector.domain.errors import ArchiveError

TERMS = ("contract_symbol", "expiration_date", "strike_price", "option_type")


def with_terms(bars: pa.Table, contracts: pa.Table) -> pa.Table:
    """Return bars with the columns TERMS before them.

    Args:
        bars: with `time` and `contract_id` as their first columns.
        contracts: of the archive's file of contracts, in its order.

    Raises:
        ArchiveError: a bar's contract is none of these.
    """
    found = contracts.take(pa.array(rows_of(bars, contracts)))
    schema = pa.schema([*(contracts.schema.field(name) for name in TERMS), *bars.schema])
    return pa.Table.from_arrays([*(found[name] for name in TERMS), *bars.columns], schema=schema)


def rows_of(bars: pa.Table, contracts: pa.Table) -> npt.NDArray[np.int64]:
    """Return which row of the contracts each bar belongs to.

    Raises:
        ArchiveError: as for `with_terms`.
    """
    known, since = wholes(contracts["contract_id"]), wholes(contracts["since"])
    time, owner = wholes(bars.column(0)), wholes(bars.column(1))
    first, after = np.searchsorted(known, owner, "left"), np.searchsorted(known, owner, "right")
    if (first == after).any():
        stranger = owner[first == after][0]
        raise ArchiveError(
            f"the archive's file of contracts does not know contract {stranger}, of which it has bars",
            "run: collector archive",
        )
    found: npt.NDArray[np.int64] = after - 1  # the present terms, if they are not too young
    while (early := (since[found] > time) & (found > first)).any():
        found[early] -= 1
    return found
