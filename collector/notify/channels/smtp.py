"""Send mail to a mail server.

A session is one verified connection. What goes wrong with the session is raised: every other mail would meet the same.
What a mail or one of its recipients meets is a value, and the next mail is sent.
"""

import contextlib
import ssl
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

import aiosmtplib
import structlog

from collector.clock import Clock
from collector.config.notify_settings import Security, SmtpSettings
from collector.domain.errors import CollectorError
from collector.notify.channels.mail_message import addressed

_log = structlog.get_logger(__name__)

_PERMANENT = 500
"""Reply codes from here on mean never; those below mean not now."""

_CLOSING = 421
"""Whatever it answers, the server closes the connection."""

_TOO_LARGE = 552
"""The one refusal of a sender that is about the mail: with its size, which is told along with the sender."""

_MOST_UNHEARD = 2
"""Mails in a row without an answer. One that a server cannot digest may break it; when two do, it is the server."""


class MailError(CollectorError):
    """A mail was not sent. `retry`: the same may help soon."""

    retry = False


class MailServerError(MailError):
    """The mail server cannot be used; every mail would meet the same."""


class MailServerUnreachable(MailServerError, ConnectionError):  # noqa: N818 - the state, as the other errors are named
    """No connection, or it was cut; a later attempt may help."""

    retry = True


class MailServerBusy(MailServerError):  # noqa: N818
    """The server answered 4xx to the session: not now; a later attempt may help."""

    retry = True


class MailServerUntrusted(MailServerError):  # noqa: N818
    """The server's certificate is not to be trusted, or it offers no encryption: nothing was sent, not even a login."""


class MailServerRefused(MailServerError):  # noqa: N818
    """The server answered 5xx to the session or to the sender."""


class MailLoginRefused(MailServerRefused):
    """The server refused user name or login secret."""


class MailDeferred(MailError):  # noqa: N818
    """The server did not take this mail now, for this recipient: it answered 4xx, or the connection was cut."""

    retry = True


class MailUnanswered(MailDeferred):
    """The server went silent over this mail. To try again soon would cost the time-out once more."""

    retry = False


class MailRefused(MailError):  # noqa: N818
    """The server will never take this mail, or this recipient: it answered 5xx, or cannot write the address."""


