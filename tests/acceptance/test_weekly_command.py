"""`collector report weekly --send`: what the channels did is said, and decides the exit code."""

import asyncio
import json

import pytest

from collector.clock import SystemClock
from collector.notify.alerts.alert_memory import AlertFile, AlertMemory
from tests.support.command_line import home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.mail_server import Mailbox, mail_server

LINES = ("2026-11-17 06:00 UTC · 92 new contracts were found.",)


@pytest.mark.parametrize(
    ("answer", "code", "said", "left"),
    [("250 OK", 0, "ok  mail       owner@example.org", ()), ("554 no", 1, "bad mail       ", LINES)],
    ids=["taken", "refused"],
)
@pytest.mark.parametrize("as_json", [False, True], ids=["table", "json"])
async def test_a_refused_week_is_no_success(
    plain_database_url: str, answer: str, code: int, said: str, left: tuple[str, ...], as_json: bool
) -> None:
    """What a channel failed at is printed and the exit code is 1; the lines that wait for the week wait on."""
    mailbox = Mailbox(answers=[answer])
    smtp = {"HOST": "127.0.0.1", "SECURITY": "none", "SENDER": "c@example.org", "RECIPIENTS": "owner@example.org"}
    async with mail_server(mailbox) as port:
        with home(SystemClock(AFTER_THE_CLOSE), COLLECTOR_DATABASE__URL=plain_database_url) as account:
            for name, value in (smtp | {"PORT": str(port)}).items():
                account.more[f"COLLECTOR_NOTIFY__SMTP__{name}"] = value
            logs = account.folder / "logs"
            account.more["COLLECTOR_LOG__DIRECTORY"] = str(logs)
            memory = AlertFile(logs / "email_notifications" / "alerts.json")
            memory.save(AlertMemory(digest=LINES))
            words = ("report", "weekly", "--send", *(["--json"] if as_json else []))
            done = await asyncio.to_thread(account.run, *words)
            assert memory.load().digest == left
    assert done.code == code, done.err
    assert said in (done.err if as_json else done.out)
    if as_json:
        assert json.loads(done.out)["last"] == "2026-11-20"
