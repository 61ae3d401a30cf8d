"""Mails from the outbox to a real mail server: what one of them meets concerns no other, and none waits for ever."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from collector.clock import SystemClock
from collector.config import DeadManSettings, NotifySettings
from collector.config.notify_settings import SmtpSettings
from collector.domain.masking import Mask
from collector.notify.channels.channel import Delivery, Message, Surroundings
from collector.notify.channels.mail import MailChannel
from collector.notify.channels.mail_message import Mail, addressed
from collector.notify.channels.outbox import OutboxChannel
from tests.support.mail_server import Mailbox, mail_server

START = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
OWNER, SECOND, ACCENTED = "owner@example.org", "second@example.org", "mé@example.org"

ADDRESSES = st.one_of(
    st.sampled_from([OWNER, SECOND, ACCENTED, "דואר@bücher.example", "o'wner+tag@sub.example.org"]),
    st.builds("{}@{}".format, st.text('ab.é日"(<,\n', max_size=8), st.text("ab.-é日_[", max_size=8)),
)
TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("\r\n\0\x85\u2028\u202e\ud800. :<é日😀א")), max_size=60)
WELL = "250 OK"
PUT_OFF = ("451 try later", "421 closing", "cut")
FOR_ONE = st.sampled_from([WELL, WELL, WELL, "450 mailbox busy", "550 nobody of that name", "421 closing"])
FOR_A_MAIL = st.one_of(
    st.just((WELL,)),
    st.builds(
        lambda first, last: (*first, last),
        st.lists(st.sampled_from(PUT_OFF), max_size=2),
        st.sampled_from([WELL, "552 too large", "554 no thanks", *PUT_OFF]),
    ),
)
"""What a server says to a mail for a recipient, one try after the other; the last answer stays."""


class _Clock(SystemClock):
    """A clock that is set by hand, and notes how long it was asked to wait instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.at = START
        self.waited: list[float] = []

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Note the wait and yield."""
        self.waited.append(seconds)
        await asyncio.sleep(0)


class _Post:
    """The outbox and the channel that empties it, as the processes of several runs have them."""

    def __init__(self, folder: Path, port: int, recipients: Sequence[str] = (OWNER,), **more: object) -> None:
        smtp = {
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "sender": "collector@example.org",
            "recipients": list(recipients),
            "timeout_s": 5,
            "attempts": 1,
            **more,
        }
        self.clock = _Clock()
        around = Surroundings(
            notify=NotifySettings(smtp=SmtpSettings.model_validate(smtp)),
            dead_man=DeadManSettings(),
            log_directory=folder,
            clock=self.clock,
            mask=Mask(),
        )
        self._outbox, self._channel = OutboxChannel(around), MailChannel(around)
        self.folder = self._outbox.directory

    def keep(self, *names: str, subject: str = "", text: str = "text\n") -> None:
        """Keep a mail of each name."""
        for name in names:
            mail = Mail(name=name, subject=subject or name, text=text, html=f"<p>{text}</p>", made_at=self.clock.at)
            (kept,) = self._outbox.keep(Message(subject=mail.subject, mail=mail))
            assert kept.ok

    async def send(self, own: str = "") -> tuple[Delivery, ...]:
        """Send what waits; `own` is the mail of this run."""
        mail = Mail(name=own, subject=own, text="", html="", made_at=self.clock.at) if own else None
        return await self._channel.tell(Message(subject=own, mail=mail))

    @property
    def states(self) -> dict[str, str]:
        """Return what became of each mail."""
        found = (path.name.removesuffix(".eml").partition(".") for path in sorted(self.folder.glob("*.eml")))
        return {name: state or "sent" for name, _, state in found}


def _subjects(mailbox: Mailbox) -> list[str]:
    return [str(mail["Subject"]) for mail in mailbox.received]


async def test_one_connection_for_all_oldest_first(tmp_path: Path) -> None:
    """What waits is sent in the order in which it was made, with one greeting."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        post = _Post(tmp_path, port, [OWNER, SECOND])
        post.keep("2", "1", "3")
        results = await post.send("3")

    assert _subjects(mailbox) == ["1", "1", "2", "2", "3", "3"]
    assert mailbox.connections == 1
    assert [(one.ok, one.detail) for one in results] == [(True, f"{OWNER}, {SECOND}")] * 3
    assert [one.earlier for one in results] == [True, True, False]


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b""), "it is empty or damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "it is empty or damaged"),
        (lambda path: path.write_bytes(b"\xff\x00" * 5000), "it is empty or damaged"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"Date: ", b"Date: on ")), "date"),
        (_a_folder, "Is a directory"),
    ],
)
async def test_a_damaged_mail_is_set_aside(tmp_path: Path, damage: Callable[[Path], object], words: str) -> None:
    """Empty, cut, or no file at all: it is named, kept to be looked at, and in nobody's way."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        post = _Post(tmp_path, port)
        post.keep("1", "2")
        damage(post.folder / "1.queued.eml")
        results = await post.send("2")

    assert post.states == {"1": "refused", "2": "sent"}
    assert _subjects(mailbox) == ["2"]
    assert [one.ok for one in results] == [False, True]
    assert "the mail 1 cannot be read" in results[0].detail
    assert words in results[0].detail


async def test_what_nobody_foresaw_of_a_mail_concerns_that_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of ours, or of the client's, over one mail: it is set aside with its reason, the next is sent."""

    def broken(content: bytes, *, sender: str, recipients: Sequence[str]) -> bytes:
        if b"Subject: 1" in content:
            raise RuntimeError("a mistake")
        return addressed(content, sender=sender, recipients=recipients)

    monkeypatch.setattr("collector.notify.channels.smtp.addressed", broken)
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        post = _Post(tmp_path, port)
        post.keep("1", "2")
        results = await post.send("2")

    assert post.states == {"1": "refused", "2": "sent"}
    assert [(one.ok, one.detail) for one in results] == [
        (False, "RuntimeError: a mistake"),
        (True, OWNER),
    ]


