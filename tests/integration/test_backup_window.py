"""The scheduled backup, with real parts: when it runs, what its row says, and what the owner is told of his backups."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from pydantic import SecretStr

from collector.app import composition, opening, serving
from collector.clock import Clock, SystemClock
from collector.clock.virtual_time import VirtualClock
from collector.config import (
    BackupSettings,
    DatabaseSettings,
    GatewaySettings,
    LogSettings,
    ServeSettings,
    Settings,
    WindowsSettings,
)
from collector.db.connection import pool
from collector.db.upkeep import backup_files
from collector.domain.errors import BackupError
from collector.domain.run_vocabulary import RunStatus, Window
from collector.runs.orders import Order, order_for
from collector.web import serving_pages
from tests.support.mail_server import Mailbox, mail_server, mails_to
from tests.support.served_pages import logins_in
from tests.support.window_runs import FRIDAY, narrow, no_bar, succeeded

NEW_YORK = ZoneInfo("America/New_York")
WITHOUT_BACKUPS = WindowsSettings.model_validate({"backup": {"enabled": False}})
RUNS = """
SELECT run_date, attempt, status, scheduled_time, progress -> 'backup' AS backup,
    error_details #>> '{error,cause}' AS cause
FROM intraday_collection_runs WHERE run_type = 'backup' ORDER BY id
"""


def new_york(day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of November 2026 by New York's clocks."""
    return datetime(2026, 11, day, hour, minute, tzinfo=NEW_YORK)


def settings_for(url: str, folder: Path, mail_port: int = 1, **gateway: Any) -> Settings:  # noqa: ANN401 - its keys
    """Return a configuration with backups below a folder, no gateway, and a mail server."""
    return narrow(
        "PLTR",
        windows=WindowsSettings(),
        backup=BackupSettings(directory=folder / "kept", reserve_gb=0.001),
        database=DatabaseSettings(url=SecretStr(url)),
        gateway=GatewaySettings(port=1, patience_s=1.0, **gateway),
        log=LogSettings(directory=folder / "log"),
        serve=ServeSettings(port=0),
        notify=mails_to(mail_port),
    )


async def friday_was_collected(url: str, clock: Clock) -> None:
    """Record Friday's windows from eod on as run; the collector has been at work since then."""
    async with pool.connect(url, clock) as db:
        for window, at in ((Window.EOD, (16, 45)), (Window.DAILY_BARS, (17, 30)), (Window.LATE_NIGHT, (18, 0))):
            await succeeded(db, window, new_york(20, *at))


async def backup_runs(url: str) -> list[asyncpg.Record]:
    """Return the backups' rows in the table of runs."""
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(RUNS))
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def mails() -> AsyncIterator[tuple[Mailbox, int]]:
    """Give a mailbox and the port of its server."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        yield mailbox, port


async def test_the_schedule_makes_it(plain_database_url: str, tmp_path: Path) -> None:
    """On Saturday at 02:00 in New York Friday's backup is due, once; it needs no gateway, and nobody is mailed."""
    clock = SystemClock(new_york(21, 1, 59))
    await friday_was_collected(plain_database_url, clock)
    async with mails() as (mailbox, port):
        settings = settings_for(plain_database_url, tmp_path, port, weekly_login_reminder=False)
        assert await composition.run_due(settings, clock, no_bar) == []
        clock.set(new_york(21, 2))
        (outcome,) = await composition.run_due(settings, clock, no_bar)
        assert await composition.run_due(settings, clock, no_bar) == []
    report = outcome.report
    assert (report.window, report.session, report.status) == (Window.BACKUP, FRIDAY, RunStatus.SUCCESS)
    (kept,) = backup_files.backups(settings.backup.path)
    assert report.backup is not None
    assert (report.backup.file, report.backup.bytes, report.backup.kept) == (str(kept.path), kept.bytes, 1)
    assert report.environment.last_backup == kept.taken_at
    (row,) = await backup_runs(plain_database_url)
    due = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    assert (row["run_date"], row["attempt"], row["status"], row["scheduled_time"]) == (FRIDAY, 1, "success", due)
    assert json.loads(row["backup"])["bytes"] == kept.bytes
    assert mailbox.received == []


