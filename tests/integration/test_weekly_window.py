"""The weekly report by the schedule, with real parts: one mail on Saturday, with all that waited for it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

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
from collector.domain.run_vocabulary import RunStatus, Window
from collector.notify.alerts.alert_memory import AlertFile, AlertMemory
from collector.runs.orders import order_for
from tests.support.mail_server import Mailbox, mail_server, mails_to
from tests.support.window_runs import FRIDAY, narrow, no_bar, succeeded

NOON = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
"""Saturday 12:00 in Israel, in winter."""

WEEK = "[collector] week 2026-11-16 to 2026-11-20 OK · "
LINE = "2026-11-17 06:00 UTC · 92 new contracts were found."


def settings_for(url: str, folder: Path, mail_port: int, **more: Any) -> Settings:  # noqa: ANN401 - sections
    """Return a configuration with a mail server and without a gateway; nobody is reminded of a login."""
    values: dict[str, Any] = {
        "windows": WindowsSettings.model_validate({"backup": {"enabled": False}}),
        "database": DatabaseSettings(url=SecretStr(url)),
        "gateway": GatewaySettings(port=1, patience_s=1.0, weekly_login_reminder=False),
        "log": LogSettings(directory=folder),
        "serve": ServeSettings(port=0),
        "notify": mails_to(mail_port),
    }
    return narrow("PLTR", **values | more)


async def friday_was_collected(url: str, clock: Clock) -> None:
    """Record Friday's last windows as run; the collector has been at work since then."""
    async with pool.connect(url, clock) as db:
        for window, hours in ((Window.EOD, 12.25), (Window.DAILY_BARS, 11.5), (Window.LATE_NIGHT, 11)):
            await succeeded(db, window, NOON - timedelta(hours=hours))


def remembered(folder: Path) -> AlertFile:
    """Return the memory of alerts, with a line that waits for the week where there was none."""
    file = AlertFile(folder / "email_notifications" / "alerts.json")
    if not file.path.exists():
        file.save(AlertMemory(digest=(LINE,)))
    return file


def words(mail: EmailMessage) -> str:
    """Return the text of a mail, its lines joined."""
    body = mail.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


async def test_the_schedule_sends_it(plain_database_url: str, tmp_path: Path) -> None:
    """On Saturday at noon in Israel one mail comes: the week, its windows, and the lines that waited for it."""
    clock = SystemClock(NOON)
    await friday_was_collected(plain_database_url, clock)
    memory, mailbox = remembered(tmp_path), Mailbox()
    async with mail_server(mailbox) as port:
        settings = settings_for(plain_database_url, tmp_path, port)
        (outcome,) = await composition.run_due(settings, clock, no_bar)
        assert await composition.run_due(settings, clock, no_bar) == []
    assert (outcome.report.window, outcome.report.status) == (Window.WEEKLY, RunStatus.SUCCESS)
    (mail,) = mailbox.received
    assert str(mail["Subject"]).startswith(WEEK)
    for said in ("5 sessions, 4 windows: 0 failed, 0 partial", LINE):
        assert said in words(mail)
    assert memory.load().digest == ()


def test_serve_sends_it(
    plain_database_url: str, tmp_path: Path, virtual_run: Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
) -> None:
    """The long-running process sends it over the database that it keeps open, and goes on."""

    async def main() -> None:
        clock, mailbox = VirtualClock(NOON - timedelta(minutes=5)), Mailbox()
        await friday_was_collected(plain_database_url, clock)
        async with mail_server(mailbox) as port:
            work = asyncio.create_task(serving.serve(settings_for(plain_database_url, tmp_path, port), clock, no_bar))
            await clock.sleep(600)
            assert not work.done()
            work.cancel()
            await work
        (mail,) = mailbox.received
        assert str(mail["Subject"]).startswith(WEEK)

    virtual_run(main)


async def test_what_its_run_gives_reason_to_tell_is_in_the_same_mail(plain_database_url: str, tmp_path: Path) -> None:
    """A missing backup is told in the week's mail, and so is its end in the next one."""
    clock, mailbox = SystemClock(NOON), Mailbox()
    await friday_was_collected(plain_database_url, clock)
    async with mail_server(mailbox) as port:
        settings = settings_for(
            plain_database_url,
            tmp_path,
            port,
            windows=WindowsSettings(),
            backup=BackupSettings(directory=tmp_path / "kept", reserve_gb=0.001),
        )
        order = order_for(Window.WEEKLY, settings, opening.calendar(settings), clock.now())
        await composition.run_window(settings, order, clock)
        clock.set(NOON + timedelta(hours=1))
        await composition.run_window(settings_for(plain_database_url, tmp_path, port), order, clock)
    told, over = mailbox.received
    for mail in (told, over):
        assert str(mail["Subject"]).startswith(WEEK)
    missing = f"! A backup is missing: there is no backup in {tmp_path / 'kept'}."
    assert f"NEEDS YOUR ATTENTION -------------------- {missing}" in words(told)
    assert "WHAT IS OVER ------------ A backup is missing" in words(over)
    assert "ATTENTION" not in words(over)


async def test_a_run_that_failed_raises_the_alarm_and_keeps_the_lines(plain_database_url: str, tmp_path: Path) -> None:
    """Without a database the owner hears of that; once it is back one mail brings the week and says what is over."""
    clock, mailbox, memory = SystemClock(NOON), Mailbox(), remembered(tmp_path)
    await friday_was_collected(plain_database_url, clock)
    async with mail_server(mailbox) as port:
        gone = settings_for("postgresql://somebody@127.0.0.1:1/bars", tmp_path, port)
        order = order_for(Window.WEEKLY, gone, opening.calendar(gone), clock.now())
        await composition.run_window(gone, order, clock)
        assert memory.load().digest == (LINE,)
        await composition.run_window(settings_for(plain_database_url, tmp_path, port), order, clock)
    alarm, recovery = mailbox.received
    assert alarm["Subject"] == "[collector] weekly 2026-11-20 PREFLIGHT FAILED · database down"
    assert str(recovery["Subject"]).startswith(WEEK.replace("week", "RECOVERED · week"))
    assert "WHAT IS OVER ------------ The database cannot be used" in words(recovery)
    assert LINE in words(recovery)


async def test_made_good_on_a_tuesday_it_is_still_last_weeks(plain_database_url: str, tmp_path: Path) -> None:
    """A machine that slept over the week-end reports the week that its window belongs to, not the one that began."""
    clock, mailbox = SystemClock(NOON + timedelta(days=3, hours=12)), Mailbox()
    await friday_was_collected(plain_database_url, clock)
    async with mail_server(mailbox) as port:
        settings = settings_for(plain_database_url, tmp_path, port)
        order = order_for(Window.WEEKLY, settings, opening.calendar(settings), clock.now(), day=FRIDAY)
        await composition.run_window(settings, order, clock)
        await composition.run_window(settings, replace(order, day=date(2026, 11, 23)), clock)
    late, monday = mailbox.received
    assert str(late["Subject"]).startswith(WEEK)
    assert str(monday["Subject"]).startswith("[collector] week 2026-11-23 to 2026-11-23 ")
