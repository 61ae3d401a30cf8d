from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collector.archive import bar_schemas
from collector.archive.exports import single_file, sources
from collector.archive.exports.sources import Sources
from collector.archive.folders import Folder
from collector.domain.errors import ArchiveDamaged
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from tests.support.archives import NOVEMBER, spy_archive, terms


async def gathered(tmp_path: Path) -> Sources:
    """Return what the archive below has of SPY."""
    return await sources.gather(Folder(tmp_path / "place"), OPTION_BARS_5MIN, "SPY", tmp_path)


def drafts(folder: Path) -> list[Path]:
    """Return the files that a failed write left behind."""
    return [path for path in folder.iterdir() if path.name.startswith(".new")]


async def test_one_file_has_all_bars_with_their_contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Months and sessions become one file of every bar, in several row groups, with OCC symbol and terms beside it."""
    monkeypatch.setattr(single_file, "_GROUP", 100)
    texts = spy_archive(tmp_path / "place")
    told: list[int] = []
    count = single_file.single(await gathered(tmp_path), tmp_path / "spy.parquet", on_rows=told.append)
    found = pq.read_table(tmp_path / "spy.parquet")
    stored = bar_schemas.table(OPTION_BARS_5MIN, texts.values())
    stored = stored.sort_by([("contract_id", "ascending"), ("time", "ascending")])
    assert count == told[-1] == found.num_rows == 3 * 5 * 20
    assert found.select(stored.column_names).equals(stored)
    assert set(zip(found["contract_id"].to_pylist(), found["contract_symbol"].to_pylist(), strict=True)) == {
        (number, terms(number, strike)["contract_symbol"]) for number, strike in ((1, 690), (2, 695), (3, 700))
    }
    assert pq.ParquetFile(tmp_path / "spy.parquet").num_row_groups == 3


async def test_one_file_of_days(tmp_path: Path) -> None:
    """A bar a contract and session, made of those of 5 minutes."""
    spy_archive(tmp_path / "place")
    assert single_file.single(await gathered(tmp_path), tmp_path / "spy.parquet", "day") == 15
    found = pq.read_table(tmp_path / "spy.parquet")
    assert found["session_date"].to_pylist()[:3] == list(NOVEMBER)
    assert found.column_names[:4] == ["contract_symbol", "expiration_date", "strike_price", "option_type"]


async def test_an_export_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """A damaged source is told, and the earlier file stays."""
    spy_archive(tmp_path / "place")
    found = await gathered(tmp_path)
    path = found.files[0][0]
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    path.write_bytes(content)
    (tmp_path / "spy.parquet").write_text("earlier")
    with pytest.raises(ArchiveDamaged):
        single_file.single(found, tmp_path / "spy.parquet")
    assert (tmp_path / "spy.parquet").read_text() == "earlier"
    assert drafts(tmp_path) == []


async def test_a_session_without_bars_makes_a_file_without_rows(tmp_path: Path) -> None:
    """The columns are those of any other export."""
    spy_archive(tmp_path / "place")
    found = await gathered(tmp_path)
    single_file.single(found, tmp_path / "all.parquet")
    empty = Sources("SPY", OPTION_BARS_5MIN, ((found.files[0][0], frozenset()),), found.contracts)
    assert single_file.single(empty, tmp_path / "none.parquet") == 0
    schemas: list[pa.Schema] = [pq.read_schema(tmp_path / name) for name in ("all.parquet", "none.parquet")]
    assert schemas[0].equals(schemas[1])
