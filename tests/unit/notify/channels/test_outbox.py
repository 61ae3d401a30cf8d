"""The outbox: kept, queued, claimed by one process alone, sent once, pruned."""

import errno
import os
import time
from pathlib import Path

import pytest

from collector.notify.channels.outbox import Outbox

CONTENT = b"Subject: as it was composed\r\n\r\nbody\r\n"


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """An outbox in a directory that does not exist yet."""
    return Outbox(tmp_path / "logs" / "email_notifications")


def _files(outbox: Outbox) -> list[str]:
    return sorted(path.name for path in outbox.directory.iterdir())


def test_a_mail_is_kept_as_eml_and_html(outbox: Outbox) -> None:
    """Without a mail server the files are the notification."""
    assert outbox.keep("a", CONTENT, "<p>page</p>", queue=False)

    assert _files(outbox) == ["a.eml", "a.html"]
    assert (outbox.directory / "a.html").read_text() == "<p>page</p>"
    assert list(outbox.claim()) == []


def test_queued_mails_are_claimed_oldest_first_and_sent_once(outbox: Outbox) -> None:
    """A second process finds nothing to claim, before and after the sending."""
    for name in ("20261121-b", "20261120-a"):
        outbox.keep(name, CONTENT, "", queue=True)

    claims = outbox.claim()
    assert next(claims) == "20261120-a"
    assert outbox.claimed("20261120-a") == CONTENT
    assert list(Outbox(outbox.directory).claim()) == ["20261121-b"]
    outbox.sent("20261120-a")
    outbox.put_back("20261121-b")

    assert outbox.waiting() == ("20261121-b",)
    assert "20261120-a.eml" in _files(outbox)


def test_what_was_put_off_goes_last_and_takes_turns(outbox: Outbox) -> None:
    """A mail that a server cannot digest is in the way of none that nobody has tried, nor always of the same ones."""
    for name in ("1", "2", "3"):
        outbox.keep(name, CONTENT, "", queue=True)
    for name, _ in zip(outbox.claim(), range(2), strict=False):
        outbox.deferred(name, b"changed" if name == "2" else None)
    outbox.put_back("3")
    assert outbox.waiting() == ("3", "1", "2")

    outbox.keep("4", CONTENT, "", queue=True)
    for name in outbox.claim():
        assert outbox.claimed(name) == (b"changed" if name == "2" else CONTENT)
        outbox.deferred(name)
        if name == "1":
            break
    assert outbox.waiting() == ("2", "3", "4", "1")
    assert tuple(outbox.claim()) == ("2", "3", "4", "1")


def test_a_mail_of_the_same_name_is_one_mail(outbox: Outbox) -> None:
    """Written again after a crash, in whatever state it is, it is left as it is."""
    outbox.keep("a", CONTENT, "", queue=True)
    next(outbox.claim())
    assert not outbox.keep("a", CONTENT, "", queue=True)
    outbox.sent("a")
    assert not outbox.keep("a", CONTENT, "", queue=True)
    assert outbox.waiting() == ()


def test_a_refused_mail_is_not_tried_again(outbox: Outbox) -> None:
    """It stays to be read."""
    outbox.keep("a", CONTENT, "", queue=True)
    outbox.refused(next(outbox.claim()))

    assert list(outbox.claim()) == []
    assert "a.refused.eml" in _files(outbox)
    assert outbox.was_refused("a")


def test_what_is_set_aside_is_named(outbox: Outbox) -> None:
    """Oldest first; what waits is not among it."""
    assert outbox.set_aside() == ()
    for name in ("20261121-b", "20261120-a", "20261122-c"):
        outbox.keep(name, CONTENT, "", queue=True)
    for name in list(outbox.claim())[:2]:
        outbox.refused(name)
    assert outbox.set_aside() == ("20261120-a", "20261121-b")


def test_a_mail_of_a_dead_process_waits_again_behind_the_others(outbox: Outbox) -> None:
    """Killed between claim and sending, by that mail perhaps: after a quarter of an hour it is tried again, last."""
    outbox.keep("a", CONTENT, "", queue=True)
    next(outbox.claim())
    assert list(outbox.claim()) == []

    outbox.keep("b", CONTENT, "", queue=True)
    long_ago = time.time() - 1000
    os.utime(outbox.directory / "a.sending.eml", (long_ago, long_ago))
    assert list(outbox.claim()) == ["b", "a"]


