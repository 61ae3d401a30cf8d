"""Mails through a real mail server on loopback: encrypted, verified, and every failure by its name."""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from collector.clock import SystemClock
from collector.config.notify_settings import Security, SmtpSettings
from collector.notify.channels.mail_message import Mail, compose
from collector.notify.channels.smtp import (
    MailDeferred,
    MailError,
    MailLoginRefused,
    MailRefused,
    MailServerBusy,
    MailServerError,
    MailServerRefused,
    MailServerUnreachable,
    MailServerUntrusted,
    MailUnanswered,
    SmtpSession,
)
from tests.support.mail_server import PASSWORD, USER, Certificates, Mailbox, certificates, mail_server

OWNER, SECOND = "owner@example.org", "second@example.org"
WRONG = "wrong-but-secret"
PNG = b"\x89PNG\r\n\x1a\n....\r\n.\r\n--not the end"


@pytest.fixture
def tls(tmp_path: Path) -> Certificates:
    """A test authority, and a server certificate for 127.0.0.1."""
    return certificates(tmp_path)


def _settings(port: int, security: Security = Security.NONE, **more: Any) -> SmtpSettings:  # noqa: ANN401 - settings
    return SmtpSettings(
        **{
            "host": "127.0.0.1",
            "port": port,
            "security": security,
            "sender": "collector@example.org",
            "recipients": (OWNER, SECOND),
            "timeout_s": 5,
            **more,
        }
    )


SUBJECT = "[collector] eod 2026-11-20 PARTIAL · 99.8 % · é · – … שלום עולם … – · é · 41,212 bars of 4,600 contracts"
"""Long, and with neighbouring words that have to be encoded."""


def _content() -> bytes:
    mail = Mail(
        name="n",
        subject=SUBJECT,
        text="שלום\n.\n..dots at the start of lines\n",
        html='<p>é <img src="cid:coverage-0"></p>',
        made_at=datetime(2026, 11, 20, tzinfo=UTC),
        pictures={"coverage-0": PNG},
    )
    return compose(mail, sender="collector@example.org", recipients=[OWNER, SECOND])


async def _sent(settings: SmtpSettings, content: bytes | None = None) -> Mapping[str, MailError | None]:
    async with SmtpSession(settings, SystemClock()) as session:
        return await session.send(content or _content(), settings.recipients)


def _arrived(mailbox: Mailbox) -> None:
    for received in mailbox.received:
        assert received["Subject"] == SUBJECT
        text, html = received.get_body(("plain",)), received.get_body(("html",))
        assert text is not None
        assert html is not None
        assert text.get_content().splitlines() == ["שלום", ".", "..dots at the start of lines"]
        assert "é" in html.get_content()
        assert [part.get_content() for part in received.walk() if part.get_content_type() == "image/png"] == [PNG]
    assert mailbox.recipients == [[OWNER], [SECOND]]
    assert [mail["To"] for mail in mailbox.received] == [OWNER, SECOND]


async def test_plain_to_this_machine() -> None:
    """Without encryption to loopback: what arrives is what was sent, to everybody."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        assert await _sent(_settings(port)) == {OWNER: None, SECOND: None}

    _arrived(mailbox)
    assert mailbox.encrypted == [False, False]
    assert mailbox.connections == 1


def test_plain_to_another_machine_is_refused() -> None:
    """Nothing leaves this machine unencrypted."""
    with pytest.raises(ValidationError, match="only for a mail server on this machine"):
        _settings(25, host="mail.example.org")


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_encrypted_with_login(security: Security, tls: Certificates) -> None:
    """STARTTLS and TLS, the certificate checked against the test authority, with a non-ASCII login secret."""
    mailbox = Mailbox()
    contexts = {"tls": tls.server} if security is Security.TLS else {"starttls": tls.server}
    async with mail_server(mailbox, login=True, **contexts) as port:
        settings = _settings(port, security, ca_file=tls.ca_file, username=USER, password=PASSWORD)
        assert await _sent(settings) == {OWNER: None, SECOND: None}

    _arrived(mailbox)
    assert mailbox.encrypted == [True, True]
    assert mailbox.logins == [USER]


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
@pytest.mark.parametrize("wrong", ["unknown authority", "another host"])
async def test_a_wrong_certificate_gets_neither_mail_nor_login(
    security: Security, wrong: str, tls: Certificates, tmp_path: Path
) -> None:
    """A certificate of an unknown authority, or of another host: named, not tried again, no login sent."""
    (tmp_path / "other").mkdir()
    other = certificates(tmp_path / "other", "mail.example.org")
    serving, trusted = (other, tls) if wrong == "unknown authority" else (other, other)
    mailbox = Mailbox()
    contexts = {"tls": serving.server} if security is Security.TLS else {"starttls": serving.server}
    async with mail_server(mailbox, login=True, **contexts) as port:
        settings = _settings(port, security, ca_file=trusted.ca_file, username=USER, password=PASSWORD)
        with pytest.raises(MailServerUntrusted, match="certificate") as caught:
            await _sent(settings)

    assert not caught.value.retry
    assert (mailbox.received, mailbox.logins) == ([], [])


async def test_a_server_without_starttls_gets_nothing() -> None:
    """Encryption asked for and not offered: nothing is sent in the clear, as a downgrade attack would like."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        with pytest.raises(MailServerUntrusted, match="STARTTLS"):
            await _sent(_settings(port, Security.STARTTLS))

    assert mailbox.received == []


