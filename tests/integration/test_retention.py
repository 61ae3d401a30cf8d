"""Retention: what is old goes when the archive holds it as it is; the summaries stay, and so does everything else."""

import asyncio
import hashlib
import io
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pyarrow as pa
import pytest
import pytest_asyncio

from collector.archive import bar_files, bar_schemas
from collector.archive.file_facts import SessionVerdicts
from collector.archive.folders import Folder
from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers, SeriesAnswer
from collector.db.connection import pool, statements
from collector.db.connection.pool import Database
from collector.db.schema import features
from collector.db.upkeep import compaction, retention
from collector.db.upkeep.retention import HeldPartition, KeepDays, OldPartition
from collector.domain.market_data.bars import SCALE, Bar
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import Instrument, OptionContract, Right, Underlying, WhatToShow
from collector.domain.market_data.spans import Span, Spans
from collector.jobs.archive_verification import ReadBack
from collector.jobs.disk import sizes
from collector.machine import whole_files
from tests.support.engines import Engine
from tests.support.slots import data_set_of
from tests.support.window_runs import narrow

_OPEN = datetime(2025, 11, 3, 14, 30, tzinfo=UTC)
_FIRST = _OPEN.date()
_SESSION = Span(_OPEN, _OPEN + timedelta(minutes=5 * 78))
_NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
_DAY = timedelta(days=1)
_SPY, _QQQ = 1, 2
_CONTRACTS = {"SPY": (1, 2), "QQQ": (3, 4)}

_ROWS = """
WITH underlying AS (
    INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
    VALUES ('SPY', 756733, 'STK', 'SMART', 'USD'), ('QQQ', 320227571, 'STK', 'SMART', 'USD')
    RETURNING id, symbol
)
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT id, symbol || ' ' || n, '2025-12-19', n, 'C', n, 100, 'SMART', symbol, 'USD'
FROM underlying, generate_series(1, 4) AS n
WHERE symbol = CASE WHEN n <= 2 THEN 'SPY' ELSE 'QQQ' END
ORDER BY n
"""

_SESSION_OF = """
INSERT INTO archived_sessions (object_id, underlying_id, data_set, session_date, change, rows, hash, settled)
SELECT $1, underlying_id, data_set, session_date, change, $5, $6, true
FROM session_changes
WHERE underlying_id = $2 AND data_set = $3 AND session_date = $4
"""

_COMPRESSED = "SELECT compress_chunk(c) FROM show_chunks('store.{name}') AS c"