def test_old_mails_are_pruned_and_nothing_else(outbox: Outbox) -> None:
    """By age, sent, set aside or half written; the memory of alerts beside them stays."""
    outbox.keep("old", CONTENT, "", queue=False)
    outbox.keep("new", CONTENT, "", queue=False)
    (outbox.directory / "alerts.json").write_text("{}")
    (outbox.directory / ".new-killed").write_bytes(b"half")
    (outbox.directory / "never.refused.eml").write_bytes(CONTENT)
    (outbox.directory / "a folder.eml").mkdir()
    month_ago = time.time() - 31 * 86_400
    for path in outbox.directory.glob("*"):
        if path.stem != "new":
            os.utime(path, (month_ago, month_ago))

    assert outbox.prune(30) == 4
    assert _files(outbox) == ["a folder.eml", "alerts.json", "new.eml", "new.html"]
    assert Outbox(outbox.directory / "none").prune(30) == 0


@pytest.mark.parametrize("state", ["queued", "deferred", "sending"])
def test_what_nobody_has_is_set_aside_before_it_is_pruned(outbox: Outbox, state: str) -> None:
    """A clock that is ten years ahead for one run takes no mail that waits; it goes when it was set aside as long."""
    outbox.keep("a", CONTENT, "", queue=True)
    (outbox.directory / "a.queued.eml").rename(outbox.directory / f"a.{state}.eml")
    in_ten_years = time.time() + 3_650 * 86_400

    assert outbox.prune(30, in_ten_years) == 1
    assert _files(outbox) == ["a.refused.eml"]
    assert outbox.prune(30, in_ten_years + 29 * 86_400) == 0
    assert outbox.prune(30, in_ten_years + 31 * 86_400) == 1


def test_a_claim_of_a_clock_that_was_ahead_does_not_last(outbox: Outbox) -> None:
    """A process that was killed while the year was wrong keeps no mail until that year."""
    outbox.keep("a", CONTENT, "", queue=True)
    assert list(outbox.claim()) == ["a"]
    ahead = time.time() + 3_650 * 86_400
    os.utime(outbox.directory / "a.sending.eml", (ahead, ahead))

    assert list(outbox.claim()) == ["a"]


def test_a_name_without_a_file_stops_no_claim(outbox: Outbox) -> None:
    """What cannot be touched is claimed all the same, for whoever reads it to find out, and the next one follows."""
    outbox.keep("b", CONTENT, "", queue=True)
    (outbox.directory / "a.queued.eml").symlink_to("nowhere")

    assert list(outbox.claim()) == ["a", "b"]


def test_a_full_disk_is_left_no_fuller(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail that does not fit leaves nothing of it behind."""
    outbox.keep("a", CONTENT, "", queue=True)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        outbox.keep("b", CONTENT, "", queue=True)
    assert _files(outbox) == ["a.html", "a.queued.eml"]


def test_mails_are_listed_latest_first_with_how_they_stand(outbox: Outbox) -> None:
    """Each state has its word; what is no mail is left out, and an outbox that was never used is empty."""
    assert outbox.listed() == ()
    for name in ("1", "2", "3", "4"):
        outbox.keep(name, CONTENT, "", queue=True)
    for name in outbox.claim():
        {"1": outbox.sent, "2": outbox.refused, "3": outbox.deferred}.get(name, outbox.put_back)(name)
    outbox.keep("5", CONTENT, "", queue=True)
    next(outbox.claim())
    (outbox.directory / "alerts.json").write_text("{}")

    found = outbox.listed()

    assert [(one.name, one.state.value) for one in found] == [
        ("5", "queued"),
        ("4", "sending"),
        ("3", "deferred"),
        ("2", "set_aside"),
        ("1", "sent"),
    ]
    assert {one.bytes for one in found} == {len(CONTENT)}
    assert outbox.html("5").is_file()
