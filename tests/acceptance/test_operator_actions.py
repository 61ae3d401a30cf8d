"""What people do by hand is on record, and stays there."""

import asyncio
import json
import os
import pwd
import signal
import time
from collections.abc import Iterator
from datetime import datetime

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.server import embedded
from tests.support.command_line import Home, gateway_beside, home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

Capsys = pytest.CaptureFixture[str]
ME = pwd.getpwuid(os.getuid()).pw_name
EOD = ("run", "--window", "eod", "--symbols", "PLTR")


@pytest.fixture(scope="module")
def account() -> Iterator[Home]:
    """A home in which Friday's end-of-day window has run."""
    clock = SystemClock(AFTER_THE_CLOSE)
    with gateway_beside(clock) as gateway, home(clock, gateway.port) as made:
        assert made.run(*EOD).code == 0
        yield made


def _all(account: Home, capsys: Capsys) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(account.call(capsys, "db", "actions", "--json").out)
    return found


def _latest(account: Home, capsys: Capsys) -> dict[str, object]:
    return next(iter(_all(account, capsys)), {})


def test_a_window_of_the_schedule_is_no_act_of_a_person(account: Home, capsys: Capsys) -> None:
    """Nothing is on record of what asks for the missing only."""
    before = _all(account, capsys)
    assert account.call(capsys, *EOD).code == 0
    assert _all(account, capsys) == before


def test_a_forced_run_is_on_record_with_its_run(account: Home, capsys: Capsys) -> None:
    """Who, where, as it was typed, why, the run's number, and how it ended."""
    done = account.call(capsys, *EOD, "--force", "--reason", "the vendor's file differs", "--json")
    kept = _latest(account, capsys)
    assert (kept["os_user"], kept["host"]) == (ME, os.uname().nodename)
    assert (
        kept["command"]
        == "collector run --window eod --symbols PLTR --force --reason 'the vendor'\"'\"'s file differs' --json"
    )
    assert (kept["reason"], kept["outcome"], kept["message"]) == ("the vendor's file differs", "ok", "")
    assert kept["run_id"] == done.document["run_id"]
    began, ended = (datetime.fromisoformat(str(kept[name])) for name in ("began_at", "ended_at"))
    assert began < ended


@pytest.mark.parametrize("words", ["coverage forget --session 2026-11-20", "db retention"])
def test_commands_that_forget_or_drop_are_on_record(account: Home, capsys: Capsys, words: str) -> None:
    """Without a reason, too."""
    assert account.call(capsys, *words.split()).code == 0
    kept = _latest(account, capsys)
    assert (kept["command"], kept["reason"], kept["outcome"]) == (f"collector {words}", "", "ok")


def test_what_only_looks_leaves_no_trace(account: Home, capsys: Capsys) -> None:
    """A dry run drops nothing, and is not on record."""
    before = _latest(account, capsys)
    account.call(capsys, "db", "retention", "--dry-run")
    account.call(capsys, *EOD, "--force", "--dry-run")
    assert _latest(account, capsys) == before


def test_an_act_that_fails_is_on_record_with_its_cause(account: Home, capsys: Capsys) -> None:
    """The error's words are kept, not its hint."""
    done = account.call(capsys, "coverage", "accept", "--session", "2026-11-20", "--reason", "halted")
    assert done.code == 2
    kept = _latest(account, capsys)
    assert (kept["outcome"], kept["reason"]) == ("failed", "halted")
    assert kept["message"] == "2026-11-20 does not look emptier than it can be"


def test_an_act_that_is_interrupted_is_on_record(account: Home, capsys: Capsys) -> None:
    """While it is at work it has no outcome yet; a signal gives it one."""
    with gateway_beside(SystemClock(AFTER_THE_CLOSE), ["dropped-answers:share=1,hits=9999"]) as silent:
        running = account.start(*EOD, "--force", "--reason", "stopped", COLLECTOR_GATEWAY__PORT=str(silent.port))
        give_up = time.monotonic() + 60
        while _latest(account, capsys).get("reason") != "stopped" or not silent.log.historical:
            assert time.monotonic() < give_up
        assert _latest(account, capsys)["outcome"] is None
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
    assert _latest(account, capsys)["outcome"] == "interrupted"


def test_secrets_on_the_command_line_are_masked(account: Home, capsys: Capsys) -> None:
    """A reason that names the mail password is kept without it."""
    secret = {"COLLECTOR_NOTIFY__SMTP__PASSWORD": "correct-horse"}
    words = ("coverage", "forget", "--session", "2026-11-20", "--reason", "correct-horse leaked")
    account.call(capsys, *words, **secret)
    kept = _latest(account, capsys)
    assert "correct-horse" not in json.dumps(kept)
    assert kept["reason"] == "*** leaked"