_UNTIL_SOMEBODY_WAITS = """
DO $$
BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%drop_day%') LOOP
        PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
    END LOOP;
END
$$
"""


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Give a connection to a migrated database that knows two underlyings with two contracts each."""
    opened = await asyncpg.connect(database_url)
    await opened.execute(_ROWS)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def store(database_url: str, connection: object) -> AsyncIterator[Database]:
    """Give the open database."""
    async with pool.connect(database_url, SystemClock(_NOW)) as opened:
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Folder:
    """Give an empty place for objects."""
    folder = tmp_path / "archive"
    folder.mkdir()
    return Folder(folder)


def _answers(
    instrument: Instrument, *, shift: timedelta, settled: bool = True, slots: Sequence[int] = range(78)
) -> InstrumentAnswers:
    """Return TRADES bars of an instrument in some slots of a session, prices drawn from the slot alone."""
    found = []
    for slot in slots:
        draw = random.Random(instrument.id * 1000 + slot)
        price = 100 * draw.randrange(100, 2000)
        at = _OPEN + shift + timedelta(minutes=5 * slot)
        found.append(
            Bar(at, price, price + SCALE, price, price, SCALE * draw.randrange(1, 500), draw.randrange(1, 9), price)
        )
    covered = Spans([Span(_SESSION.start + shift, _SESSION.end + shift)])
    trades = SeriesAnswer(tuple(found), covered, covered if settled else Spans())
    return InstrumentAnswers(instrument, data_set_of(instrument), {WhatToShow.TRADES: trades})


async def _collect(
    db: Database, symbol: str, *days: int, settled: bool = True, slots: Sequence[int] = range(78)
) -> None:
    """Store option bars of a symbol on days after the first."""
    for day in days:
        batch = [
            _answers(
                OptionContract(symbol, one, date(2025, 12, 19), Decimal(one), Right.CALL, id=one),
                shift=day * _DAY,
                settled=settled,
                slots=slots,
            )
            for one in _CONTRACTS[symbol]
        ]
        await bar_tables.store(db, batch, 1, option_series=(WhatToShow.TRADES,))


async def _archive(
    connection: "asyncpg.Connection[asyncpg.Record]",
    place: Folder,
    symbol: str,
    *days: int,
    data_set: DataSet = OPTION_BARS_5MIN,
) -> Path:
    """Write what the database has of some days into one object of a place, and enter it in the manifest."""
    dates = [_FIRST + day * _DAY for day in days]
    path = f"{data_set.name}-{symbol}-{dates[0]}.parquet"
    file = Path(place.name) / path
    underlying = await connection.fetchval("SELECT id FROM underlying_securities WHERE symbol = $1", symbol)
    parts = [
        bar_schemas.table(data_set, await _whole_rows(connection, underlying, data_set, one)).combine_chunks()
        for one in dates
    ]
    key = [(bar_schemas.key(data_set), "ascending"), ("time", "ascending")]
    rows = pa.concat_tables(parts).sort_by(key)
    facts = bar_files.write(file, data_set, symbol, [rows], {one: SessionVerdicts(True) for one in dates})
    number = await connection.fetchval(
        "INSERT INTO archive_objects (place, path, underlying_id, data_set, first_session, last_session, rows, bytes,"
        " hash, facts, format, written_at, verified_at) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, '{}', 1, $9, $9)"
        " RETURNING id",
        place.name, path, underlying, data_set.id, dates[0], dates[-1],
        file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest(), _NOW,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO session_changes (underlying_id, data_set, session_date) SELECT $1, $2, unnest($3::date[])"
        " ON CONFLICT DO NOTHING",
        underlying, data_set.id, dates,
    )  # fmt: skip
    for one in facts.sessions:
        await connection.execute(_SESSION_OF, number, underlying, data_set.id, one.day, one.rows, one.hash)
    return file


async def _whole_rows(
    connection: "asyncpg.Connection[asyncpg.Record]", underlying: int, data_set: DataSet, day: date
) -> bytes:
    """Return the stored rows of a day as CSV."""
    name = "whole_option_bars" if data_set is OPTION_BARS_5MIN else statements.of("whole", data_set)
    start = datetime.combine(day, time(), UTC)
    text = io.BytesIO()
    await connection.copy_from_query(statements.query(name), underlying, start, start + _DAY, output=text, format="csv")
    return text.getvalue()


def _keep(options: int | None, underlyings: int | None = None, **own: int | None) -> KeepDays:
    """Return how long bars are kept: of options, of underlyings, and of options of some symbols."""
    return lambda symbol, data_set: own.get(symbol, options) if data_set is OPTION_BARS_5MIN else underlyings


async def _dropped(
    db: Database, place: Folder | None, keep: KeepDays, *, dry_run: bool = False
) -> list[tuple[str, int, str]]:
    """Let retention do its work, and return symbol, day and fate of what is old."""
    archive = None if place is None else ReadBack(db, place, db.clock)
    found = await retention.drop_old_bars(db.url, _NOW, keep, archive=archive, dry_run=dry_run)
    assert all(one.dropped is not bool(one.why) for one in found)
    return [(one.symbol, (one.day - _FIRST).days, one.why) for one in found]


async def _summaries(connection: "asyncpg.Connection[asyncpg.Record]") -> list[list[asyncpg.Record]]:
    return [
        await connection.fetch("SELECT * FROM hourly_option_summary ORDER BY contract_id, hour"),
        await connection.fetch("SELECT * FROM daily_option_summary ORDER BY contract_id, day"),
        await connection.fetch("SELECT * FROM underlying_intraday_summary ORDER BY underlying_id, time"),
    ]


async def _bars(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[tuple[str, int], int]:
    """Return how many option bars there are by symbol and day."""
    rows = await connection.fetch(
        "SELECT symbol, (time AT TIME ZONE 'UTC')::date AS day, count(*) AS bars FROM option_bars GROUP BY 1, 2"
    )
    return {(row["symbol"], (row["day"] - _FIRST).days): row["bars"] for row in rows}


async def _compress(connection: "asyncpg.Connection[asyncpg.Record]", engine: Engine) -> None:
    """Compress bars and aggregates, where they can be."""
    if engine.name == "community":
        for name in ("option_bars_5min", "underlying_bars_5min", *features.AGGREGATES):
            await connection.execute(_COMPRESSED.replace("{name}", name))


async def test_what_is_archived_as_it_is_goes_and_its_summaries_stay(
    connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder
) -> None:
    """Archived, settled days beyond the limit go, younger ones stay, and the summaries still know all of them."""
    await _collect(store, "SPY", 0, 1, 300)
    await _collect(store, "QQQ", 0, 1, 300)
    for symbol in ("SPY", "QQQ"):
        await _archive(connection, place, symbol, 0, 1, 300)
    await compaction.refresh_aggregates(store.url)
    before = await _summaries(connection)
    expected = [("QQQ", 0, ""), ("SPY", 0, ""), ("QQQ", 1, ""), ("SPY", 1, "")]
    assert await _dropped(store, place, _keep(365), dry_run=True) == expected
    assert len(await _bars(connection)) == 6

    assert await _dropped(store, place, _keep(365)) == expected

    assert await _bars(connection) == {("SPY", 300): 156, ("QQQ", 300): 156}
    assert await _summaries(connection) == before
    assert await _dropped(store, place, _keep(365)) == []


async def test_one_symbol_of_a_day_goes_alone(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder
) -> None:
    """A symbol with a shorter age leaves the others' bars, compressed as they were, and every summary, for good."""
    await _collect(store, "SPY", 0, 1)
    await _collect(store, "QQQ", 0, 1)
    for symbol in ("SPY", "QQQ"):
        await _archive(connection, place, symbol, 0, 1)
    await compaction.refresh_aggregates(store.url)
    await _compress(connection, engine)
    before = await _summaries(connection)
    left = await connection.fetch("SELECT * FROM option_bars_5min WHERE contract_id > 2 ORDER BY contract_id, time")

    assert await _dropped(store, place, _keep(None, SPY=100)) == [("SPY", 0, ""), ("SPY", 1, "")]

    assert await _bars(connection) == {("QQQ", 0): 156, ("QQQ", 1): 156}
    assert await connection.fetch("SELECT * FROM option_bars_5min ORDER BY contract_id, time") == left
    assert await _summaries(connection) == before
    if engine.name == "community":
        packed = "SELECT bool_and(is_compressed) FROM timescaledb_information.chunks WHERE hypertable_schema = 'store'"
        assert await connection.fetchval(packed + " AND hypertable_name = 'option_bars_5min'")
        heap = "SELECT sum(pg_relation_size(c)) FROM show_chunks('store.option_bars_5min') AS c"
        assert await connection.fetchval(heap) == 0
    await compaction.refresh_aggregates(store.url)
    assert await _summaries(connection) == before
    assert await _dropped(store, place, _keep(100)) == [("QQQ", 0, ""), ("QQQ", 1, "")]
    assert await _bars(connection) == {}
    await compaction.refresh_aggregates(store.url)
    assert await _summaries(connection) == before