def test_serve_makes_it(
    plain_database_url: str, tmp_path: Path, virtual_run: Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
) -> None:
    """The long-running process makes it at its minute, without a gateway, and goes on."""

    async def main() -> None:
        clock = VirtualClock(new_york(21, 1, 55))
        await friday_was_collected(plain_database_url, clock)
        settings = settings_for(plain_database_url, tmp_path, weekly_login_reminder=False)
        pages = serving_pages.endpoint(settings, clock, logins_in(tmp_path))
        work = asyncio.create_task(serving.serve(settings, clock, no_bar, lambda _host, _port: None, pages))
        await clock.sleep(600)
        assert not work.done()
        work.cancel()
        await work
        (kept,) = backup_files.backups(settings.backup.path)
        assert new_york(21, 2) <= kept.taken_at < new_york(21, 2, 1)
        with clock.hold():
            (row,) = await backup_runs(plain_database_url)
        assert (row["attempt"], row["status"]) == (1, "success")

    virtual_run(main)


async def test_a_failure_is_told_once_and_so_is_its_end(plain_database_url: str, tmp_path: Path) -> None:
    """Where no backup can be written the owner is mailed at once, not again at each attempt, and when it is over."""
    clock = SystemClock(new_york(21, 2))
    await friday_was_collected(plain_database_url, clock)
    (tmp_path / "kept").write_text("a file where the folder should be")
    async with mails() as (mailbox, port):
        settings = settings_for(plain_database_url, tmp_path, port, weekly_login_reminder=False)
        (first,) = await composition.run_due(settings, clock, no_bar)
        assert isinstance(first.error, BackupError)
        assert await composition.run_due(settings, clock, no_bar) == []  # the back-off
        clock.set(new_york(21, 2, 6))
        assert len(await composition.run_due(settings, clock, no_bar)) == 1
        (tmp_path / "kept").unlink()
        clock.set(new_york(21, 2, 30))
        (third,) = await composition.run_due(settings, clock, no_bar)
        assert third.report.status is RunStatus.SUCCESS
    subjects = [str(mail["Subject"]) for mail in mailbox.received]
    assert len(subjects) == 2, subjects
    assert subjects[0] == "[collector] backup 2026-11-20 FAILED · backup"
    assert subjects[1].startswith("[collector] backup 2026-11-20 OK · ")
    bodies = [mail.get_body(("plain",)) for mail in mailbox.received]
    told, over = (body.get_content() for body in bodies if body is not None)
    for words in ("cannot write the backup", "Earlier backups are untouched.", "collector run --window backup --date"):
        assert words in told
    assert "WHAT IS OVER" in over
    assert "bars" not in told + over
    rows = await backup_runs(plain_database_url)
    assert [(row["attempt"], row["status"], row["cause"]) for row in rows] == [
        (1, "failed", "backup"),
        (2, "failed", "backup"),
        (3, "success", None),
    ]


async def test_a_copy_that_fails_fails_no_backup_and_is_told(plain_database_url: str, tmp_path: Path) -> None:
    """One disk is there, one is not: the backup is good, the owner is mailed at once, and again when it is copied."""
    clock = SystemClock(new_york(21, 2))
    there, away = tmp_path / "nas", tmp_path / "usb"
    there.mkdir()
    async with mails() as (mailbox, port):
        settings = settings_for(plain_database_url, tmp_path, port, weekly_login_reminder=False)
        rules = settings.backup.model_copy(update={"copies": (there, away)})
        settings = settings.model_copy(update={"backup": rules})
        first = await composition.run_window(settings, order_for_backup(settings, clock), clock)
        assert not away.exists()
        away.mkdir()
        await composition.run_window(settings, order_for_backup(settings, clock), clock)
    assert first.report.status is RunStatus.SUCCESS
    told, over = mailbox.received
    assert str(told["Subject"]).startswith("[collector] backup 2026-11-20 OK · ")
    assert str(told["Subject"]).endswith(" · not copied")
    body = told.get_body(("plain",))
    assert body is not None
    assert f"It is not copied: {away} is not there." in " ".join(body.get_content().split())
    assert "WHAT IS OVER" in str(over.get_body(("plain",)))
    one, two = (backup_files.backups(folder) for folder in (there, away))
    assert [kept.number for kept in (*one, *two)] == [1, 2, 2]
    manifest = json.loads(one[0].path.with_suffix(".json").read_text())
    assert manifest["configuration"]["symbols"][0]["symbol"] == "PLTR"
    assert "postgres" in manifest["configuration"]["database"]["url"]
    (row, _) = await backup_runs(plain_database_url)
    assert json.loads(row["backup"])["copies"][1] == {"folder": str(away), "problem": f"{away} is not there"}


