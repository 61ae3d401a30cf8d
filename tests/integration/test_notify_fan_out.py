"""Telling through all channels at once: files, a real mail server, a real program; none of them can fail a run."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_string
from email.policy import default
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from collector.clock import Clock, SystemClock
from collector.clock.virtual_time import VirtualClock, VirtualTimeLoop
from collector.config.notify_settings import DesktopSettings, NotifySettings, Security, SmtpSettings
from collector.domain.reports.run_report import Cause, Environment, FailureReport, GapCounts, RunReport
from collector.domain.run_vocabulary import RunStatus, Stage, Window
from collector.notify.channels.channel import Delivery
from collector.notify.channels.desktop import DesktopChannel
from collector.notify.channels.mail_message import read
from collector.notify.fan_out import Notifier
from collector.notify.reports import examples
from collector.notify.reports.example_week import week
from collector.notify.reports.mail_rendering import Renderer
from tests.support.mail_server import Mailbox, mail_server

SECRET = "hunter2-and-more"  # noqa: S105 - planted on purpose
ODD = st.text(st.one_of(st.characters(), st.sampled_from("\r\n\0\x85\u2028\u202e\ud800{}<&$ :=?é日😀א")), max_size=60)
START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def _notifier(directory: Path, port: int | None, desktop: bool = False, clock: Clock | None = None) -> Notifier:
    smtp = SmtpSettings()
    if port is not None:
        smtp = SmtpSettings(
            host="127.0.0.1",
            port=port,
            security=Security.NONE,
            sender="collector@example.org",
            recipients=("owner@example.org",),
            timeout_s=5,
            attempts=1,
        )
    notify = NotifySettings(smtp=smtp, desktop=DesktopSettings(enabled=desktop))
    return Notifier(notify, log_directory=directory, clock=clock or SystemClock(START), secrets=[SECRET], host="box")


def _down(window: Window, hours: float) -> RunReport:
    return RunReport(
        run_id=0,
        window=window,
        session=date(2026, 11, 20),
        status=RunStatus.FAILED,
        started=START + timedelta(hours=hours),
        completed=START + timedelta(hours=hours, seconds=20),
        failure=FailureReport(
            stage=Stage.PREFLIGHT, cause=Cause.GATEWAY_DOWN, message=f"refused, login {SECRET}", resume="collector run"
        ),
    )


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _names(directory: Path, pattern: str) -> Sequence[str]:
    return sorted(path.name for path in (directory / "email_notifications").glob(pattern))


async def test_a_broken_night_through_a_real_mail_server(tmp_path: Path) -> None:
    """Five windows without a gateway and the first one with it: one preflight failure, one recovery, no repeats."""
    mailbox = Mailbox()
    windows = (Window.MORNING, Window.MIDDAY, Window.EXPIRY_CHECK, Window.EOD, Window.LATE_NIGHT)
    async with mail_server(mailbox) as port:
        for i, window in enumerate(windows):
            # Each run is a process of its own: nothing but the files is remembered.
            await _notifier(tmp_path, port).run_finished(_down(window, i * 2.0))
        good = replace(examples.success(), gaps=GapCounts(closed=131))
        await _notifier(tmp_path, port).run_finished(good)

    subjects = [mail["Subject"] for mail in mailbox.received]
    assert subjects == [
        "[collector] morning 2026-11-20 PREFLIGHT FAILED · gateway down",
        f"[collector] RECOVERED · eod 2026-11-20 OK · 99.8 % · {good.bars - 237:,} option bars and 237 of underlyings",
    ]
    body = mailbox.received[1].get_body(("plain",))
    assert body is not None
    text = body.get_content()
    for words in (
        "morning of 2026-11-20",
        "late night of 2026-11-20",
        "131 closed",
        f"{good.bars_collected - 237:,} option",
    ):
        assert words in text
    assert SECRET not in mailbox.received[0].as_string()


async def test_a_mail_that_could_not_be_sent_is_sent_by_the_next_run_once(tmp_path: Path) -> None:
    """The server is down for one run; the next run sends both mails, and the one after sends its own only."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        pass
    first = await _notifier(tmp_path, port).run_finished(examples.failed())

    assert [(d.channel, d.ok) for d in first] == [("outbox", True), ("mail", False)]
    assert _names(tmp_path, "*.queued.eml")
    async with mail_server(mailbox) as port:
        for report in (examples.partial(), examples.success()):
            await _notifier(tmp_path, port).run_finished(report)

    states = [mail["Subject"].split(" · ")[0].split()[-1] for mail in mailbox.received]
    assert states == ["FAILED", "PARTIAL", "OK"]
    assert _names(tmp_path, "*.queued.eml") == []
    assert len(_names(tmp_path, "*.eml")) == 3