async def test_what_the_archive_does_not_hold_as_it_is_waits(
    connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder
) -> None:
    """Not archived, changed since, other rows, not settled, open gaps: each waits, and says why."""
    await _collect(store, "SPY", 0, 1, 2, 3, 4)
    await _collect(store, "SPY", 5, settled=False)
    assert await _dropped(store, None, _keep(365)) == [
        *(("SPY", day, "there is no archive, and archive_before_drop is on") for day in range(5)),
        ("SPY", 5, "156 bars are not settled"),
    ]
    for day in (1, 2, 3, 4, 5):
        await _archive(connection, place, "SPY", day)
    await connection.execute("UPDATE session_changes SET change = change + 1 WHERE session_date = $1", _FIRST + _DAY)
    await connection.execute("UPDATE archived_sessions SET rows = 157 WHERE session_date = $1", _FIRST + 2 * _DAY)
    await connection.execute(
        "INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, gap_start, gap_end, gap_type,"
        " detected_at) VALUES (1, 1, 'BID', $1, $2, 'missing_bars', $2)",
        _SESSION.start + 3 * _DAY, _SESSION.end + 3 * _DAY,
    )  # fmt: skip
    expected = [
        ("SPY", 0, "not archived yet"),
        ("SPY", 1, "it changed since it was archived"),
        ("SPY", 2, "the archive has 157 rows of it"),
        ("SPY", 3, "1 gaps are open"),
        ("SPY", 4, ""),
        ("SPY", 5, "156 bars are not settled"),
    ]
    assert await _dropped(store, place, _keep(365), dry_run=True) == expected
    assert await _dropped(store, place, _keep(365)) == expected
    assert await _bars(connection) == {("SPY", day): 156 for day in (0, 1, 2, 3, 5)}
    await connection.execute(
        "INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, state, gap_start, gap_end, gap_type,"
        " detected_at) SELECT c, 1, 'TRADES', 'lost', $1, $2, 'missing_bars', $2 FROM generate_series(1, 2) AS c",
        _SESSION.start + 5 * _DAY, _SESSION.end + 5 * _DAY,
    )  # fmt: skip
    [*_, last] = await _dropped(store, place, _keep(365))
    assert last == ("SPY", 5, "")