async def test_a_wrong_login_is_named_and_not_to_be_repeated(tls: Certificates) -> None:
    """A second try with the same secret only locks the account. The secret is in no word of the error."""
    mailbox = Mailbox()
    async with mail_server(mailbox, starttls=tls.server, login=True) as port:
        settings = _settings(port, Security.STARTTLS, ca_file=tls.ca_file, username=USER, password=WRONG)
        with pytest.raises(MailLoginRefused, match="refused the login: 535") as caught:
            await _sent(settings)

    assert not caught.value.retry
    assert WRONG not in f"{caught.value}{caught.value.hint}{caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("mailbox", "kind", "words"),
    [
        (Mailbox(answers=["451 try later"]), MailDeferred, "answered 451 try later"),
        (Mailbox(answers=["554 no thanks"]), MailRefused, "answered 554 no thanks"),
        (Mailbox(answers=["552 too much"]), MailRefused, "answered 552 too much"),
        (Mailbox(sender_answer="552 message size exceeds the limit"), MailRefused, "answered 552 message size"),
        (Mailbox(sender_answer="452 not enough storage"), MailDeferred, "answered 452 not enough"),
    ],
)
async def test_what_the_server_says_to_a_mail_is_a_value(mailbox: Mailbox, kind: type[MailError], words: str) -> None:
    """4xx is not now, 5xx is never; the session goes on, and takes the next mail."""
    async with mail_server(mailbox) as port, SmtpSession(_settings(port), SystemClock()) as session:
        answers = await session.send(_content(), [OWNER, SECOND])
        mailbox.answers, mailbox.sender_answer = ["250 OK"], "250 OK"
        assert await session.send(_content(), [OWNER, SECOND]) == {OWNER: None, SECOND: None}

    assert list(answers) == [OWNER, SECOND]
    assert all(type(error) is kind and words in error.message for error in answers.values())
    assert mailbox.connections == 1


@pytest.mark.parametrize(
    ("answer", "kind"), [("450 mailbox busy", MailDeferred), ("550 nobody of that name", MailRefused)]
)
async def test_what_the_server_says_to_a_recipient_is_his_alone(answer: str, kind: type[MailError]) -> None:
    """The others get the mail; where nobody is left, the answers are each recipient's own."""
    mailbox = Mailbox(recipient_answers={OWNER: answer})
    async with mail_server(mailbox) as port:
        answers = await _sent(_settings(port))
        mailbox.recipient_answers = {OWNER: answer, SECOND: "551 moved"}
        none = await _sent(_settings(port))

    assert type(answers[OWNER]) is kind
    assert answers[SECOND] is None
    assert mailbox.recipients == [[SECOND]]
    assert f"{OWNER}: {answer[4:]}" in str(none[OWNER])
    assert f"{SECOND}: moved" in str(none[SECOND])


@pytest.mark.parametrize("refused", ["550 not your address", "553 sender rejected"])
async def test_a_sender_that_is_refused_concerns_every_mail(refused: str) -> None:
    """It is the configuration's to mend, so nothing is called refused for good."""
    async with mail_server(Mailbox(sender_answer=refused)) as port:
        with pytest.raises(MailServerRefused, match=f"the sender collector@example.org: {refused}") as caught:
            await _sent(_settings(port))
    assert "notify.smtp.sender" in caught.value.hint


@pytest.mark.parametrize(
    "mailbox", [Mailbox(cut=1), Mailbox(answers=["421 closing", "250 OK"]), Mailbox(answers=["cut", "250 OK"])]
)
async def test_a_connection_cut_in_a_mail_is_made_again(mailbox: Mailbox) -> None:
    """The mail is for later, the next one arrives."""
    async with mail_server(mailbox) as port, SmtpSession(_settings(port), SystemClock()) as session:
        answers = await session.send(_content(), [OWNER])
        assert await session.send(_content(), [OWNER, SECOND]) == {OWNER: None, SECOND: None}

    deferred = answers[OWNER]
    assert isinstance(deferred, MailDeferred)
    assert deferred.retry
    _arrived(mailbox)
    assert mailbox.connections == 2


async def test_a_recipient_who_cuts_the_connection_keeps_the_mail_from_nobody() -> None:
    """The server closes when it hears one name: the other recipient gets the mail over another connection."""
    mailbox = Mailbox(recipient_answers={OWNER: "421 closing"})
    async with mail_server(mailbox) as port:
        answers = await _sent(_settings(port))

    assert isinstance(answers[OWNER], MailDeferred)
    assert answers[SECOND] is None


