"""The outbox: kept, queued, claimed by one process alone, sent once, pruned."""

import os
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from collector.notify.channels.mail_message import Mail, message
from collector.notify.channels.outbox import Outbox

AT = datetime(2026, 11, 20, tzinfo=UTC)


def _message(name: str = "a") -> EmailMessage:
    mail = Mail(name=name, subject=f"mail {name} ü", text="text\n", html="<p>html</p>", made_at=AT)
    return message(mail, sender="c@example.org", recipients=["o@example.org"])


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """An outbox in a directory that does not exist yet."""
    return Outbox(tmp_path / "logs" / "email_notifications")


def _files(outbox: Outbox) -> list[str]:
    return sorted(path.name for path in outbox.directory.iterdir())


def test_a_mail_is_kept_as_eml_and_html(outbox: Outbox) -> None:
    """Without a mail server the files are the notification."""
    assert outbox.keep("a", _message(), "<p>page</p>", queue=False)

    assert _files(outbox) == ["a.eml", "a.html"]
    assert (outbox.directory / "a.html").read_text() == "<p>page</p>"
    assert list(outbox.claim()) == []


def test_queued_mails_are_claimed_oldest_first_and_sent_once(outbox: Outbox) -> None:
    """A second process finds nothing to claim, before and after the sending."""
    for name in ("20261121-b", "20261120-a"):
        outbox.keep(name, _message(name), "", queue=True)

    claims = outbox.claim()
    first = next(claims)
    assert first.name == "20261120-a"
    assert first.message["Subject"] == "mail 20261120-a ü"
    assert [c.name for c in Outbox(outbox.directory).claim()] == ["20261121-b"]
    outbox.sent("20261120-a")
    outbox.put_back("20261121-b")

    assert outbox.waiting() == ("20261121-b",)
    assert "20261120-a.eml" in _files(outbox)


def test_a_mail_of_the_same_name_is_one_mail(outbox: Outbox) -> None:
    """Written again after a crash, in whatever state it is, it is left as it is."""
    outbox.keep("a", _message(), "", queue=True)
    next(outbox.claim())
    assert not outbox.keep("a", _message(), "", queue=True)
    outbox.sent("a")
    assert not outbox.keep("a", _message(), "", queue=True)
    assert outbox.waiting() == ()


def test_a_refused_mail_is_not_tried_again(outbox: Outbox) -> None:
    """It stays to be read."""
    outbox.keep("a", _message(), "", queue=True)
    outbox.refused(next(outbox.claim()).name)

    assert list(outbox.claim()) == []
    assert "a.refused.eml" in _files(outbox)


def test_a_mail_of_a_dead_process_is_queued_again(outbox: Outbox) -> None:
    """Killed between claim and sending: after a quarter of an hour another process takes over, not before."""
    outbox.keep("a", _message(), "", queue=True)
    next(outbox.claim())
    assert list(outbox.claim()) == []

    long_ago = time.time() - 1000
    os.utime(outbox.directory / "a.sending.eml", (long_ago, long_ago))
    assert [c.name for c in outbox.claim()] == ["a"]


def test_old_mails_are_pruned_and_nothing_else(outbox: Outbox) -> None:
    """By age, in whatever state; the memory of alerts beside them stays."""
    outbox.keep("old", _message(), "", queue=True)
    outbox.keep("new", _message(), "", queue=False)
    (outbox.directory / "alerts.json").write_text("{}")
    month_ago = time.time() - 31 * 86_400
    for path in outbox.directory.glob("*"):
        if path.stem != "new":
            os.utime(path, (month_ago, month_ago))

    assert outbox.prune(30) == 2
    assert _files(outbox) == ["alerts.json", "new.eml", "new.html"]
    assert Outbox(outbox.directory / "none").prune(30) == 0
