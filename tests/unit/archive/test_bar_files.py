import functools
import hashlib
import random
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collector.archive import bar_files, bar_schemas
from collector.archive.file_facts import FileFacts, SessionVerdicts
from collector.domain.errors import ArchiveDamaged, ArchiveError, ForeignFile, NewerFormat
from collector.domain.market_data.data_sets import (
    OPTION_BARS_5MIN,
    UNDERLYING_BARS_1DAY,
    UNDERLYING_BARS_5MIN,
)
from tests.support.archived_bars import line, session, weekdays

DAY = date(2026, 11, 25)
SETTLED, OPEN = SessionVerdicts(True), SessionVerdicts(False, {"unknown": 3, "awaiting": 1})


def write(path: Path, day: date = DAY, contracts: range = range(1, 30)) -> FileFacts:
    """Write a session's file."""
    rows = bar_schemas.tables(OPTION_BARS_5MIN, session(day, contracts))
    return bar_files.write(path, OPTION_BARS_5MIN, "SPY", rows, {day: SETTLED})


def test_the_same_rows_and_states_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever pieces rows come, the bytes of the file are the same; another state makes another file."""
    monkeypatch.setattr(bar_files, "SESSION_GROUP", 2_000)
    rows = bar_schemas.table(OPTION_BARS_5MIN, session(DAY, range(1, 60)))
    assert len(rows) > 2 * bar_files.SESSION_GROUP
    whole, pieces, other = (tmp_path / name for name in ("whole", "pieces", "other"))
    draw = random.Random(1)
    cuts = sorted(draw.sample(range(len(rows)), 20))
    parts = [rows.slice(a, b - a) for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    one = bar_files.write(whole, OPTION_BARS_5MIN, "SPY", [rows], {DAY: OPEN})
    assert bar_files.write(pieces, OPTION_BARS_5MIN, "SPY", parts, {DAY: OPEN}) == one
    assert pieces.read_bytes() == whole.read_bytes()
    assert one.bytes == whole.stat().st_size
    assert one.hash == hashlib.sha256(whole.read_bytes()).hexdigest()
    again = bar_files.write(other, OPTION_BARS_5MIN, "SPY", parts, {DAY: SETTLED})
    assert again.sessions == one.sessions
    assert again.hash != one.hash


def test_what_is_known_of_sessions_is_in_the_file(tmp_path: Path) -> None:
    """Each session's state comes back, also that of a session without any row."""
    path, empty = tmp_path / "bars", weekdays(DAY, 2)[1]
    states = {DAY: OPEN, empty: SETTLED}
    facts = bar_files.write(
        path, OPTION_BARS_5MIN, "SPY", bar_schemas.tables(OPTION_BARS_5MIN, session(DAY, [1])), states
    )
    assert bar_files.sessions_of(path) == states
    assert [one.day for one in facts.sessions] == [DAY]
    assert b"SPY" in pq.read_metadata(path).metadata[b"collector.symbol"]


def test_a_file_may_be_without_rows(tmp_path: Path) -> None:
    """A session in which there was nothing has a file that says so."""
    facts = bar_files.write(tmp_path / "bars", UNDERLYING_BARS_5MIN, "SPX", [], {DAY: SETTLED})
    assert (facts.rows, facts.first_key, facts.sessions) == (0, None, ())
    assert bar_files.read_back(tmp_path / "bars", UNDERLYING_BARS_5MIN) == facts
    assert list(bar_files.read(tmp_path / "bars", UNDERLYING_BARS_5MIN)) == []


def test_columns_are_stored_as_they_should(tmp_path: Path) -> None:
    """Prices are integers stored by differences, sorted by contract and time, with a page index and checksums."""
    write(tmp_path / "bars")
    file = pq.ParquetFile(tmp_path / "bars")
    group = file.metadata.row_group(0)
    columns = {group.column(at).path_in_schema: group.column(at) for at in range(group.num_columns)}
    assert [one.column_index for one in group.sorting_columns] == [1, 0]
    for name in ("open", "high", "low", "close", "bid_close", "ask_close", "delta", "gamma", "time", "contract_id"):
        assert "DELTA_BINARY_PACKED" in columns[name].encodings, name
        assert columns[name].compression == "ZSTD"
        assert columns[name].has_column_index
        assert columns[name].has_offset_index
    assert {columns[name].physical_type for name in ("open", "bid_high", "delta")} == {"INT64"}
    assert file.schema_arrow.equals(bar_schemas.schema(OPTION_BARS_5MIN))