async def test_damage_at_the_place_keeps_its_days(
    connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder
) -> None:
    """A flipped byte, a byte too many, a lost object: each keeps the days that it holds, and no other."""
    await _collect(store, "SPY", 0, 1, 2, 3, 4)
    await _collect(store, "QQQ", 0)
    flipped, longer, lost, sound, other = [
        await _archive(connection, place, *what)
        for what in (("SPY", 0, 1), ("SPY", 2), ("SPY", 3), ("SPY", 4), ("QQQ", 0))
    ]
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    size = longer.stat().st_size
    longer.write_bytes(longer.read_bytes() + b"0")
    lost.unlink()

    dropped = await _dropped(store, place, _keep(365))

    assert [(symbol, day, why.partition(":")[0]) for symbol, day, why in dropped] == [
        ("QQQ", 0, ""),
        ("SPY", 0, f"its object {flipped.name} has other bytes"),
        ("SPY", 1, f"its object {flipped.name} has other bytes"),
        ("SPY", 2, f"its object {longer.name} has {size + 1:,} bytes, not {size:,}"),
        ("SPY", 3, f"its object {lost.name} is missing from {place.name}"),
        ("SPY", 4, ""),
    ]
    assert await _bars(connection) == {("SPY", day): 156 for day in (0, 1, 2, 3)}
    verified = await connection.fetch("SELECT path FROM archive_objects WHERE verified_at IS NOT NULL ORDER BY path")
    assert [row["path"] for row in verified] == [other.name, sound.name]