async def test_what_is_missing_is_told_two_hours_after_it_was_due(plain_database_url: str, tmp_path: Path) -> None:
    """From 04:00 in New York on a missing backup is in the next mail, once; where none are made none is missing."""
    clock = SystemClock(new_york(21, 3, 59))
    await friday_was_collected(plain_database_url, clock)
    async with mails() as (mailbox, port):
        settings = settings_for(plain_database_url, tmp_path, port, weekly_login_reminder=False)
        order = order_for(Window.GAP_CHECK, settings, opening.calendar(settings), clock.now())
        await composition.run_window(settings, order, clock)
        clock.set(new_york(21, 4, 1))
        without = settings.model_copy(update={"windows": WITHOUT_BACKUPS})
        await composition.run_window(without, order, clock)
        assert mailbox.received == []
        told = await composition.run_window(settings, order, clock)
        assert told.report.environment.backup_missing == f"there is no backup in {tmp_path / 'kept'}"
        await composition.run_window(settings, order, clock)
        assert len(mailbox.received) == 1
        body = mailbox.received[0].get_body(("plain",))
        assert body is not None
        assert "A backup is missing: there is no backup in" in " ".join(body.get_content().split())
        made = await composition.run_window(settings, order_for_backup(settings, clock), clock)
    assert made.report.environment.backup_missing == ""
    assert "WHAT IS OVER" in str(mailbox.received[1].get_body(("plain",)))


def order_for_backup(settings: Settings, clock: SystemClock) -> Order:
    """Return the order of a backup by hand."""
    return order_for(Window.BACKUP, settings, opening.calendar(settings), clock.now())


async def test_nothing_is_missing_that_was_due_before_the_first_run(plain_database_url: str, tmp_path: Path) -> None:
    """On the first evening of a new installation no backup has been due yet."""
    clock = SystemClock(new_york(20, 16, 45))
    await friday_was_collected(plain_database_url, clock)
    settings = settings_for(plain_database_url, tmp_path, weekly_login_reminder=False)
    order = order_for(Window.GAP_CHECK, settings, opening.calendar(settings), clock.now())
    outcome = await composition.run_window(settings, order, clock)
    environment = outcome.report.environment
    assert (environment.backup_expected, environment.last_backup, environment.backup_missing) == (True, None, "")


@pytest.mark.parametrize(
    ("reminder", "expected"),
    [(True, ["IB's weekly reset ends the gateway's login: Sunday 2026-11-22 01:00 New York."]), (False, [])],
)
async def test_the_weekly_login_is_told_after_the_last_session(
    plain_database_url: str, tmp_path: Path, reminder: bool, expected: list[str]
) -> None:
    """The owner is reminded once, between Friday's eod and Sunday's reset; who does not want it is not."""
    clock = SystemClock(new_york(20, 16, 44))
    await friday_was_collected(plain_database_url, clock)
    async with mails() as (mailbox, port):
        settings = settings_for(plain_database_url, tmp_path, port, weekly_login_reminder=reminder)
        settings = settings.model_copy(update={"windows": WITHOUT_BACKUPS})
        order = order_for(Window.GAP_CHECK, settings, opening.calendar(settings), clock.now())
        await composition.run_window(settings, order, clock)
        assert mailbox.received == []
        for at in (new_york(20, 18), new_york(21, 1), new_york(22, 0, 59), new_york(22, 1)):
            clock.set(at)
            await composition.run_window(settings, order, clock)
    bodies = [mail.get_body(("plain",)) for mail in mailbox.received]
    texts = [" ".join(body.get_content().split()) for body in bodies if body is not None]
    assert len(texts) == len(expected)
    for words, text in zip(expected, texts, strict=True):
        assert words in text
        assert "second factor" in text


async def test_collection_goes_first(plain_database_url: str, tmp_path: Path) -> None:
    """A backup that is still at work when the gateway is next to be asked is given up, and leaves nothing behind."""
    clock = SystemClock(new_york(21, 2))
    async with mails() as (_, port):
        settings = settings_for(plain_database_url, tmp_path, port)
        order = replace(order_for_backup(settings, clock), deadline=clock.now() + timedelta(milliseconds=30))
        outcome = await composition.run_window(settings, order, clock)
    assert isinstance(outcome.error, BackupError)
    assert outcome.error.message == "the backup was not done when the next window was due, and was given up"
    assert not (tmp_path / "kept").exists() or list((tmp_path / "kept").iterdir()) == []
    assert outcome.report.session == date(2026, 11, 20)
