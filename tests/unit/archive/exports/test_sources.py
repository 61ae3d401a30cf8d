from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from collector.archive import bar_files, bar_schemas, layout
from collector.archive.exports import sources
from collector.archive.exports.sources import Sources
from collector.archive.folders import Folder
from collector.domain.errors import ArchiveError, ForeignFile, ObjectMissing, SessionHeldTwice
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from tests.support.archived_bars import session
from tests.support.archives import DECEMBER, NOVEMBER, SETTLED, spy_archive, write_session


async def gathered(tmp_path: Path) -> Sources:
    """Return what the archive below has of SPY."""
    return await sources.gather(Folder(tmp_path / "place"), OPTION_BARS_5MIN, "SPY", tmp_path)


async def test_all_bars_come_once_in_order(tmp_path: Path) -> None:
    """Months and sessions together give every stored bar, by contract and time; no contract is torn."""
    texts = spy_archive(tmp_path / "place")
    parts = list((await gathered(tmp_path)).rows())
    together = pa.concat_tables(parts)
    stored = bar_schemas.table(OPTION_BARS_5MIN, texts.values())
    assert together.equals(stored.sort_by([("contract_id", "ascending"), ("time", "ascending")]))
    seen = Counter(owner for part in parts for owner in set(part["contract_id"].to_pylist()))
    assert seen == {1: 1, 2: 1, 3: 1}


async def test_a_session_that_two_files_hold_is_taken_once(tmp_path: Path) -> None:
    """Where a session's file is still there beside its month's, with the same bars, the month's is taken."""
    texts = spy_archive(tmp_path / "place")
    before = pa.concat_tables((await gathered(tmp_path)).rows())
    write_session(tmp_path / "place", NOVEMBER[0], texts[NOVEMBER[0]])
    found = await gathered(tmp_path)
    assert pa.concat_tables(found.rows()).equals(before)
    assert [len(days) for _, days in found.files] == [3, 1, 1]


async def test_a_session_that_two_files_tell_differently_is_refused(tmp_path: Path) -> None:
    """Neither of two files is taken where a session's bars differ, whichever has the shorter or earlier name."""
    texts = spy_archive(tmp_path / "place")
    own = write_session(tmp_path / "place", NOVEMBER[0], session(NOVEMBER[0], [1, 2], 20))
    with pytest.raises(
        SessionHeldTwice, match=r"2026-11\.parquet holds 2026-11-23, and .*2026-11-23\.parquet holds"
    ) as told:
        await gathered(tmp_path)
    assert "run collector archive" in told.value.hint
    own.unlink()
    december = write_session(tmp_path / "place", DECEMBER[0], texts[DECEMBER[0]])
    december.rename(december.with_stem(f"{december.stem}-0123abcd"))
    write_session(tmp_path / "place", DECEMBER[0], session(DECEMBER[0], [1, 2], 20))
    with pytest.raises(SessionHeldTwice, match="holds 2026-12-01"):
        await gathered(tmp_path)


async def test_a_file_in_another_ones_place_is_refused(tmp_path: Path) -> None:
    """Bars of another symbol, or of other sessions, than a file's name tells are not exported under that name."""
    spy_archive(tmp_path / "place")
    path = tmp_path / "place" / layout.session_path(OPTION_BARS_5MIN, "SPY", DECEMBER[0])
    text = session(DECEMBER[0], [1, 2, 3], 20)
    bar_files.write(path, OPTION_BARS_5MIN, "QQQ", bar_schemas.tables(OPTION_BARS_5MIN, text), {DECEMBER[0]: SETTLED})
    with pytest.raises(ForeignFile, match=r"symbol=SPY/2026-12-01\.parquet .* it holds bars of QQQ") as told:
        await gathered(tmp_path)
    assert told.value.hint
    path.unlink()
    other = write_session(tmp_path / "place", date(2026, 12, 3), session(date(2026, 12, 3), [1], 20))
    other.rename(path)
    with pytest.raises(ForeignFile, match="it holds sessions from 2026-12-03 to 2026-12-03"):
        await gathered(tmp_path)


async def test_what_lacks_is_told(tmp_path: Path) -> None:
    """Without bars of the symbol, or without the file of contracts, the error says what to do."""
    spy_archive(tmp_path / "place")
    with pytest.raises(ArchiveError, match="no option_bars_5min of QQQ"):
        await sources.gather(Folder(tmp_path / "place"), OPTION_BARS_5MIN, "QQQ", tmp_path)
    (tmp_path / "place" / layout.CONTRACTS).unlink()
    with pytest.raises(ObjectMissing, match=r"contracts\.parquet"):
        await gathered(tmp_path)