async def test_a_mail_without_answer_is_not_tried_again_soon() -> None:
    """A server that goes silent over a mail costs its time-out once a run; the next mail is sent."""
    mailbox = Mailbox(answers=["silence", "250 OK"])
    async with mail_server(mailbox) as port, SmtpSession(_settings(port, timeout_s=0.3), SystemClock()) as session:
        answers = await session.send(_content(), [OWNER])
        assert await session.send(_content(), [OWNER]) == {OWNER: None}

    unanswered = answers[OWNER]
    assert isinstance(unanswered, MailUnanswered)
    assert not unanswered.retry


@pytest.mark.parametrize("mailbox", [Mailbox(cut=99), Mailbox(answers=["421 closing"])])
async def test_no_answer_to_two_mails_in_a_row_is_the_server(mailbox: Mailbox) -> None:
    """A mail may break the connection, the next one hardly does: the third is not tried, and all of them stay."""
    async with mail_server(mailbox) as port, SmtpSession(_settings(port), SystemClock()) as session:
        for _ in range(2):
            answers = await session.send(_content(), [OWNER])
            assert isinstance(answers[OWNER], MailDeferred)
        with pytest.raises(MailServerUnreachable, match="no answer to 2 mails in a row") as caught:
            await session.send(_content(), [OWNER])

    assert caught.value.retry
    assert mailbox.attempts == 2


async def test_addresses_outside_ascii_have_a_mail_of_their_own() -> None:
    """A server with SMTPUTF8 is sent them as they are; nobody else's mail is made to need it."""
    accented, hebrew = "mé@example.org", "דואר@xn--bcher-kva.example"
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        answers = await _sent(_settings(port, recipients=(accented, OWNER, "דואר@bücher.example")))

    assert answers == {accented: None, OWNER: None, hebrew: None}
    assert mailbox.recipients == [[accented], [OWNER], [hebrew]]
    assert [content.isascii() for content in mailbox.contents] == [False, True, False]
    assert f"To: {hebrew}\r\n".encode() in mailbox.contents[2]
    assert [mail["Subject"] for mail in mailbox.received] == [SUBJECT] * 3


async def test_a_server_of_ascii_alone_serves_the_others() -> None:
    """Without SMTPUTF8 the one address is refused with what to do; as the sender, it concerns every mail."""
    mailbox = Mailbox(utf8=False)
    async with mail_server(mailbox) as port:
        answers = await _sent(_settings(port, recipients=("mé@example.org", OWNER)))
        with pytest.raises(MailServerRefused, match="the sender is none"):
            await _sent(_settings(port, sender="mé@example.org"))

    assert answers[OWNER] is None
    refused = answers["mé@example.org"]
    assert isinstance(refused, MailRefused)
    assert "takes only ASCII addresses, not mé@example.org" in refused.message
    assert mailbox.recipients == [[OWNER]]


async def test_nobody_listens() -> None:
    """A closed port is unreachable, with host and port in the words."""
    async with mail_server(Mailbox()) as port:
        pass
    with pytest.raises(MailServerUnreachable, match=rf"127\.0\.0\.1:{port}"):
        await _sent(_settings(port))


@pytest.mark.parametrize("broken", [{"ca_file": Path("/nowhere/ca.pem")}, {"host": "x" * 300}])
async def test_what_cannot_even_begin_concerns_every_mail(broken: dict[str, Any]) -> None:
    """A file that is not there, a name that is none: no mail has met it, so none is refused."""
    with pytest.raises(MailServerError):
        await _sent(_settings(9, Security.TLS, **broken))


@pytest.mark.parametrize(
    ("greeting", "kind", "retry"),
    [
        ("554 no mail from you", MailServerRefused, False),
        ("421 too many connections", MailServerBusy, True),
        ("HTTP/1.1 400 Bad Request", MailServerUnreachable, True),
        ("", MailServerUnreachable, True),
    ],
)
async def test_a_server_that_greets_otherwise_gets_no_mail(
    greeting: str, kind: type[MailServerError], retry: bool
) -> None:
    """It refuses us, is busy, is none, or hangs up: every mail would meet that, so it is raised."""

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{greeting}\r\n".encode() if greeting else b"")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        with pytest.raises(kind) as caught:
            await _sent(_settings(server.sockets[0].getsockname()[1]))
    assert type(caught.value) is kind
    assert caught.value.retry is retry


class _Silent(asyncio.Protocol):
    """Accepts a connection and never says a word."""

    def __init__(self, accepted: list[asyncio.BaseTransport]) -> None:
        self._accepted = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._accepted.append(transport)


async def test_a_silent_server_costs_a_bounded_time() -> None:
    """A server that never says hello is given up on after the time-out."""
    accepted: list[asyncio.BaseTransport] = []
    listener = await asyncio.get_running_loop().create_server(lambda: _Silent(accepted), "127.0.0.1", 0)
    try:
        with pytest.raises(MailServerUnreachable):
            await _sent(_settings(listener.sockets[0].getsockname()[1], timeout_s=0.3))
    finally:
        for transport in accepted:
            transport.close()
        listener.close()
        await listener.wait_closed()


def test_certificates_are_verified_by_default() -> None:
    """The client's context checks host names and refuses old protocols."""
    from collector.notify.channels.smtp import _tls_context  # noqa: PLC0415 - a look inside, once

    context = _tls_context(_settings(465, Security.TLS))
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