class SmtpSession:
    """A session with the mail server: connected when the first mail is sent, and again after a cut.

    Args:
        settings: where, how protected, as whom.
        clock: simulated time stands still while the server is awaited.
    """

    def __init__(self, settings: SmtpSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._where = f"{settings.host}:{settings.port}"
        self._client: aiosmtplib.SMTP | None = None
        self._unheard = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None and kind is None:
            # What is accepted is accepted, however the server says good-bye.
            with self._clock.hold(), contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await self._client.quit()
        self._drop()

    async def send(self, content: bytes, recipients: Iterable[str]) -> Mapping[str, MailError | None]:
        """Send one mail, once, to each recipient by himself: what one of them meets, the others do not.

        A mail whose acknowledgement was lost may arrive twice; its Message-ID stays the same.

        Args:
            content: the bytes of the mail; its addresses are replaced.
            recipients: as `mail_address` returns them.

        Returns:
            For each recipient why he did not get it, None where the server took it.

        Raises:
            MailServerError: the server cannot be used; the subclass says why and whether a later attempt may help.
        """
        wanted = list(recipients)
        answers: dict[str, MailError | None] = {}
        heard = not wanted
        for recipient in wanted:
            try:
                with self._clock.hold():
                    answers[recipient] = await self._transaction(content, recipient)
                heard = True
            except MailDeferred as error:
                self._drop()
                answers[recipient] = error
            except MailServerError as error:
                self._drop()
                if not answers:
                    raise
                answers = dict.fromkeys(wanted, MailDeferred(error.message, error.hint)) | answers
                break
            except BaseException:
                self._drop()  # nobody knows what the server waits for now
                raise
        self._unheard = 0 if heard else self._unheard + 1
        return answers

    async def _transaction(self, content: bytes, recipient: str) -> MailError | None:
        """Send one mail to one recipient; return why he did not get it.

        Raises:
            MailServerError: the server cannot be used.
            MailDeferred: the connection was cut.
        """
        client, sender = await self._connected(), self._settings.from_address
        utf8 = not (sender + recipient).isascii()
        if utf8 and not client.supports_extension("smtputf8"):
            return self._unwritable(recipient)
        message = addressed(content, sender=sender, recipients=[recipient])
        try:
            await client.sendmail(sender, [recipient], message, mail_options=["SMTPUTF8"] if utf8 else [])
        except aiosmtplib.SMTPSenderRefused as error:
            if error.code >= _PERMANENT and error.code != _TOO_LARGE:
                raise MailServerRefused(
                    f"mail server {self._where} refused the sender {sender}: {error.code} {error.message}",
                    "Check notify.smtp.sender and the login: many providers take only the account's own address.",
                ) from error
            return self._answered(error.code, error.message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return self._answered(error.recipients[0].code, f"{recipient}: {error.recipients[0].message}")
        except aiosmtplib.SMTPResponseException as error:
            return self._answered(error.code, error.message)
        except TimeoutError as error:
            raise MailUnanswered(
                f"mail server {self._where} gave no answer within {self._settings.timeout_s:g} s"
            ) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailDeferred(f"mail server {self._where}: the connection was cut ({_words(error)})") from error
        return None

    def _answered(self, code: int, words: str) -> MailError:
        """Name what the server said to a mail.

        Raises:
            MailDeferred: it closes the connection, or what it said is no answer at all.
        """
        said = f"mail server {self._where} answered {code} {words}"
        if code <= 0 or code == _CLOSING:
            raise MailDeferred(said)
        return MailRefused(said) if code >= _PERMANENT else MailDeferred(said)

    def _unwritable(self, recipient: str) -> MailError:
        """Return why a server without SMTPUTF8 gets no mail for a recipient.

        Raises:
            MailServerRefused: it is the sender, so nobody gets any.
        """
        said = f"mail server {self._where} takes only ASCII addresses"
        if not self._settings.from_address.isascii():
            raise MailServerRefused(f"{said}, and the sender is none", "Set notify.smtp.sender to another address.")
        return MailRefused(f"{said}, not {recipient}", "Give an ASCII address in notify.smtp.recipients.")

    async def _connected(self) -> aiosmtplib.SMTP:
        """Return the connection, encrypted and logged in, made anew where there is none.

        Raises:
            MailServerError: there can be none.
        """
        if self._client is not None and self._client.is_connected:
            return self._client
        if self._unheard >= _MOST_UNHEARD:
            raise MailServerUnreachable(
                f"mail server {self._where}: it had no answer to {self._unheard} mails in a row"
            )
        settings = self._settings
        try:
            self._client = aiosmtplib.SMTP(
                hostname=settings.host,
                port=settings.port,
                timeout=settings.timeout_s,
                use_tls=settings.security is Security.TLS,
                start_tls=settings.security is Security.STARTTLS,
                tls_context=_tls_context(settings),
            )
            await self._client.connect()
            if settings.username and (secret := settings.password.get_secret_value()):
                await self._client.login(settings.username, secret)
            await self._client.noop()  # says hello, if nothing has: what the server offers is known from here on
        except aiosmtplib.SMTPException as error:
            raise _named(self._where, error) from error
        except ssl.SSLError as error:
            raise _untrusted(self._where, error) from error
        except Exception as error:  # whatever it is, no mail has met it yet: all of them stay
            raise MailServerUnreachable(f"mail server {self._where}: {_words(error)}") from error
        return self._client

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _words(error: Exception) -> str:
    strerror = error.strerror if isinstance(error, OSError) else ""
    return strerror or str(error) or type(error).__name__


def _tls_context(settings: SmtpSettings) -> ssl.SSLContext | None:
    if settings.security is Security.NONE:
        return None
    context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _untrusted(where: str, error: BaseException) -> MailServerError:
    return MailServerUntrusted(
        f"mail server {where}: its certificate is not trusted ({error})",
        "Check host and port; a private server's certificate authority belongs in notify.smtp.ca_file.",
    )


def _named(where: str, error: aiosmtplib.SMTPException) -> MailServerError:
    """Name a failure of the session; the server's words are kept, the login never is."""
    if isinstance(error.__cause__, ssl.SSLError) or isinstance(error.__context__, ssl.SSLError):
        return _untrusted(where, error.__cause__ or error)
    # A missing STARTTLS comes as the bare base class.
    if isinstance(error, aiosmtplib.SMTPNotSupported) or "not supported by server" in str(error):
        return MailServerUntrusted(
            f"mail server {where}: {error}", "Check port and security: 587 is starttls, 465 is tls."
        )
    if not isinstance(error, aiosmtplib.SMTPResponseException) or error.code <= 0:
        return MailServerUnreachable(f"mail server {where}: {error}")
    if error.code < _PERMANENT:
        return MailServerBusy(f"mail server {where} answered {error.code} {error.message}")
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return MailLoginRefused(
            f"mail server {where} refused the login: {error.code} {error.message}",
            "Check notify.smtp.username and its secret; many providers want an application password.",
        )
    return MailServerRefused(f"mail server {where} answered {error.code} {error.message}", "Check notify.smtp.")
