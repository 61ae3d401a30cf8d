"""Sessions put back from the archive into another database: every row equal, nothing overwritten."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from collector.archive.places import Place, open_place
from collector.clock import SystemClock
from collector.config import Settings
from collector.config.operation_settings import ArchiveSettings
from collector.db.archive import manifest, restored_rows, whole_rows
from collector.db.bars import bar_tables
from collector.db.connection import pool
from collector.domain.errors import ArchiveRefused, ForeignFile
from collector.jobs import archive_pass
from collector.jobs.archiving import restoring
from collector.market.calendar import Calendar
from tests.support.db_rows import FRIDAY, MONDAY, answer, answers, make_chain, quote, rows, slot, trade
from tests.support.engines import Engine
from tests.support.fixtures_engines import Matrix
from tests.support.window_runs import narrow

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LATER = datetime(2027, 2, 15, 2, 0, tzinfo=UTC)
EARLIER = "underlying_bars_5min/v1/symbol=PLTR/2026-11-20.parquet"
CONTRACTS = "SELECT id, contract_symbol, strike_price FROM option_chains ORDER BY id"
BARS = "SELECT * FROM store.option_bars_5min ORDER BY contract_id, time"
OWN = "SELECT * FROM store.underlying_bars_5min ORDER BY underlying_id, time"
COVERED = "SELECT what_to_show, covered::text, settled::text FROM request_coverage WHERE contract_id = $1 ORDER BY 1"


@pytest.fixture
def archive(tmp_path: Path) -> tuple[Settings, Place]:
    """Give a folder for the archive and the configuration that names it."""
    (tmp_path / "place").mkdir()
    settings = narrow("PLTR", archive=ArchiveSettings(place=str(tmp_path / "place")))
    return settings, open_place(settings.archive)


async def test_every_value_comes_back(
    database_url: str, engine: Engine, engine_matrix: Matrix, archive: tuple[Settings, Place], tmp_path: Path
) -> None:
    """An empty database has the same rows afterwards, says no more than they prove, and goes on with the archive."""
    settings, place = archive
    calendar = Calendar.configured(settings)
    async with pool.connect(database_url, SystemClock(NOW)) as db:
        chain = await make_chain(db, select_from=FRIDAY.day)
        for session in (FRIDAY, MONDAY):
            bars = [trade(n, f"1.{n:02}", session=session) for n in range(70)]
            odd = [quote(n, "1.2345", session=session) for n in range(70)]
            await bar_tables.store(
                db,
                [
                    answers(chain.contracts[0], TRADES=answer(bars, session=session), BID=answer(odd, session=session)),
                    answers(chain.underlying, TRADES=answer(bars, session=session)),
                ],
                1,
            )
        await archive_pass.archive(db, place, settings, calendar, root=tmp_path / "work")
        kept = await rows(db, BARS), await rows(db, OWN)
        contracts = await rows(db, CONTRACTS)
    for url in engine_matrix.create(engine, engine_matrix.template(engine)):
        async with pool.connect(url, SystemClock(NOW)) as db:
            done = await restoring.restore(db, place, root=tmp_path / "work")
            assert sum(one.bars for one in done) == 4 * 70
            assert (await rows(db, BARS), await rows(db, OWN)) == kept
            assert await rows(db, CONTRACTS) == contracts
            covered = await rows(db, COVERED, chain.contracts[0].id)
            assert [series for series, _, _ in covered] == ["BID", "TRADES"]
            assert sum(one.bars for one in await restoring.restore(db, place, root=tmp_path / "work")) == 0
            planned = await archive_pass.plan(db, place.name, settings, NOW)
            assert [one.path for one in planned] == []
            assert all(one.held for one in await manifest.partitions(db, place.name))
            await rows(db, "UPDATE store.option_bars_5min SET close = 7 WHERE time = $1 RETURNING 1", FRIDAY.open)
            with pytest.raises(ArchiveRefused, match="1 of its bars are stored with other values"):
                await restoring.restore(db, place, root=tmp_path / "work")


async def test_another_databases_contracts_are_refused(
    plain_database_url: str,
    plain_engine: Engine,
    engine_matrix: Matrix,
    archive: tuple[Settings, Place],
    tmp_path: Path,
) -> None:
    """Where an id is another contract's, nothing is put back."""
    settings, place = archive
    async with pool.connect(plain_database_url, SystemClock(NOW)) as db:
        chain = await make_chain(db, select_from=FRIDAY.day)
        bars = answer([trade(n) for n in range(78)])
        await bar_tables.store(db, [answers(chain.contracts[0], TRADES=bars)], 1)
        await archive_pass.archive(db, place, settings, Calendar.configured(settings), root=tmp_path / "work")
    for url in engine_matrix.create(plain_engine, engine_matrix.template(plain_engine)):
        async with pool.connect(url, SystemClock(NOW)) as db:
            await make_chain(db, 3, symbol="SPY")
            with pytest.raises(ArchiveRefused, match="are others here"):
                await restoring.restore(db, place, root=tmp_path / "work")
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT count(*) FROM store.option_bars_5min") == 0
        await connection.close()


