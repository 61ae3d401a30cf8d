"""A real mail server on loopback, in the test's own event loop, that can be told to misbehave."""

import asyncio
import contextlib
import ipaddress
import ssl
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collector.config import NotifySettings

USER = "owner@example.org"
PASSWORD = "correct horse – battery"  # noqa: S105 - the test server's own


def mails_to(port: int) -> NotifySettings:
    """Return a configuration that mails the owner by way of the server on a port."""
    smtp = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "collector@example.org",
        "recipients": [USER],
    }
    return NotifySettings.model_validate({"smtp": smtp})


@dataclass
class Mailbox:
    """What the server received, and how it answers.

    answers: replies to DATA, one after the other; the last one stays. judge: gives the reply to a mail for a recipient
    instead. "cut" cuts the connection, "silence" says nothing. cut: connections to cut in DATA. sender_answer,
    recipient_answers: replies to MAIL and RCPT. utf8: whether SMTPUTF8 is offered.
    """

    received: list[EmailMessage] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=lambda: ["250 OK"])
    recipient_answers: Mapping[str, str] = field(default_factory=dict)
    sender_answer: str = "250 OK"
    judge: Callable[[EmailMessage, str], str] | None = None
    utf8: bool = True
    cut: int = 0
    attempts: int = 0
    connections: int = 0

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a sender, or not."""
        if self.sender_answer.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.sender_answer

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        answer = self.recipient_answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail, refuse it, or cut the connection in the middle."""
        self.attempts += 1
        assert isinstance(envelope.content, bytes)
        parsed = message_from_bytes(envelope.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        if self.judge is not None:
            answer = self.judge(parsed, envelope.rcpt_tos[0])
        else:
            answer = self.answers.pop(0) if len(self.answers) > 1 and not self.cut else self.answers[0]
        if self.cut or answer == "cut":
            self.cut = max(0, self.cut - 1)
            _transport(server).abort()
        if answer in ("cut", "silence") or server.transport is None or _transport(server).is_closing():
            await asyncio.sleep(3600)
        if answer.startswith("250"):
            self.received.append(parsed)
            self.contents.append(envelope.content)
            self.recipients.append(list(envelope.rcpt_tos))
            self.encrypted.append(
                session.ssl is not None or _transport(server).get_extra_info("ssl_object") is not None
            )
        return answer

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        """Check user and password."""
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        right = data.login.decode() == USER and data.password.decode() == PASSWORD
        return AuthResult(success=right, handled=False)


@contextlib.asynccontextmanager
async def mail_server(
    mailbox: Mailbox,
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    login: bool = False,
) -> AsyncIterator[int]:
    """Serve on a free loopback port and yield it: plain, with TLS from the start, or with STARTTLS required."""
    loop = asyncio.get_running_loop()
    servers: list[SMTP] = []

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            # aiosmtpd does not see that the listener itself speaks TLS, and warns of logins in the clear.
            warnings.simplefilter("ignore", UserWarning)
            server = SMTP(
                mailbox,
                hostname="test.example.org",
                ident="test",
                enable_SMTPUTF8=mailbox.utf8,
                tls_context=starttls,
                require_starttls=starttls is not None,
                auth_required=login,
                auth_require_tls=tls is None,
                authenticator=mailbox.authenticate,
                loop=loop,
            )
        servers.append(server)
        mailbox.connections += 1
        return server

    listener = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for server in servers:
            # A TLS transport that was closed twice has let go of its protocol: there is nothing left to abort.
            if server.transport is not None and not _transport(server).is_closing():
                _transport(server).abort()
            if server._handler_coroutine is not None:
                server._handler_coroutine.cancel()
        await listener.wait_closed()
        await asyncio.sleep(0)


def _transport(server: SMTP) -> asyncio.Transport:
    assert isinstance(server.transport, asyncio.Transport)
    return server.transport


@dataclass(frozen=True)
class Certificates:
    """A certificate authority's file and a server context with a certificate of it."""

    ca_file: Path
    server: ssl.SSLContext


def certificates(directory: Path, host: str = "127.0.0.1") -> Certificates:
    """Make a certificate authority and a server certificate for a host name or address."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    ca_builder = _builder(ca_name, ca_name, ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    ca = _with_key_ids(ca_builder, ca_key.public_key(), ca_key.public_key()).sign(ca_key, hashes.SHA256())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    builder = _builder(name, ca_name, key.public_key()).add_extension(
        x509.SubjectAlternativeName([_general_name(host)]), critical=False
    )
    leaf = _with_key_ids(builder, key.public_key(), ca_key.public_key()).sign(ca_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    ca_file, chain = directory / "ca.pem", directory / "server.pem"
    ca_file.write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain.write_bytes(private + leaf.public_bytes(pem))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    return Certificates(ca_file, context)


def _builder(name: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )


def _with_key_ids(
    builder: x509.CertificateBuilder, own: ec.EllipticCurvePublicKey, issuer: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