def test_words_that_are_not_utf_8_are_on_record(account: Home, capsys: Capsys) -> None:
    """Nobody keeps off the record by a byte that the database cannot hold."""
    assert account.call(capsys, "db", "retention", "--reason", "caf\udce9").code == 0
    kept = _latest(account, capsys)
    assert (kept["reason"], kept["outcome"]) == (r"caf\udce9", "ok")
    assert str(kept["command"]).endswith(r"--reason 'caf\udce9'")


def test_a_reason_makes_up_no_line_of_the_list(account: Home, capsys: Capsys) -> None:
    """Line ends and what moves a terminal's cursor are shown as what they are; JSON has them unchanged."""
    reason = "fine\n2026-01-01 00:00 UTC  root on prod: collector db restore x\x1b[2J"
    assert account.call(capsys, "db", "retention", "--reason", reason).code == 0
    assert _latest(account, capsys)["reason"] == reason
    lines = account.call(capsys, "db", "actions", "--most", "1").out.splitlines()
    assert len(lines) == 2
    assert lines[1] == r"    ok; fine\n2026-01-01 00:00 UTC  root on prod: collector db restore x\x1b[2J"


def test_an_upgrade_with_a_reason_is_on_record(account: Home, capsys: Capsys) -> None:
    """Whoever says why finds it again; without a reason an upgrade that moves nothing leaves no trace."""
    before = _all(account, capsys)
    assert account.call(capsys, "db", "upgrade").code == 0
    assert _all(account, capsys) == before
    assert account.call(capsys, "db", "upgrade", "--reason", "a new version").code == 0
    assert _latest(account, capsys)["reason"] == "a new version"


def test_a_reason_without_force_is_refused(account: Home, capsys: Capsys) -> None:
    """Nothing would keep it."""
    done = account.call(capsys, *EOD, "--reason", "because")
    assert done.code == 2
    assert "--force" in done.err


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM operator_actions",
        "TRUNCATE operator_actions",
        "UPDATE operator_actions SET reason = 'another' WHERE outcome IS NULL",
        "UPDATE operator_actions SET outcome = 'ok', message = '' WHERE outcome IS NOT NULL",
        "UPDATE operator_actions SET os_user = 'somebody', outcome = 'ok' WHERE outcome IS NULL",
    ],
)
def test_the_record_cannot_be_changed(account: Home, statement: str) -> None:
    """Not even by the owner of the tables: acts are added, and ended once."""
    url = embedded.ensure_running(account.data_dir)

    async def attempt() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(
                "INSERT INTO operator_actions (began_at, os_user, host, command, reason)"
                " VALUES (now(), 'a', 'b', 'c', '')"
            )
            before = await connection.fetch("SELECT * FROM operator_actions ORDER BY id")
            with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="keeps what was done"):
                await connection.execute(statement)
            assert await connection.fetch("SELECT * FROM operator_actions ORDER BY id") == before
        finally:
            await connection.close()

    asyncio.run(attempt())


def test_the_collecting_role_writes_nothing_into_it_but_acts(account: Home, capsys: Capsys) -> None:
    """Number and login of an act are the server's own words, and no act begins with its end."""
    assert account.call(capsys, "db", "roles").code == 0
    url = embedded.ensure_running(account.data_dir)
    begun = (
        "INSERT INTO operator_actions (began_at, os_user, host, command, reason{}) VALUES (now(), 'a', 'b', 'c', ''{})"
    )

    async def attempt() -> None:
        connection = await asyncpg.connect(url, server_settings={"role": "collector_rw"})
        try:
            await connection.execute(begun.format(", origin", ", 'page'"))
            number = await connection.fetchval(begun.format("", "") + " RETURNING id")
            for column, value in (("database_role", "'postgres'"), ("id", "7"), ("outcome", "'ok'")):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(begun.format(f", {column}", f", {value}"))
            ended = "UPDATE operator_actions SET ended_at = now(), outcome = 'ok', message = '', run_id = NULL"
            assert await connection.execute(f"{ended} WHERE id = $1", number) == "UPDATE 1"
        finally:
            await connection.close()

    asyncio.run(attempt())


def test_a_restored_database_knows_of_its_restoring(account: Home, capsys: Capsys) -> None:
    """The acts before the backup are there, and the restoring itself, which began before there was a table."""
    folder = account.data_dir.parent / "backups"
    made = account.call(capsys, "db", "backup", str(folder))
    assert made.code == 0, made.err
    (dump,) = folder.glob("*.dump")
    clock = SystemClock(AFTER_THE_CLOSE)
    before = _latest(account, capsys)
    with home(clock, 1) as other:
        restored = other.call(capsys, "db", "restore", str(dump), "--reason", "a new disk")
        assert restored.code == 0, restored.err
        found = json.loads(other.call(capsys, "db", "actions", "--json").out)
    assert [found[0]["reason"], found[0]["outcome"]] == ["a new disk", "ok"]
    assert found[1] == before