async def test_what_was_not_compared_is_not_called_archived(
    plain_database_url: str,
    plain_engine: Engine,
    engine_matrix: Matrix,
    archive: tuple[Settings, Place],
    tmp_path: Path,
) -> None:
    """Days before --since, and days with bars of which the archive knows nothing, wait for the archive's next pass."""
    settings, place = archive
    calendar = Calendar.configured(settings)
    async with pool.connect(plain_database_url, SystemClock(NOW)) as db:
        chain = await make_chain(db, select_from=FRIDAY.day)
        for session in (FRIDAY, MONDAY):
            bars = answer([trade(n, session=session) for n in range(70)], session=session)
            await bar_tables.store(db, [answers(chain.contracts[0], TRADES=bars)], 1)
        await archive_pass.archive(db, place, settings, calendar, root=tmp_path / "work")
    for url in engine_matrix.create(plain_engine, engine_matrix.template(plain_engine)):
        async with pool.connect(url, SystemClock(NOW)) as db:
            chain = await make_chain(db, select_from=FRIDAY.day)
            other = answer([trade(n, "7.77") for n in range(70)])
            more = answer([trade(n, session=MONDAY) for n in range(70, 75)], session=MONDAY)
            await bar_tables.store(db, [answers(chain.contracts[0], TRADES=other)], 1)
            await bar_tables.store(db, [answers(chain.contracts[1], TRADES=more)], 1)
            await restoring.restore(db, place, since=MONDAY.day, root=tmp_path / "work")
            held = await manifest.partitions(db, place.name)
            assert [(one.day, one.is_current) for one in held] == [(FRIDAY.day, False), (MONDAY.day, False)]
            await archive_pass.archive(db, place, settings, calendar, root=tmp_path / "work")
            held = await manifest.partitions(db, place.name)
            assert [(one.is_current, one.held and one.held.rows) for one in held] == [(True, 70), (True, 75)]


async def test_contracts_are_added_all_or_none(plain_database_url: str) -> None:
    """Where the id of one contract is another's, those beside it do not come in either."""
    async with pool.connect(plain_database_url, SystemClock(NOW)) as db:
        chain = await make_chain(db)
        terms = await whole_rows.contracts(db)
        before = await rows(db, CONTRACTS)
        first = {**terms[0], "contract_symbol": "another"}
        new = {**terms[1], "contract_id": 7, "source_id": 7, "contract_symbol": "new", "strike_price": 7}
        with pytest.raises(ArchiveRefused, match="1 of the archive's contracts are others here"):
            await restored_rows.contracts(db, chain.underlying.id, [first, new])
        assert await rows(db, CONTRACTS) == before