def test_merging_keeps_each_session_s_hash_and_changes_no_byte_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Merged once more, or from a month and a session, sessions of overlapping contracts make the very same file."""
    monkeypatch.setattr(bar_files, "_READ_ROWS", 500)
    days = weekdays(date(2026, 11, 2), 5)
    paths = [tmp_path / f"{day}" for day in days]
    facts = [write(path, day, range(n + 1, 30 + 7 * n)) for n, (path, day) in enumerate(zip(paths, days, strict=True))]
    states = dict.fromkeys(days, SETTLED)
    sources = [(path, [day]) for path, day in zip(paths, days, strict=True)]
    month, again, mixed = tmp_path / "month", tmp_path / "again", tmp_path / "mixed"

    merged = bar_files.merge(sources, month, OPTION_BARS_5MIN, "SPY", states)

    assert merged.sessions == tuple(one.sessions[0] for one in facts)
    assert merged.rows == sum(one.rows for one in facts)
    assert bar_files.merge([(month, days)], again, OPTION_BARS_5MIN, "SPY", states) == merged
    assert bar_files.merge([(month, days[1:]), sources[0]], mixed, OPTION_BARS_5MIN, "SPY", states) == merged
    assert month.read_bytes() == again.read_bytes() == mixed.read_bytes()


def test_a_contract_may_have_more_rows_than_are_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Merging goes on when all that was read is of one contract, as underlyings' bars are."""
    monkeypatch.setattr(bar_files, "_READ_ROWS", 10)
    days = weekdays(DAY, 3)
    paths = [tmp_path / f"{day}" for day in days]
    facts = [write(path, day, range(5, 7)) for path, day in zip(paths, days, strict=True)]
    sources = [(path, [day]) for path, day in zip(paths, days, strict=True)]
    merged = bar_files.merge(sources, tmp_path / "all", OPTION_BARS_5MIN, "SPY", dict.fromkeys(days, SETTLED))
    assert merged.sessions == tuple(one.sessions[0] for one in facts)


def test_daily_bars_of_a_year_are_merged(tmp_path: Path) -> None:
    """Bars of a day, one a session, become one file in order of time."""
    days = weekdays(DAY, 4)
    sources = []
    for n, day in enumerate(days):
        at = datetime(day.year, day.month, day.day, tzinfo=UTC)
        text = line(UNDERLYING_BARS_1DAY, time=at, underlying_id=1, open=n, up=0, down=0, close=n, adjusted_close=n)
        rows = [bar_schemas.table(UNDERLYING_BARS_1DAY, text)]
        bar_files.write(tmp_path / str(day), UNDERLYING_BARS_1DAY, "SPY", rows, {day: SETTLED})
        sources.append((tmp_path / str(day), [day]))
    states = dict.fromkeys(days, SETTLED)
    facts = bar_files.merge(sources[::-1], tmp_path / "year", UNDERLYING_BARS_1DAY, "SPY", states)
    assert [one.day for one in facts.sessions] == days
    assert facts.sums["adjusted_close"] == 0 + 1 + 2 + 3


def test_sessions_are_read_by_day(tmp_path: Path) -> None:
    """Only the rows of the wanted days come, in the file's order."""
    days = weekdays(DAY, 3)
    for day in days:
        write(tmp_path / str(day), day)
    sources = [(tmp_path / str(day), [day]) for day in days]
    bar_files.merge(sources, tmp_path / "all", OPTION_BARS_5MIN, "SPY", dict.fromkeys(days, SETTLED))
    wanted = pa.Table.from_batches(bar_files.read(tmp_path / "all", OPTION_BARS_5MIN, [days[1]]))
    assert wanted.equals(pq.read_table(tmp_path / str(days[1])).replace_schema_metadata(None))
    assert list(bar_files.read(tmp_path / "all", OPTION_BARS_5MIN, [date(2000, 1, 1)])) == []


@pytest.mark.parametrize("mistake", ["order", "stranger", "twice", "missing"])
def test_a_wrong_call_leaves_no_file(mistake: str, tmp_path: Path) -> None:
    """Rows out of order or of a session that nobody named, a session of two files or of none: nothing is written."""
    other = weekdays(DAY, 2)[1]
    source, path = tmp_path / "source", tmp_path / "bars"
    write(source)
    rows = bar_schemas.table(OPTION_BARS_5MIN, session(DAY, [2, 1]))
    bars = {"order": [rows], "stranger": [rows.slice(0, 78)]}
    sources = {"twice": [(source, [DAY]), (source, [DAY])], "missing": [(source, [other])]}
    states = {other: SETTLED} if mistake in {"stranger", "missing"} else {DAY: SETTLED}
    call = (
        functools.partial(bar_files.write, path, OPTION_BARS_5MIN, "SPY", bars[mistake], states)
        if mistake in bars
        else functools.partial(bar_files.merge, sources[mistake], path, OPTION_BARS_5MIN, "SPY", states)
    )
    with pytest.raises(ValueError, match=r"sorted|not named|two files|has no session"):
        call()
    assert not path.exists()


