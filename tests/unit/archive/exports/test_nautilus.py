from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from collector.archive import bar_schemas
from collector.archive.exports import sources
from collector.archive.exports.nautilus import nautilus
from collector.archive.exports.sources import Sources
from collector.archive.folders import Folder
from collector.domain.errors import UsageError
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from tests.support.archived_bars import line
from tests.support.archives import NOVEMBER, make_archive, spy_archive, terms

ONE = "SPY270115C00690000.SMART"


async def gathered(tmp_path: Path) -> Sources:
    """Return what the archive below has of SPY."""
    return await sources.gather(Folder(tmp_path / "place"), OPTION_BARS_5MIN, "SPY", tmp_path)


def expected(stored: list[dict[str, Any]], series: str, prefix: str) -> Iterator[tuple[Any, ...]]:
    """Yield the bars of a catalogue, from the store's rows as a view shows them: name, prices, size, end."""
    names = {1: "690", 2: "695", 3: "700"}
    for row in stored:
        if row[f"{prefix}open"] is not None:
            prices = (str(row[f"{prefix}{name}"]) for name in ("open", "high", "low", "close"))
            kind = f"SPY270115C00{names[row['contract_id']]}000.SMART-5-MINUTE-{series}-EXTERNAL"
            end = row["time"] + timedelta(minutes=5)
            yield kind, *prices, row["volume"] if series == "LAST" else 0, int(end.timestamp()) * 10**9


async def test_nautilus_s_own_reader_reads_the_catalogue(tmp_path: Path) -> None:
    """Bars of each series and the contracts come out of Nautilus' own reader as they are in the archive."""
    catalogue = pytest.importorskip(
        "nautilus_trader.persistence.catalog",
        reason="nautilus_trader is not installed: it pins an earlier pandas, so that it is no part of the lock",
    )
    texts = spy_archive(tmp_path / "place")
    done = nautilus(await gathered(tmp_path), tmp_path / "catalogue")
    opened = catalogue.ParquetDataCatalog(str(tmp_path / "catalogue"))

    stored = bar_schemas.table(OPTION_BARS_5MIN, texts.values())
    stored = stored.sort_by([("contract_id", "ascending"), ("time", "ascending")]).to_pylist()
    wanted = [
        one
        for series, prefix in (("LAST", ""), ("BID", "bid_"), ("ASK", "ask_"))
        for one in expected(stored, series, prefix)
    ]
    bars = [
        (
            str(bar.bar_type), str(bar.open), str(bar.high), str(bar.low), str(bar.close), int(bar.volume),
            bar.ts_event,
        )
        for bar in opened.bars()
    ]  # fmt: skip
    assert sorted(bars) == sorted(wanted)
    assert done.bars == len(bars)

    instruments = {str(one.id): one for one in opened.instruments()}
    assert len(instruments) == done.instruments == 3
    one = instruments[ONE]
    assert (str(one.strike_price), str(one.underlying), int(one.multiplier)) == ("690.0000", "SPY", 100)
    assert str(one.raw_symbol) == "SPY   270115C00690000"
    assert one.expiration_ns == int(datetime(2027, 1, 15, 21, tzinfo=UTC).timestamp()) * 10**9


async def test_files_are_where_nautilus_looks(tmp_path: Path) -> None:
    """A folder an instrument and series, the file named by the ends of its first and last bar, prices × 10^16."""
    start = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
    bar = line(OPTION_BARS_5MIN, time=start, contract_id=1, open=125, up=5, down=0, close=130, volume=7, bid_close=4)
    make_archive(tmp_path / "place", {NOVEMBER[0]: bar}, [terms(1, 690)])
    done = nautilus(await gathered(tmp_path), tmp_path / "catalogue")
    assert (done.instruments, done.bars, done.skipped) == (1, 1, 1)
    [path] = (tmp_path / "catalogue").rglob("bar/*/*.parquet")
    at = "2026-11-23T14-35-00-000000000Z"
    assert str(path.relative_to(tmp_path / "catalogue")) == f"data/bar/{ONE}-5-MINUTE-LAST-EXTERNAL/{at}_{at}.parquet"
    [row] = pq.read_table(path).to_pylist()
    assert {name: int.from_bytes(row[name], "little") for name in ("open", "high", "low", "close", "volume")} == {
        "open": 125 * 10**14,
        "high": 135 * 10**14,
        "low": 125 * 10**14,
        "close": 130 * 10**14,
        "volume": 7 * 10**16,
    }
    assert row["ts_init"] == row["ts_event"] == int((start + timedelta(minutes=5)).timestamp()) * 10**9
    assert pq.read_metadata(path).metadata[b"price_precision"] == b"4"


async def test_half_a_catalogue_is_none(tmp_path: Path) -> None:
    """An export that is stopped between two contracts takes away what it had written."""
    spy_archive(tmp_path / "place")

    def stop(_: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        nautilus(await gathered(tmp_path), tmp_path / "catalogue", stop)
    assert list((tmp_path / "catalogue").rglob("*.parquet")) == []


async def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    """A catalogue is not mixed with what is there."""
    spy_archive(tmp_path / "place")
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "notes").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        nautilus(await gathered(tmp_path), tmp_path / "catalogue")