async def test_rows_that_differ_uncounted_keep_their_days(
    connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder
) -> None:
    """A row changed without a count, and a session said to be in an object that has another, stay and say why."""
    await _collect(store, "SPY", 0, 1, 2, 3)
    sound, file, short, _ = [await _archive(connection, place, "SPY", day) for day in range(4)]
    await connection.execute(
        "UPDATE store.option_bars_5min SET bar_count = bar_count + 1 WHERE contract_id = 1 AND time = $1", _OPEN + _DAY
    )
    await connection.execute(
        "UPDATE archived_sessions SET object_id = (SELECT id FROM archive_objects WHERE path = $1)"
        " WHERE session_date = $2",
        short.name, _FIRST + 3 * _DAY,
    )  # fmt: skip

    assert await _dropped(store, place, _keep(365)) == [
        ("SPY", 0, ""),
        ("SPY", 1, f"the database has other rows of it than its object {file.name}, though no change was counted"),
        *(("SPY", day, f"its object {short.name} has 0 rows of {_FIRST + 3 * _DAY}, not 156") for day in (2, 3)),
    ]

    assert await _bars(connection) == {("SPY", day): 156 for day in (1, 2, 3)}
    verified = await connection.fetch("SELECT path FROM archive_objects WHERE verified_at IS NULL")
    assert [row["path"] for row in verified] == [short.name]
    assert sound.is_file()


async def test_rows_that_no_file_can_hold_keep_their_day(
    connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder
) -> None:
    """A price beyond what a reader can be shown, written by hand, is no fault that ends retention."""
    await _collect(store, "SPY", 0)
    file = await _archive(connection, place, "SPY", 0)
    await connection.execute(
        "UPDATE store.option_bars_5min SET close = 2000000000 WHERE contract_id = 1 AND time = $1", _OPEN
    )
    [kept] = await _dropped(store, place, _keep(365))
    assert kept[2] == f"the database has other rows of it than its object {file.name}, though no change was counted"


@pytest.mark.parametrize("changed", ["a bar", "what is known"])
async def test_a_change_that_commits_meanwhile_keeps_the_day(
    connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder, changed: str
) -> None:
    """Who writes when the day is dropped is waited for: the archive does not hold what he wrote, so the day stays."""
    await _collect(store, "SPY", 0)
    await _archive(connection, place, "SPY", 0)
    await compaction.refresh_aggregates(store.url)
    writer = await asyncpg.connect(store.url)
    writing = writer.transaction()
    await writing.start()
    if changed == "a bar":
        await writer.execute(
            "UPDATE store.option_bars_5min SET bar_count = 7 WHERE contract_id = 1 AND time = $1", _OPEN
        )
    await writer.execute("UPDATE session_changes SET change = change + 1")

    dropping = asyncio.create_task(_dropped(store, place, _keep(365)))
    await connection.execute(_UNTIL_SOMEBODY_WAITS)
    await writing.commit()

    assert await dropping == [("SPY", 0, "SPY: it changed since it was archived")]
    assert await _bars(connection) == {("SPY", 0): 156}
    await writer.close()


async def test_an_object_that_was_replaced_meanwhile_proves_nothing(
    connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder
) -> None:
    """The day stays when the manifest has another object by the time that its transaction looks at it."""
    await _collect(store, "SPY", 0)
    await _archive(connection, place, "SPY", 0)
    await compaction.refresh_aggregates(store.url)

    class Replaced(ReadBack):
        """Finds the object well, and has it replaced afterwards."""

        async def fault(self, held: HeldPartition) -> str:
            """Read the object back."""
            found = await super().fault(held)
            await connection.execute("UPDATE archive_objects SET hash = repeat('0', 64)")
            return found

    [kept] = await retention.drop_old_bars(store.url, _NOW, _keep(365), archive=Replaced(store, place, store.clock))
    assert kept.why == "SPY: its object was replaced"
    assert await _bars(connection) == {("SPY", 0): 156}


