"""Mails through a real mail server on loopback: encrypted, verified, and every failure by its name."""

import asyncio
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from collector.clock import SystemClock
from collector.config.notify_settings import Security, SmtpSettings
from collector.notify.channels.mail_message import Mail, message
from collector.notify.channels.smtp import (
    MailLoginRefused,
    MailRefused,
    MailServerBusy,
    MailServerUnreachable,
    MailServerUntrusted,
    Smtp,
)
from tests.support.mail_server import PASSWORD, USER, Certificates, Mailbox, certificates, mail_server

WRONG = "wrong-but-secret"
PNG = b"\x89PNG\r\n\x1a\n....\r\n.\r\n--not the end"


class _Waits(SystemClock):
    """A clock that notes how long it was asked to wait, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Note the wait and yield."""
        self.waited.append(seconds)
        await asyncio.sleep(0)


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
            "recipients": ("owner@example.org", "second@example.org"),
            "timeout_s": 5,
            **more,
        }
    )


SUBJECT = "[collector] eod 2026-11-20 PARTIAL · 99.8 % · é · – … שלום עולם … – · é · 41,212 bars of 4,600 contracts"
"""Long, and with neighbouring words that have to be encoded."""


def _message() -> EmailMessage:
    mail = Mail(
        name="n",
        subject=SUBJECT,
        text="שלום\n.\n..dots at the start of lines\n",
        html='<p>é <img src="cid:coverage-0"></p>',
        made_at=datetime(2026, 11, 20, tzinfo=UTC),
        pictures={"coverage-0": PNG},
    )
    return message(mail, sender="collector@example.org", recipients=["owner@example.org", "second@example.org"])


def _arrived(mailbox: Mailbox) -> None:
    (received,) = mailbox.received
    assert received["Subject"] == SUBJECT
    text, html = received.get_body(("plain",)), received.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == ["שלום", ".", "..dots at the start of lines"]
    assert "é" in html.get_content()
    assert [part.get_content() for part in received.walk() if part.get_content_type() == "image/png"] == [PNG]
    assert mailbox.recipients == [["owner@example.org", "second@example.org"]]


async def test_plain_to_this_machine() -> None:
    """Without encryption to loopback: what arrives is what was sent, to everybody."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        await Smtp(_settings(port), SystemClock()).send(_message())

    _arrived(mailbox)
    assert mailbox.encrypted == [False]


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
        await Smtp(settings, SystemClock()).send(_message())

    _arrived(mailbox)
    assert mailbox.encrypted == [True]
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
    mailbox, clock = Mailbox(), _Waits()
    contexts = {"tls": serving.server} if security is Security.TLS else {"starttls": serving.server}
    async with mail_server(mailbox, login=True, **contexts) as port:
        settings = _settings(port, security, ca_file=trusted.ca_file, username=USER, password=PASSWORD)
        with pytest.raises(MailServerUntrusted, match="certificate"):
            await Smtp(settings, clock).send(_message())

    assert (mailbox.received, mailbox.logins, clock.waited) == ([], [], [])


async def test_a_server_without_starttls_gets_nothing() -> None:
    """Encryption asked for and not offered: nothing is sent in the clear, as a downgrade attack would like."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        with pytest.raises(MailServerUntrusted, match="STARTTLS"):
            await Smtp(_settings(port, Security.STARTTLS), _Waits()).send(_message())

    assert mailbox.received == []


async def test_a_wrong_login_is_named_and_not_repeated(tls: Certificates) -> None:
    """One try: a second one with the same secret only locks the account. The secret is in no word of the error."""
    mailbox, clock = Mailbox(), _Waits()
    async with mail_server(mailbox, starttls=tls.server, login=True) as port:
        settings = _settings(port, Security.STARTTLS, ca_file=tls.ca_file, username=USER, password=WRONG)
        with pytest.raises(MailLoginRefused, match="refused the login: 535") as caught:
            await Smtp(settings, clock).send(_message())

    assert clock.waited == []
    assert WRONG not in f"{caught.value}{caught.value.hint}{caught.value.__cause__!r}"


async def test_not_now_then_success() -> None:
    """A 4xx answer is waited out, longer each time, and the mail arrives once."""
    mailbox, clock = Mailbox(answers=["451 try later", "452 still full", "250 OK"]), _Waits()
    async with mail_server(mailbox) as port:
        await Smtp(_settings(port, retry_wait_s=7), clock).send(_message())

    _arrived(mailbox)
    assert clock.waited == [7, 14]


async def test_not_now_for_ever_ends() -> None:
    """The number of attempts is bounded, and the error says that a later run may try."""
    mailbox, clock = Mailbox(answers=["451 try later"]), _Waits()
    async with mail_server(mailbox) as port:
        with pytest.raises(MailServerBusy, match="451 try later") as caught:
            await Smtp(_settings(port, attempts=3), clock).send(_message())

    assert mailbox.attempts == 3
    assert caught.value.retry
    assert not caught.value.final


@pytest.mark.parametrize(
    "mailbox", [Mailbox(answers=["554 no thanks"]), Mailbox(recipient_answer="550 nobody of that name")]
)
async def test_never_is_final(mailbox: Mailbox) -> None:
    """A 5xx answer, to the mail or to its recipients, is not tried again."""
    clock = _Waits()
    async with mail_server(mailbox) as port:
        with pytest.raises(MailRefused, match=r"answered 55[04] .*no") as caught:
            await Smtp(_settings(port), clock).send(_message())

    assert caught.value.final
    assert clock.waited == []


async def test_a_connection_cut_in_data_is_tried_again() -> None:
    """The second connection gets the mail; its id is the same, should the first have got through after all."""
    mailbox, clock = Mailbox(cut=1), _Waits()
    async with mail_server(mailbox) as port:
        await Smtp(_settings(port), clock).send(_message())

    _arrived(mailbox)
    assert mailbox.attempts == 2
    assert mailbox.received[0]["Message-ID"] == _message()["Message-ID"]


async def test_a_connection_always_cut_is_unreachable() -> None:
    """Named, after the bounded number of attempts."""
    mailbox = Mailbox(cut=99)
    async with mail_server(mailbox) as port:
        with pytest.raises(MailServerUnreachable):
            await Smtp(_settings(port, attempts=2), _Waits()).send(_message())

    assert mailbox.attempts == 2


async def test_nobody_listens() -> None:
    """A closed port is unreachable, with host and port in the words."""
    async with mail_server(Mailbox()) as port:
        pass
    with pytest.raises(MailServerUnreachable, match=rf"127\.0\.0\.1:{port}"):
        await Smtp(_settings(port, attempts=1), SystemClock()).send(_message())


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
        settings = _settings(listener.sockets[0].getsockname()[1], attempts=1, timeout_s=0.3)
        with pytest.raises(MailServerUnreachable):
            await Smtp(settings, SystemClock()).send(_message())
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