async def test_a_recipient_who_is_refused_keeps_it_from_nobody(tmp_path: Path) -> None:
    """The mail is sent, and says who did not get it and why."""
    mailbox = Mailbox(recipient_answers={OWNER: "550 nobody of that name"}, utf8=False)
    async with mail_server(mailbox) as port:
        post = _Post(tmp_path, port, [OWNER, SECOND, ACCENTED])
        post.keep("1")
        results = await post.send("1")

    assert post.states == {"1": "sent"}
    assert mailbox.recipients == [[SECOND]]
    assert [one.ok for one in results] == [True, False, False]
    assert f"550 {OWNER}: nobody of that name" in results[1].detail
    assert f"takes only ASCII addresses, not {ACCENTED}" in results[2].detail


async def test_what_everybody_is_refused_is_set_aside(tmp_path: Path) -> None:
    """A mail that the server will never take is not asked about again; the next is sent."""
    mailbox = Mailbox(answers=["552 too large", "250 OK"])
    async with mail_server(mailbox) as port:
        post = _Post(tmp_path, port)
        post.keep("1", "2")
        await post.send("2")
        await post.send()

    assert post.states == {"1": "refused", "2": "sent"}
    assert mailbox.attempts == 2


async def test_not_now_is_waited_out_and_then_left_to_the_next_run(tmp_path: Path) -> None:
    """4xx is tried again, after longer waits; the other mails are sent meanwhile, and a later run sends it once."""
    mailbox = Mailbox(judge=lambda mail, _: "451 try later" if mail["Subject"] == "1" else "250 OK")
    async with mail_server(mailbox) as port:
        post = _Post(tmp_path, port, attempts=3, retry_wait_s=7)
        post.keep("1", "2")
        results = await post.send("2")
        assert post.states == {"1": "deferred", "2": "sent"}
        assert post.clock.waited == [7, 14]
        assert [(one.ok, one.detail) for one in results] == [
            (False, f"mail server 127.0.0.1:{port} answered 451 try later"),
            (True, OWNER),
        ]
        mailbox.judge = None
        await post.send()

    assert post.states == {"1": "sent", "2": "sent"}
    assert _subjects(mailbox) == ["2", "1"]


async def test_what_passes_within_a_run_is_told_as_sent(tmp_path: Path) -> None:
    """Two refusals for now, then it is taken: one delivery, and it is well."""
    mailbox = Mailbox(answers=["451 try later", "452 still full", "250 OK"])
    async with mail_server(mailbox) as port:
        post = _Post(tmp_path, port, attempts=3)
        post.keep("1")
        assert [one.ok for one in await post.send("1")] == [True]

    assert _subjects(mailbox) == ["1"]


async def test_only_who_has_it_not_gets_it_later(tmp_path: Path) -> None:
    """One mailbox is busy: its owner gets the mail from a later run, everybody else has it once."""
    mailbox = Mailbox(recipient_answers={SECOND: "450 mailbox busy", ACCENTED: "451 greylisted"})
    async with mail_server(mailbox) as port:
        post = _Post(tmp_path, port, [OWNER, SECOND, ACCENTED])
        post.keep("1")
        assert [one.ok for one in await post.send("1")] == [True, False, False]
        mailbox.recipient_answers = {SECOND: "450 mailbox busy"}
        await post.send()
        assert post.states == {"1": "deferred"}
        mailbox.recipient_answers = {}
        await post.send()

    assert post.states == {"1": "sent"}
    assert mailbox.recipients == [[OWNER], [ACCENTED], [SECOND]]
    assert b"X-Collector" not in b"".join(mailbox.contents)


async def test_corrected_recipients_get_what_waits(tmp_path: Path) -> None:
    """Mails that wait go to whom the configuration names now, from whom it names now; who has one gets no second."""
    mailbox = Mailbox(recipient_answers={"onwer@example.org": "450 try later"})
    async with mail_server(mailbox) as port:
        wrong = _Post(tmp_path, port, ["onwer@example.org", SECOND], sender="old@example.org")
        wrong.keep("1")
        await wrong.send("1")
        right = _Post(tmp_path, port, [OWNER, SECOND])
        await right.send()

    assert right.states == {"1": "sent"}
    assert mailbox.recipients == [[SECOND], [OWNER]]
    assert mailbox.contents[1].startswith(b"From: Collector <collector@example.org>\r\nTo: owner@example.org\r\n")


