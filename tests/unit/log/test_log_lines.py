"""The log: what a line holds, what it must not hold, and how files rotate, shrink and age."""

import asyncio
import gzip
import io
import json
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from collector import log
from collector.clock import SystemClock
from collector.config import LogSettings, Settings
from collector.log.files import JsonLinesFile, closed_files, tidy

START = datetime(2026, 11, 20, 21, 45, tzinfo=UTC)


class StoppedClock(SystemClock):
    """A clock that stands still, so that stamps can be compared."""

    def now(self) -> datetime:
        """Return the same instant always."""
        return START


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    """Put the process's logging back as it was."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    yield
    for handler in [*root.handlers]:
        if handler not in handlers:
            root.removeHandler(handler)
            handler.close()
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def fail(text: str) -> None:
    """Raise an error, so that there is a traceback."""
    raise RuntimeError(text)


def lines(text: str) -> list[dict[str, Any]]:
    """Return JSON lines as dictionaries."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_service_gets_json_lines() -> None:
    """One object a line, with the clock's time, level, event and fields."""
    out = io.StringIO()
    log.setup(LogSettings(files=False), StoppedClock(), stream=out)
    structlog.get_logger().info("contract_collected", con_id=756733, bars=78, strike=None)
    assert lines(out.getvalue()) == [
        {
            "event": "contract_collected",
            "con_id": 756733,
            "bars": 78,
            "strike": None,
            "level": "info",
            "timestamp": "2026-11-20T21:45:00.000Z",
        }
    ]


def test_a_terminal_gets_text() -> None:
    """On a terminal lines are for people; tracebacks are plain."""
    out = Terminal()
    log.setup(LogSettings(files=False), StoppedClock(), stream=out)
    try:
        fail("boom")
    except RuntimeError:
        structlog.get_logger().exception("run_failed", window="eod")
    assert "run_failed" in out.getvalue()
    assert "RuntimeError: boom" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_levels() -> None:
    """Events below the level are dropped."""
    out = io.StringIO()
    log.setup(LogSettings(files=False, level="warning"), StoppedClock(), stream=out)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(out.getvalue())] == ["loud"]


async def test_the_run_is_on_every_line() -> None:
    """A bound run id stands on the events of the task and its children, until it is unbound."""
    out = io.StringIO()
    log.setup(LogSettings(files=False), StoppedClock(), stream=out)
    log.bind_run(42, window="eod")

    async def child() -> None:
        structlog.get_logger().info("child")

    await asyncio.gather(child())
    log.unbind_run()
    structlog.get_logger().info("after")
    child_line, after = lines(out.getvalue())
    assert (child_line["run_id"], child_line["window"]) == (42, "eod")
    assert "run_id" not in after


def test_libraries_are_heard() -> None:
    """Records of libraries come out in the same shape; ib_async's flood does not."""
    out = io.StringIO()
    log.setup(LogSettings(files=False), StoppedClock(), stream=out)
    logging.getLogger("asyncpg").warning("slow %s", "query")
    logging.getLogger("ib_async.wrapper").error("Error 162, reqId 5 …")
    assert [(line["event"], line["level"]) for line in lines(out.getvalue())] == [("slow query", "warning")]


def test_no_secret_in_any_field() -> None:
    """Known secrets and what looks like one are cut out of events, fields, nested values and tracebacks."""
    out = io.StringIO()
    settings = Settings.model_validate({"database": {"url": "postgresql://quant:s3cr3t-pw@db/bars"}})
    log.setup(LogSettings(files=False), StoppedClock(), secrets=settings.secrets, stream=out)
    logger = structlog.get_logger()
    logger.info("connect s3cr3t-pw", url="postgresql://quant:s3cr3t-pw@db/bars", deep={"list": ["s3cr3t-pw"]})
    logger.info("login", password=12345, error=ValueError("bad s3cr3t-pw"))
    try:
        fail("refused s3cr3t-pw")
    except RuntimeError:
        logger.exception("failed")
    logging.getLogger("asyncpg").warning("auth failed for s3cr3t-pw")
    assert "s3cr3t-pw" not in out.getvalue()
    assert "12345" not in out.getvalue()
    assert len(lines(out.getvalue())) == 4