def test_a_flipped_byte_anywhere_is_found(tmp_path: Path) -> None:
    """Whatever byte of a file changes, reading it back names the damage, or gives another hash than the file had."""
    path = tmp_path / "bars"
    facts = write(path, contracts=range(1, 6))
    good = path.read_bytes()
    draw = random.Random(17)
    named = []
    places = [*draw.sample(range(len(good)), 200), 0, 3, len(good) - 1, len(good) - 5]
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 1 << draw.randrange(8)
        path.write_bytes(bad)
        try:
            assert bar_files.read_back(path, OPTION_BARS_5MIN).hash != facts.hash
        except ArchiveError as error:
            named.append(str(error))
    assert all(str(path) in text for text in named)
    assert len(named) > len(places) / 2  # most bytes are values, and pages have sums


@pytest.mark.parametrize("left", [0.99, 0.5, 0.01])
def test_a_torn_file_is_damaged(left: float, tmp_path: Path) -> None:
    """A file that ends too early is told by name, whoever looks at it."""
    path = tmp_path / "bars"
    write(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * left)])
    with pytest.raises(ArchiveDamaged, match="is damaged"):
        bar_files.read_back(path, OPTION_BARS_5MIN)
    with pytest.raises(ArchiveDamaged):
        bar_files.sessions_of(path)
    with pytest.raises(ArchiveDamaged):
        list(bar_files.read(path, OPTION_BARS_5MIN))
    with pytest.raises(ArchiveDamaged):
        bar_files.merge([(path, [DAY])], tmp_path / "new", OPTION_BARS_5MIN, "SPY", {DAY: SETTLED})


def test_strangers_are_told(tmp_path: Path) -> None:
    """What is no Parquet, or nobody's of the archive, or holds other bars, is no file of the archive."""
    text, other, bars = tmp_path / "text", tmp_path / "other", tmp_path / "bars"
    text.write_bytes(b"")
    with pytest.raises(ForeignFile, match="no Parquet file"):
        bar_files.read_back(text, OPTION_BARS_5MIN)
    text.write_text("time,contract_id\n")
    with pytest.raises(ForeignFile, match="no Parquet file"):
        bar_files.read_back(text, OPTION_BARS_5MIN)
    pq.write_table(pa.table({"time": [1]}), other)
    with pytest.raises(ForeignFile, match="not written by"):
        bar_files.sessions_of(other)
    write(bars)
    with pytest.raises(ForeignFile, match="it holds option_bars_5min, not underlying_bars_5min"):
        bar_files.read_back(bars, UNDERLYING_BARS_5MIN)
    with pytest.raises(FileNotFoundError):
        bar_files.read_back(tmp_path / "absent", OPTION_BARS_5MIN)


def test_a_later_format_is_told(tmp_path: Path) -> None:
    """A file of a later version names its format and what to do."""
    path = tmp_path / "bars"
    table = bar_schemas.table(OPTION_BARS_5MIN, session(DAY, [1]))
    pq.write_table(table.replace_schema_metadata({"collector.format": "9"}), path)
    with pytest.raises(NewerFormat, match="has format 9") as caught:
        bar_files.read_back(path, OPTION_BARS_5MIN)
    assert (caught.value.found, caught.value.known) == (9, 1)


def test_other_columns_are_damage(tmp_path: Path) -> None:
    """A file that says it is ours and has other columns, or says nothing of its sessions, is damaged."""
    path = tmp_path / "bars"
    facts = {"collector.format": "1", "collector.data_set": "option_bars_5min"}
    table = bar_schemas.table(OPTION_BARS_5MIN, session(DAY, [1]))
    pq.write_table(table.replace_schema_metadata(facts), path, store_decimal_as_integer=True)
    with pytest.raises(ArchiveDamaged, match="which sessions"):
        bar_files.read_back(path, OPTION_BARS_5MIN)
    pq.write_table(table.drop_columns(["vwap"]).replace_schema_metadata(facts), path)
    with pytest.raises(ArchiveDamaged, match="columns"):
        bar_files.read_back(path, OPTION_BARS_5MIN)