async def test_bars_of_underlyings_have_a_limit_of_their_own(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder
) -> None:
    """They go by their own limit, archived like the others, and never before the option bars that need them."""
    spy = Underlying("SPY", 756733, id=1)
    for day in (0, 1, 380):
        await bar_tables.store(store, [_answers(spy, shift=day * _DAY)], 1, option_series=(WhatToShow.TRADES,))
    await _collect(store, "SPY", 1)
    await _archive(connection, place, "SPY", 0, 1, 380, data_set=UNDERLYING_BARS_5MIN)
    await _compress(connection, engine)
    days = "SELECT DISTINCT (time AT TIME ZONE 'UTC')::date FROM underlying_bars_5min ORDER BY 1"
    assert await _dropped(store, place, _keep(None)) == []

    assert await _dropped(store, place, _keep(None, 365)) == [
        ("SPY", 0, ""),
        ("SPY", 1, "the option bars of that day are still there, and their Greeks need it"),
    ]

    assert [row[0] for row in await connection.fetch(days)] == [_FIRST + _DAY, _FIRST + 380 * _DAY]
    await _archive(connection, place, "SPY", 1)
    await compaction.refresh_aggregates(store.url)
    assert await _dropped(store, place, _keep(365, 365)) == [("SPY", 1, ""), ("SPY", 1, "")]
    assert [row[0] for row in await connection.fetch(days)] == [_FIRST + 380 * _DAY]


async def test_a_clock_that_is_ahead_makes_nothing_old(
    connection: "asyncpg.Connection[asyncpg.Record]", store: Database
) -> None:
    """Ages end with the latest bar that the source has sent, here and in the server, and grow when it sends more."""
    spy = Underlying("SPY", 756733, id=1)
    await _collect(store, "SPY", 0, 30)
    await bar_tables.store(store, [_answers(spy, shift=30 * _DAY)], 1, option_series=(WhatToShow.TRADES,))
    await connection.execute(
        "INSERT INTO requests (sent_at, answered_at, instrument_id, data_set, what_to_show, outcome, span)"
        " VALUES ($1, $1, 1, $2, 'TRADES', 'bars', 'empty')",
        _OPEN,
        OPTION_BARS_5MIN.id,
    )
    everything = _keep(61)
    assert await retention.drop_old_bars(store.url, _NOW, everything, archive_before_drop=False) == ()
    by_hand = "SELECT store.drop_day(1::smallint, $1, '{1}', NULL, NULL)"
    assert await connection.fetchval(by_hand, _FIRST) == "it is younger than 60 days"
    assert await retention.drop_old_requests(store.url, _NOW, 61) == 0
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="younger than 60 days"):
        await connection.execute("SELECT store.drop_requests($1)", _NOW - 61 * _DAY)

    await bar_tables.store(store, [_answers(spy, shift=70 * _DAY)], 1, option_series=(WhatToShow.TRADES,))

    [gone] = await retention.drop_old_bars(store.url, _NOW, everything, archive_before_drop=False)
    assert (gone.day, gone.dropped) == (_FIRST, True)
    assert await retention.drop_old_requests(store.url, _NOW, 61, dry_run=True) == 1