async def test_a_refused_mail_does_not_hold_up_the_next(tmp_path: Path) -> None:
    """The server takes the second mail though it refused the first, which is set aside."""
    mailbox = Mailbox(answers=["554 no", "250 OK"])
    async with mail_server(mailbox) as port:
        await _notifier(tmp_path, port).run_finished(examples.failed())
        await _notifier(tmp_path, port).run_finished(examples.partial())

    assert len(mailbox.received) == 1
    assert len(_names(tmp_path, "*.refused.eml")) == 1


async def test_without_a_mail_server_the_files_are_kept(tmp_path: Path) -> None:
    """Both forms, readable by the standard parser and by a browser without the mail's pictures beside it."""
    results = await _notifier(tmp_path, None).run_finished(examples.success())

    (result,) = results
    assert (result.channel, result.ok) == ("outbox", True)
    assert "data:image/png;base64," in _read(result.detail)
    parsed = message_from_string(_read(result.detail.removesuffix("html") + "eml"), policy=default)
    figures = f"99.8 % · {examples.success().bars - 237:,} option bars and 237 of underlyings"
    assert parsed["Subject"] == f"[collector] eod 2026-11-20 OK · {figures}"


async def test_no_channel_can_fail_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No place to write, nothing to notify with, a mistake in our own rendering: said, logged, and nothing more."""
    monkeypatch.setenv("PATH", str(tmp_path))
    blocked = tmp_path / "logs"
    blocked.write_text("a file where a directory should be")
    results = await _notifier(blocked, None, desktop=True).run_finished(examples.failed())
    assert [(d.channel, d.ok) for d in results] == [("outbox", False), ("desktop", False)]

    def broken(*_: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(Renderer, "run", broken)
    results = await _notifier(tmp_path / "fine", None).run_finished(examples.failed())
    assert [(d.channel, d.ok, d.detail) for d in results] == [("outbox", False, "KeyError: '***'")]


async def test_a_mistake_in_one_channel_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a channel should have foreseen and did not is said without its secrets, and the mail goes out."""

    async def broken(*_: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(DesktopChannel, "tell", broken)
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        results = await _notifier(tmp_path, port, desktop=True).run_finished(examples.failed())
    assert [(d.channel, d.ok) for d in results] == [("outbox", True), ("mail", True), ("desktop", False)]
    assert results[-1].detail == "KeyError: '***'"
    assert len(mailbox.received) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="notify-send is Linux's")
async def test_the_desktop_is_told_of_failures_not_of_successes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real program gets the subject and one sentence; without it the mail goes out. A success shows what is wrong."""
    said = tmp_path / "said"
    program = tmp_path / "notify-send"
    lines = (
        f"#!{sys.executable}",
        "import json, sys",
        f"print(json.dumps(sys.argv[1:]), file=open({str(said)!r}, 'a'))",
    )
    program.write_text("\n".join(lines))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    await _notifier(tmp_path, None, desktop=True).run_finished(examples.failed())
    await _notifier(tmp_path, None, desktop=True).run_finished(examples.success())
    full = Environment(disk_free_bytes=7_400_000_000, disk_used=0.94)
    await _notifier(tmp_path, None, desktop=True).run_finished(replace(examples.success(), run_id=99, environment=full))
    words, later = [json.loads(line) for line in said.read_text().splitlines()]
    assert words[0] == "--urgency=critical"
    assert "FAILED" in words[-2]
    assert (later[0], "OK" in later[-2]) == ("--urgency=critical", True)

    # What is over after a partial run is no recovery, on the desktop neither.
    await _notifier(tmp_path, None, desktop=True).run_finished(examples.partial())
    assert json.loads(said.read_text().splitlines()[-1])[-2].startswith("[collector] eod 2026-11-20 PARTIAL")

    program.unlink()
    results = await _notifier(tmp_path / "other", None, desktop=True).run_finished(examples.failed())
    assert [(d.channel, d.ok) for d in results] == [("outbox", True), ("desktop", False)]


async def test_a_full_disk_is_told_by_the_run_that_sees_it(tmp_path: Path) -> None:
    """Three looks at the tables go well and find the disk full: one mail, and an urgent one."""
    look = RunReport(
        run_id=7,
        window=Window.GAP_CHECK,
        session=date(2026, 11, 20),
        status=RunStatus.SUCCESS,
        started=START,
        completed=START,
        environment=Environment(disk_free_bytes=7_400_000_000, disk_used=0.94),
    )
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        for _ in range(3):
            await _notifier(tmp_path, port).run_finished(look)

    (received,) = mailbox.received
    assert received["Subject"] == "[collector] gap_check 2026-11-20 OK · 0 open gaps"
    assert received["Importance"] == "high"
    body = received.get_body(("plain",))
    assert body is not None
    assert "!! The disk of the database is nearly full: 7.4 GB free, 94% used." in body.get_content()


async def test_the_week_takes_the_digest_with_it(tmp_path: Path) -> None:
    """Lines that waited are in the weekly mail, and gone from the memory."""
    await _notifier(tmp_path, None).run_finished(examples.success())
    memory = tmp_path / "email_notifications" / "alerts.json"
    assert len(json.loads(memory.read_text())["digest"]) == 2

    (result,) = await _notifier(tmp_path, None).week_over(replace(week(), digest=()))

    assert json.loads(memory.read_text())["digest"] == []
    assert "92 new contracts were found" in _read(result.detail)


async def test_a_week_that_is_refused_leaves_its_lines_to_the_next(tmp_path: Path) -> None:
    """The server takes no mail of that week: what waited for it is in the next one, once, and in its order."""
    await _notifier(tmp_path, None).run_finished(examples.success())
    mailbox, quiet = Mailbox(answers=["554 no", "250 OK"]), replace(week(), digest=())
    async with mail_server(mailbox) as port:
        refused = await _notifier(tmp_path, port).week_over(quiet)
        later = replace(quiet, made_at=quiet.made_at + timedelta(days=7))
        taken = await _notifier(tmp_path, port).week_over(later)
        await _notifier(tmp_path, port).week_over(replace(later, made_at=later.made_at + timedelta(days=7)))

    assert [(d.channel, d.ok) for d in refused] == [("outbox", True), ("mail", False)]
    assert all(d.ok for d in taken)
    texts = [body.get_content() for mail in mailbox.received if (body := mail.get_body(("plain",))) is not None]
    assert [text.count("92 new contracts were found") for text in texts] == [1, 0]


async def test_one_of_each_through_every_channel(tmp_path: Path) -> None:
    """`collector notify test`: eight mails arrive, marked as tests, and nothing is remembered of them."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        results: tuple[Delivery, ...] = await _notifier(tmp_path, port).test()

    assert all(result.ok for result in results)
    assert len(mailbox.received) == 8
    assert all(mail["Subject"].endswith("(test)") for mail in mailbox.received)
    assert not (tmp_path / "email_notifications" / "alerts.json").exists()


