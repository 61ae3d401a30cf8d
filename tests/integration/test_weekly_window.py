"""The weekly window, with real parts: a part of the archive is read back, old bars go, and what is stored is told."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from collector.app import composition
from collector.archive.places import open_place
from collector.clock import SystemClock
from collector.config import BackupSettings, DatabaseSettings, GatewaySettings, LogSettings, Settings, WindowsSettings
from collector.config.operation_settings import ArchiveSettings, RetentionSettings
from collector.db.bars import bar_tables
from collector.db.connection import pool
from collector.domain.market_data.sessions import Session
from collector.domain.reports.run_report import UpkeepReport
from collector.domain.run_vocabulary import Window
from collector.jobs import archive_pass
from collector.jobs.disk import sizes
from collector.market.calendar import Calendar
from collector.notify.reports import wording
from collector.runs.orders import order_for
from tests.support.db_rows import answer, answers, make_chain, trade
from tests.support.mail_server import Mailbox, mail_server, mails_to
from tests.support.window_runs import FRIDAY, narrow

_SATURDAY = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
_OLD = date(2025, 11, 3)


def _settings(url: str, folder: Path, mail_port: int, *, archived: bool = True) -> Settings:
    place = folder / "archive"
    place.mkdir(exist_ok=True)
    return narrow(
        "PLTR",
        windows=WindowsSettings.model_validate({"backup": {"enabled": False}}),
        backup=BackupSettings(directory=folder / "kept", enabled=False),
        archive=ArchiveSettings(place=str(place) if archived else None),
        retention=RetentionSettings(bars_days=365),
        database=DatabaseSettings(url=SecretStr(url)),
        gateway=GatewaySettings(port=1, patience_s=1.0, weekly_login_reminder=False),
        log=LogSettings(directory=folder / "log"),
        notify=mails_to(mail_port),
    )


async def _collect(settings: Settings, *days: date) -> None:
    """Store settled sessions of two contracts, and archive them where there is an archive."""
    url = settings.database.dsn()
    async with pool.connect(url, SystemClock(_SATURDAY)) as db:
        chain = await make_chain(db, select_from=FRIDAY)
        for day in days:
            opens = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
            session = Session(day, opens, opens + timedelta(hours=6.5), opens + timedelta(days=1))
            bars = [trade(n, "1.25", session=session) for n in range(78)]
            batch = [answers(one, TRADES=answer(bars, session=session)) for one in chain.contracts]
            await bar_tables.store(db, batch, 1)
        if settings.archive.place is not None:
            place = open_place(settings.archive)
            root = Path(settings.archive.place).with_name("work")
            await archive_pass.archive(db, place, settings, Calendar.configured(settings), root=root)


async def _week(settings: Settings, at: datetime) -> UpkeepReport:
    """Run the weekly window at an instant, and return what it did."""
    clock = SystemClock(at)
    order = order_for(Window.WEEKLY, settings, Calendar.configured(settings), clock.now())
    outcome = await composition.run_window(settings, order, clock)
    assert outcome.error is None
    assert outcome.report.upkeep is not None
    return outcome.report.upkeep


def _damage(folder: Path) -> None:
    """Change the last byte of every object."""
    for file in folder.rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-1] + b"?")


def _told(mailbox: Mailbox) -> str:
    """Return the latest mail on one line."""
    body = mailbox.received[-1].get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


async def _rows(settings: Settings, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(settings.database.dsn())
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def test_what_is_old_goes_and_damage_is_told(plain_database_url: str, tmp_path: Path) -> None:
    """Archived old bars go and the mail says so; a week later flipped bytes are told, and nothing else is dropped."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        settings = _settings(plain_database_url, tmp_path, port)
        await _collect(settings, _OLD, _OLD + timedelta(days=380))
        done = await _week(settings, _SATURDAY)
        assert (done.dropped_bars, done.waiting, done.damaged, done.problem) == (156, (), (), "")
        assert done.verified >= 1
        assert [row[0] for row in await _rows(settings, "SELECT count(*) FROM option_bars_5min")] == [156]
        told = _told(mailbox)
        assert "156 old bars dropped" in told
        assert "read back and found sound" in told

        _damage(tmp_path / "archive")
        done = await _week(settings, _SATURDAY + timedelta(days=7))
    assert done.damaged
    assert all("has other bytes" in one for one in done.damaged)
    assert "The archive does not give back what was stored" in _told(mailbox)


async def test_what_is_stored_is_measured_and_compared(plain_database_url: str, tmp_path: Path) -> None:
    """The weekly run keeps the sizes in its row, and the next report says how fast they grow."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        settings = _settings(plain_database_url, tmp_path, port)
        await _collect(settings, date(2026, 11, 18))
        (tmp_path / "log").mkdir(exist_ok=True)
        (tmp_path / "log" / "collector-20261101T000000.jsonl").write_bytes(b"x" * 50_000)
        await _week(settings, _SATURDAY)
        [row] = await _rows(settings, "SELECT progress -> 'storage' AS storage FROM intraday_collection_runs")
        kept = json.loads(row["storage"])
        [size] = await _rows(settings, "SELECT sum(bytes) FROM archive_objects")
        assert kept["archive"] == size[0] > 0
        assert kept["logs"] >= 50_000
        assert kept["database"] > kept["raw"] > 0
        assert kept["compressed"] == 0
        later = SystemClock(_SATURDAY + timedelta(days=14))
        await _rows(
            settings, "CREATE TABLE more AS SELECT repeat(md5(n::text), 20) FROM generate_series(1, 20000) AS n"
        )
        async with pool.connect(settings.database.dsn(), later) as db:
            found = await sizes.report(db, settings, later.now())
    assert found.before is not None
    assert found.before.database == kept["database"]
    grown = found.now.database - kept["database"]
    assert grown > 5_000_000
    assert found.growth_a_week == pytest.approx(grown / 2, rel=0.01)
    words = dict(wording.storage(found))
    assert words["Growth"].startswith("+")
    assert words["Archive"] == wording.size(kept["archive"])


async def test_without_an_archive_nothing_goes(plain_database_url: str, tmp_path: Path) -> None:
    """Old bars wait, and the report says for what."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        settings = _settings(plain_database_url, tmp_path, port, archived=False)
        await _collect(settings, _OLD)
        done = await _week(settings, _SATURDAY)
    assert done == UpkeepReport(waiting=(("there is no archive, and archive_before_drop is on", 156),))
    assert "156 old bars kept: there is no archive" in _told(mailbox)


async def test_an_archive_that_is_away_stops_no_week(plain_database_url: str, tmp_path: Path) -> None:
    """A place that cannot be asked is told in the report; nothing is dropped, and the week's mail goes out."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        settings = _settings(plain_database_url, tmp_path, port)
        await _collect(settings, _OLD)
        (tmp_path / "archive").rename(tmp_path / "elsewhere")
        done = await _week(settings, _SATURDAY)
    assert "is not there" in done.problem
    assert done.dropped_bars == 0
    assert "The archive could not be asked" in _told(mailbox)