async def test_a_months_object_is_read_back_once(
    connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days of one object that go together do not have it read once each; what was written then is the object's."""
    await _collect(store, "SPY", *range(5))
    file = await _archive(connection, place, "SPY", *range(5))
    read = []

    def chunks(path: Path) -> Iterator[bytes]:
        read.append(path)
        return chunks_of(path)

    chunks_of = whole_files.chunks
    monkeypatch.setattr(whole_files, "chunks", chunks)
    assert [why for _, _, why in await _dropped(store, place, _keep(365))] == [""] * 5
    assert read == [file]


async def test_without_an_archive_by_choice_everything_old_goes(
    connection: "asyncpg.Connection[asyncpg.Record]", store: Database
) -> None:
    """With archive_before_drop off, neither the archive nor what is settled is asked for."""
    await _collect(store, "SPY", 0, settled=False)
    await _collect(store, "SPY", 300)
    before = await _summaries(connection)
    [gone] = await retention.drop_old_bars(store.url, _NOW, _keep(365), archive_before_drop=False)
    assert gone == OldPartition(
        data_set=OPTION_BARS_5MIN,
        symbol="SPY",
        day=_FIRST,
        bars=156,
        bytes=gone.bytes,
        unsettled=156,
        dropped=True,
        why="",
    )
    assert gone.bytes > 0
    assert await _bars(connection) == {("SPY", 300): 156}
    assert await _summaries(connection) == before


async def test_a_day_dropped_between_kept_ones_keeps_its_summaries(
    connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder
) -> None:
    """Summaries refreshed as far back as there are bars still know a day that went before an unsettled, older one."""
    await _collect(store, "SPY", 0, 2, settled=False)
    await _collect(store, "SPY", 1)
    await _archive(connection, place, "SPY", 0, 1, 2)
    await compaction.refresh_aggregates(store.url)
    before = await _summaries(connection)
    assert [not why for _, _, why in await _dropped(store, place, _keep(365))] == [False, True, False]
    await compaction.refresh_aggregates(store.url)
    assert await _summaries(connection) == before


async def test_the_services_login_drops_old_days_alone(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]", store: Database, place: Folder
) -> None:
    """collector_rw drops what is old and summed up, by a function alone; nothing young, and nothing behind its back."""
    await _collect(store, "SPY", 0, 1, 2)
    await _collect(store, "QQQ", 0, 1, 2)
    young = SystemClock().now().replace(microsecond=0) - _OPEN
    await _collect(store, "SPY", young // _DAY)
    for symbol in ("SPY", "QQQ"):
        await _archive(connection, place, symbol, 0, 1, 2)
    await features.create_roles(store.url)
    url = f"{store.url}{'&' if '?' in store.url else '?'}options={quote('-c role=collector_rw')}"
    async with pool.connect(url, SystemClock(_NOW)) as service:
        keep = _keep(None, SPY=365)
        if engine.name == "community":
            kept = await _dropped(service, place, keep)
            assert [why.partition(":")[0] for _, _, why in kept] == ["its summaries lack bars"] * 3
            await compaction.refresh_aggregates(store.url)
        await _compress(connection, engine)
        before = await _summaries(connection)
        assert await _dropped(service, place, keep) == [("SPY", 0, ""), ("SPY", 1, ""), ("SPY", 2, "")]
        assert await _dropped(service, place, _keep(365)) == [("QQQ", 0, ""), ("QQQ", 1, ""), ("QQQ", 2, "")]
    assert await _summaries(connection) == before
    function = "SELECT store.drop_day(1::smallint, (now() AT TIME ZONE 'UTC')::date - 59, '{1}', NULL, NULL)"
    role = await asyncpg.connect(store.url, server_settings={"role": "collector_rw"})
    assert await role.fetchval(function) == "it is younger than 60 days"
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="younger than 60 days"):
        await role.execute("SELECT store.drop_requests(now())")
    refused = ["DELETE FROM store.option_bars_5min", "DELETE FROM store.underlying_bars_5min"]
    if engine.name != "plain":
        refused.append("SELECT drop_chunks('store.option_bars_5min', older_than => now())")
    for statement in refused:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute(statement)
    await role.close()
    reader = await asyncpg.connect(store.url, server_settings={"role": "collector_ro"})
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.execute(function)
    await reader.close()


async def test_what_is_stored_is_told_apart(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]", store: Database
) -> None:
    """Raw bars, compressed bars and summaries are counted each for itself, and lie inside the whole database."""
    await _collect(store, "SPY", *range(20))
    await compaction.refresh_aggregates(store.url)
    settings = narrow("SPY")
    loose = await sizes.measure(store, settings)
    await _compress(connection, engine)
    packed = await sizes.measure(store, settings)
    assert loose.compressed == 0
    assert loose.archive is None
    assert (packed.compressed > 0) is (engine.name == "community")
    assert (packed.raw < loose.raw) is (engine.name == "community")
    for one in (loose, packed):
        assert one.raw > 0
        assert one.aggregates > 0
        assert one.raw + one.compressed + one.aggregates < one.database


async def test_retention_may_be_off(store: Database) -> None:
    """Without an age limit nothing is looked at."""
    assert await _dropped(store, None, _keep(None)) == []