def test_files_are_json_beside_the_terminal(tmp_path: Path) -> None:
    """The file gets JSON also while a terminal gets text; reading commands write none."""
    opened = log.setup(LogSettings(directory=tmp_path / "logs"), StoppedClock(), stream=Terminal())
    structlog.get_logger().info("run_finished", bars=41212)
    opened.close()
    assert opened.file == tmp_path / "logs" / "collector.jsonl"
    assert lines(opened.file.read_text(encoding="utf-8"))[0]["bars"] == 41212
    assert log.setup(LogSettings(directory=tmp_path), StoppedClock(), stream=Terminal(), files=False).file is None


def test_setting_up_twice_writes_once() -> None:
    """A second set-up replaces the first."""
    first, second = io.StringIO(), io.StringIO()
    log.setup(LogSettings(files=False), StoppedClock(), stream=first)
    log.setup(LogSettings(files=False), StoppedClock(), stream=second)
    structlog.get_logger().info("once")
    assert (first.getvalue(), len(lines(second.getvalue()))) == ("", 1)


def test_an_unwritable_directory_costs_only_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a log directory the run goes on, and says so."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    opened = log.setup(LogSettings(directory=tmp_path / "file"), StoppedClock(), stream=io.StringIO())
    assert opened.file is None
    assert "no log file" in capsys.readouterr().err


def handler_at(path: Path, rotate_bytes: int) -> JsonLinesFile:
    """Return a file handler that writes bare messages."""
    return JsonLinesFile(path, StoppedClock(), rotate_bytes)


def record(text: str) -> logging.LogRecord:
    """Return a record with a message."""
    return logging.LogRecord("test", logging.INFO, "", 0, text, None, None)


def test_rotation_by_size(tmp_path: Path) -> None:
    """A file that reached its size is closed under the instant's name, never over another; no line is lost."""
    path = tmp_path / "collector.jsonl"
    handler = handler_at(path, 10)
    for n in range(4):
        handler.emit(record(f"line {n} is long"))
    handler.close()
    assert [file.name for file in closed_files(path)] == [
        "collector-20261120T214500.1.jsonl",
        "collector-20261120T214500.2.jsonl",
        "collector-20261120T214500.jsonl",
    ]
    texts = "".join(file.read_text(encoding="utf-8") for file in (*closed_files(path), path))
    assert sorted(texts.splitlines()) == [f"line {n} is long" for n in range(4)]


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    """A handler whose file another has closed goes on in the new one."""
    path = tmp_path / "collector.jsonl"
    one, other = handler_at(path, 30), handler_at(path, 30)
    for n in range(6):
        (one if n % 2 else other).emit(record(f"line {n} is long"))
    one.close()
    other.close()
    texts = "".join(file.read_text(encoding="utf-8") for file in (*closed_files(path), path))
    assert sorted(texts.splitlines()) == [f"line {n} is long" for n in range(6)]


def test_age(tmp_path: Path) -> None:
    """Closed files are compressed after their days and deleted after more; the current one is left alone."""
    path = tmp_path / "collector.jsonl"
    for name, days in (
        ("collector.jsonl", 400),
        ("collector-a.jsonl", 400),
        ("collector-b.jsonl", 31),
        ("collector-c.jsonl", 29),
    ):
        file = tmp_path / name
        file.write_text(f"{name}\n", encoding="utf-8")
        moment = (START - timedelta(days=days)).timestamp()
        os.utime(file, (moment, moment))
    tidy(path, START, compress_after_days=30, keep_days=365)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "collector-b.jsonl.gz",
        "collector-c.jsonl",
        "collector.jsonl",
    ]
    with gzip.open(tmp_path / "collector-b.jsonl.gz", "rt", encoding="utf-8") as packed:
        assert packed.read() == "collector-b.jsonl\n"
    tidy(path, START + timedelta(days=340), compress_after_days=30, keep_days=365)
    assert [file.name for file in closed_files(path)] == []