@pytest.mark.parametrize(("other", "found"), [("SPY", "bars of SPY"), ("PLTR", "sessions from 2026-11-23")])
async def test_an_object_in_anothers_place_is_refused(
    plain_database_url: str, archive: tuple[Settings, Place], tmp_path: Path, other: str, found: str
) -> None:
    """Bars of another symbol, or of another session, are not put back as those that the path names."""
    settings, place = archive
    async with pool.connect(plain_database_url, SystemClock(NOW)) as db:
        for symbol, price in (("PLTR", "18.5"), ("SPY", "600.5")):
            own = (await make_chain(db, symbol=symbol)).underlying
            for session in (FRIDAY, MONDAY):
                bars = [trade(n, price, session=session) for n in range(78)]
                await bar_tables.store(db, [answers(own, TRADES=answer(bars, session=session))], 1)
        await archive_pass.archive(db, place, settings, Calendar.configured(settings), root=tmp_path / "work")
        objects = tmp_path / "place" / "underlying_bars_5min" / "v1"
        shutil.copy(objects / f"symbol={other}" / "2026-11-23.parquet", objects / "symbol=PLTR" / "2026-11-20.parquet")
        await rows(db, "DELETE FROM store.underlying_bars_5min")
        with pytest.raises(ForeignFile, match=found):
            await restoring.restore(db, place, symbols=["PLTR"], root=tmp_path / "work")
        assert await rows(db, OWN) == []


async def test_sessions_that_were_not_put_back_count_as_unknown(
    plain_database_url: str, archive: tuple[Settings, Place], tmp_path: Path
) -> None:
    """Of a month's object a session is put back; the other one, which the database has with other bars, is due."""
    settings, place = archive
    clock = SystemClock(LATER)
    async with pool.connect(plain_database_url, clock) as db:
        own = (await make_chain(db)).underlying
        for session in (FRIDAY, MONDAY):
            bars = [trade(n, session=session) for n in range(78)]
            await bar_tables.store(db, [answers(own, TRADES=answer(bars, session=session))], 1)
        await archive_pass.archive(db, place, settings, Calendar.configured(settings), root=tmp_path / "work")
        for table in ("archive_objects", "session_changes", "store.underlying_bars_5min", "request_coverage"):
            await rows(db, f"DELETE FROM {table}")  # noqa: S608 - names of this file
        other = answer([trade(n, "9.99") for n in range(78)])
        await bar_tables.store(db, [answers(own, TRADES=other)], 1)
        await restoring.restore(db, place, since=MONDAY.day, root=tmp_path / "work")
        [planned] = await archive_pass.plan(db, place.name, settings, LATER)
        assert (planned.path, planned.why) == ("underlying_bars_5min/v1/symbol=PLTR/2026-11.parquet", "1 changed")


async def test_an_object_takes_the_place_of_one_that_has_gone(
    plain_database_url: str, archive: tuple[Settings, Place], tmp_path: Path
) -> None:
    """A manifest from a backup names an object that a later one has replaced: that one is put back and taken over."""
    settings, place = archive
    async with pool.connect(plain_database_url, SystemClock(NOW)) as db:
        own = (await make_chain(db)).underlying
        for slots in (40, 78):
            bars = answer([trade(n) for n in range(slots)], slots=slots)
            await bar_tables.store(db, [answers(own, TRADES=bars)], 1)
            await archive_pass.archive(db, place, settings, Calendar.configured(settings), root=tmp_path / "work")
        kept = await rows(db, OWN)
        [later] = [one for one in await manifest.objects(db, place.name) if one.symbol]
        await rows(db, "UPDATE archive_objects SET path = $1, hash = '' WHERE id = $2", EARLIER, later.id)
        await rows(db, "UPDATE archived_sessions SET rows = 40")
        await rows(db, "DELETE FROM store.underlying_bars_5min WHERE time >= $1", slot(40))
        await restoring.restore(db, place, root=tmp_path / "work")
        assert await rows(db, OWN) == kept
        [found] = [one for one in await manifest.objects(db, place.name) if one.symbol]
        assert (found.path, found.hash) == (later.path, later.hash)
        done = await archive_pass.archive(db, place, settings, Calendar.configured(settings), root=tmp_path / "work")
        assert (done.problems, [one.rows for one in done.written]) == ([], [78])