def test_mails_go_out_on_virtual_time(tmp_path: Path) -> None:
    """In a simulated day the mail server is awaited in real time: no time-out fires, and the clock has not jumped."""

    async def night() -> tuple[int, datetime]:
        mailbox = Mailbox()
        clock = VirtualClock(START)
        async with mail_server(mailbox) as port:
            for hours in (0.0, 2.0):
                await _notifier(tmp_path, port, clock=clock).run_finished(_down(Window.MORNING, hours))
            await _notifier(tmp_path, port, clock=clock).run_finished(examples.success())
        return len(mailbox.received), clock.now()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        received, now = runner.run(night())

    assert received == 2
    assert now - START < timedelta(seconds=5)


# Each example renders three mails, and to make a failing one smaller would take minutes.
@settings(max_examples=settings().max_examples // 10, phases=[Phase.explicit, Phase.generate])
@given(texts=st.lists(ODD, min_size=6, max_size=6), cause=st.sampled_from(Cause))
@example(texts=["/data/\udce9.csv"] * 6, cause=Cause.UNFORESEEN)
@example(texts=["\0\r\nBcc: x@y.z\r\n\r\n{{ 1 }}\x1b[31m\u202e" * 5] * 6, cause=Cause.GATEWAY_DOWN)
async def test_any_text_of_a_run_is_told(texts: list[str], cause: Cause) -> None:
    """Whatever an error, a path or a service has said: no channel fails over it, and it is remembered as told."""
    message, hint, symbol, error, host, trace = texts
    failure = FailureReport(
        stage=Stage.STORE, cause=cause, message=message, hint=hint, saved=hint, resume=error, traceback=trace
    )
    report = replace(
        examples.failed(),
        host=host,
        failure=failure,
        log_path=message,
        symbols=tuple(replace(one, symbol=symbol, error=error) for one in examples.failed().symbols),
        errors=tuple(replace(one, examples=(error, message)) for one in examples.failed().errors),
        environment=replace(examples.failed().environment, backup_missing=hint),
    )
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patches:
        patches.setattr(os, "fsync", lambda _: None)
        first = await _notifier(Path(folder), None).run_finished(report)
        again = await _notifier(Path(folder), None).run_finished(report)
        digest = await _notifier(Path(folder), None).week_over(replace(week(), digest=(message, error), host=host))
        kept = [read(path.read_bytes()) for path in (Path(folder) / "email_notifications").glob("*.eml")]
    assert [one.ok for one in (*first, *again, *digest)] == [True, True]
    assert len(kept) == 2
