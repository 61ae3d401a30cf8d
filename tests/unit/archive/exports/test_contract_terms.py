from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from collector.archive.contracts_file import SCHEMA
from collector.archive.exports.contract_terms import with_terms
from collector.domain.errors import ArchiveError
from tests.support.archives import terms

FIRST, SECOND = (datetime(2026, 6, day, 13, 30, tzinfo=UTC) for day in (10, 20))
CONTRACTS = pa.Table.from_pylist(
    [
        terms(1, 690),
        terms(4, 2_800, until=FIRST),
        terms(4, 1_400, since=FIRST, until=SECOND),
        terms(4, 700, since=SECOND),
    ],
    schema=SCHEMA,
)


def bars(*rows: tuple[int, datetime]) -> pa.Table:
    """Return bars of contracts at instants."""
    return pa.table(
        {
            "time": pa.array([at for _, at in rows], pa.timestamp("us", "UTC")),
            "contract_id": pa.array([number for number, _ in rows], pa.int32()),
        }
    )


def test_a_bar_has_the_terms_of_its_time() -> None:
    """Before a split, between two and after them a bar has another strike."""
    days = [datetime(2026, 6, day, 13, 30, tzinfo=UTC) for day in (9, 10, 19, 20, 21)]
    found = with_terms(bars((1, FIRST), *((4, day) for day in days)), CONTRACTS)
    assert found["strike_price"].to_pylist() == [Decimal(strike) for strike in (690, 2800, 1400, 1400, 700, 700)]
    assert found["contract_symbol"][1].as_py() == "SPY   270115C02800000"
    assert found.column_names[-2:] == ["time", "contract_id"]


def test_a_stranger_is_told() -> None:
    """A bar of a contract that the file of contracts does not know is no silent NULL."""
    with pytest.raises(ArchiveError, match="contract 3"):
        with_terms(bars((1, FIRST), (3, FIRST)), CONTRACTS)
