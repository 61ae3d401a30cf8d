import random
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collector.archive import contracts_file
from collector.domain.errors import ArchiveDamaged, ForeignFile, NewerFormat

SPLIT = datetime(2026, 6, 10, 13, 30, tzinfo=UTC)


def contract(number: int, **more: object) -> dict[str, object]:
    """Return the terms of a contract."""
    return {
        "contract_id": number,
        "underlying_id": 1,
        "symbol": "SPY",
        "contract_symbol": "SPY   261218C00690000",
        "expiration_date": date(2026, 12, 18),
        "strike_price": Decimal("690.0000"),
        "option_type": "C",
        "multiplier": 100,
        "exchange": "SMART",
        "trading_class": "SPY",
        "currency": "USD",
        "source": "ib",
        "source_id": 700_000_000 + number,
        "first_seen": date(2026, 1, 2),
        "last_seen": date(2026, 11, 25),
        "since": None,
        "until": None,
        **more,
    }


ROWS = [
    contract(1, until=SPLIT, strike_price=Decimal("1380.0000"), contract_symbol="SPY   261218C01380000"),
    contract(1, since=SPLIT),
    contract(2, source_id=None, first_seen=None, last_seen=None, strike_price=Decimal("1000000000.0000")),
]


def test_contracts_come_back_with_earlier_terms(tmp_path: Path) -> None:
    """Each row comes back, by contract, the present terms last; the order in which rows came changes no byte."""
    one, other = tmp_path / "one", tmp_path / "other"
    facts = contracts_file.write_contracts(one, ROWS)
    assert contracts_file.read_contracts(one).to_pylist() == ROWS
    assert (facts.rows, facts.bytes, facts.sessions) == (3, one.stat().st_size, ())
    assert contracts_file.contracts_facts(one) == facts
    assert contracts_file.write_contracts(other, random.Random(4).sample(ROWS, 3)) == facts
    assert other.read_bytes() == one.read_bytes()


def test_a_bar_finds_the_terms_of_its_time(tmp_path: Path) -> None:
    """As the page says, since and until tell under which terms a bar was made."""
    duckdb = pytest.importorskip("duckdb")
    contracts_file.write_contracts(tmp_path / "contracts.parquet", ROWS)
    found = duckdb.sql(
        """
        SELECT bar.n, strike_price::VARCHAR
        FROM (VALUES (1, TIMESTAMPTZ '2026-06-10 13:25Z'), (2, TIMESTAMPTZ '2026-06-10 13:30Z')) AS bar (n, time)
        JOIN read_parquet($path) AS terms
            ON terms.contract_id = 1 AND (since IS NULL OR since <= bar.time) AND (until IS NULL OR bar.time < until)
        ORDER BY bar.n
        """,
        params={"path": str(tmp_path / "contracts.parquet")},
    ).fetchall()
    assert found == [(1, "1380.0000"), (2, "690.0000")]


def test_damage_and_strangers_are_told(tmp_path: Path) -> None:
    """A torn file, another's file and one of a later version are told by name."""
    path = tmp_path / "contracts.parquet"
    contracts_file.write_contracts(path, ROWS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArchiveDamaged):
        contracts_file.read_contracts(path)
    pq.write_table(pa.table({"contract_id": [1]}), path)
    with pytest.raises(ForeignFile):
        contracts_file.read_contracts(path)
    pq.write_table(pa.table({"contract_id": [1]}).replace_schema_metadata({"collector.format": "2"}), path)
    with pytest.raises(NewerFormat):
        contracts_file.contracts_facts(path)


def test_no_contracts_are_a_file_as_well(tmp_path: Path) -> None:
    """Before the first contract there is a file without rows."""
    assert contracts_file.write_contracts(tmp_path / "contracts.parquet", []).rows == 0
    assert contracts_file.read_contracts(tmp_path / "contracts.parquet").schema.equals(contracts_file.SCHEMA)