async def test_what_is_put_off_for_days_is_set_aside(tmp_path: Path) -> None:
    """After five days of "not now" nobody hopes any longer."""
    mailbox = Mailbox(answers=["451 try later"])
    async with mail_server(mailbox) as port:
        post = _Post(tmp_path, port)
        post.keep("1")
        post.clock.at = START + timedelta(days=5)
        await post.send()
        assert post.states == {"1": "deferred"}
        post.clock.at += timedelta(minutes=1)
        await post.send()

    assert post.states == {"1": "refused"}


@pytest.mark.parametrize("kind", ["away", "login", "sender", "closing"])
async def test_where_the_server_cannot_be_used_all_stay(tmp_path: Path, kind: str) -> None:
    """No mail is to blame: however long it lasts, none is set aside, and one delivery says why."""
    mailbox = Mailbox(sender_answer="550 not your address" if kind == "sender" else "250 OK")
    mailbox.cut = 1000 if kind == "closing" else 0
    more = {"username": "somebody", "password": "hunter2"} if kind == "login" else {}
    async with mail_server(mailbox) as port:
        post = _Post(tmp_path, 9 if kind == "away" else port, attempts=2, retry_wait_s=0, **more)
        post.keep("1", "2", "3", "4", "5")
        results = await post.send("5")

    assert set(post.states.values()) <= {"queued", "deferred"}
    assert not any(one.ok for one in results)
    assert mailbox.received == []
    if kind != "closing":
        assert post.states == dict.fromkeys("12345", "queued")
        assert len(results) == 1
    mailbox.sender_answer, mailbox.cut = "250 OK", 0
    async with mail_server(mailbox) as port:
        await _Post(tmp_path, port).send()
    assert sorted(_subjects(mailbox)) == list("12345")


@settings(phases=[Phase.explicit, Phase.generate])  # to make a failing example smaller would take minutes
@given(
    recipients=st.lists(st.tuples(ADDRESSES, FOR_ONE), min_size=1, max_size=3),
    mails=st.lists(st.tuples(TEXTS, TEXTS, FOR_A_MAIL), min_size=10, max_size=10),
    utf8=st.booleans(),
)
async def test_a_thousand_mails_are_sent_or_set_aside(
    recipients: list[tuple[str, str]], mails: list[tuple[str, str, tuple[str, ...]]], *, utf8: bool
) -> None:
    """Any recipients, subjects and texts, a server that refuses, puts off, closes and cuts: no mail waits for ever.

    What the server takes at once, from whom it takes it, arrives whatever it does to the other mails and recipients,
    and nothing arrives twice.
    """
    answers = {address: answer for given_, answer in recipients for address in _configured(given_)}
    answers = answers or {OWNER: WELL}
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patches:
        patches.setattr(os, "fsync", lambda _: None)  # no machine fails here, and a thousand times it takes a minute
        mailbox = Mailbox(recipient_answers=answers, utf8=utf8)
        async with mail_server(mailbox) as port:
            post = _Post(Path(folder), port, list(answers))
            for number, (subject, text, _) in enumerate(mails):
                post.keep(f"{number}", subject=subject, text=text)
            numbers = {_id(path): int(path.name[0]) for path in post.folder.glob("*.queued.eml")}
            left = {(number, one): list(mails[number][2]) for number in numbers.values() for one in answers}
            arrived = Counter[tuple[int, str]]()

            def judge(mail: EmailMessage, recipient: str) -> str:
                key = (numbers[str(mail["Message-ID"])], recipient)
                answer = left[key].pop(0) if len(left[key]) > 1 else left[key][0]
                if answer == WELL:
                    arrived[key] += 1
                return answer

            mailbox.judge = judge
            for _ in range(6):  # a round settles two mails at least
                await post.send()
            takers = [one for one, answer in answers.items() if answer == WELL and (utf8 or one.isascii())]
            at_once = [number for number, (_, _, says) in enumerate(mails) if says == (WELL,)]
            assert all(arrived[number, one] for number in at_once for one in takers)

            post.clock.at += timedelta(days=5, minutes=1)
            for _ in range(6):
                await post.send()
        assert arrived.total() == len(arrived)
        sent = {number for number, _ in arrived}
        assert post.states == {f"{n}": "sent" if n in sent else "refused" for n in range(len(mails))}


def _configured(address: str) -> tuple[str, ...]:
    """Return an address as the configuration has it; nothing where it is refused when it is read."""
    try:
        return SmtpSettings.model_validate({"recipients": [address]}).recipients
    except ValidationError:
        return ()


def _id(path: Path) -> str:
    return str(message_from_bytes(path.read_bytes(), policy=default)["Message-ID"])
