"""Send mail to a mail server.

One connection, verified, a bounded number of attempts, every failure with a name.
"""

import ssl
from email.message import EmailMessage

import aiosmtplib
import structlog

from collector.clock import Clock
from collector.config.notify_settings import Security, SmtpSettings
from collector.domain.errors import CollectorError

_log = structlog.get_logger(__name__)

_PERMANENT = 500
"""Reply codes from here on mean never; those below mean not now."""


class MailError(CollectorError):
    """A mail was not sent. `retry`: the same attempt may help soon. `final`: this mail will never be taken."""

    retry = False
    final = False


class MailServerUnreachable(MailError, ConnectionError):  # noqa: N818 - the state, as the other errors are named
    """No connection, or it was cut; a later attempt may help."""

    retry = True


class MailServerBusy(MailError):  # noqa: N818
    """The server answered 4xx: not now; a later attempt may help."""

    retry = True


class MailServerUntrusted(MailError):  # noqa: N818
    """The server's certificate is not to be trusted, or it offers no encryption: nothing was sent, not even a login."""


class MailLoginRefused(MailError):  # noqa: N818
    """The server refused user name or login secret."""


class MailRefused(MailError):  # noqa: N818
    """The server answered 5xx: it does not take this mail, sender or recipient."""

    final = True


class Smtp:
    """Sends messages through one mail server.

    Args:
        settings: where, how protected, as whom, how often.
        clock: waits between attempts; simulated time stands still while the server is awaited.
    """

    def __init__(self, settings: SmtpSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def send(self, message: EmailMessage) -> None:
        """Send one message, again after a transient failure, at most `attempts` times.

        A message whose acknowledgement was lost may arrive twice; its Message-ID stays the same.

        Raises:
            MailError: it was not sent; the subclass says why and whether a later attempt may help.
        """
        wait_s = self._settings.retry_wait_s
        for attempt in range(1, self._settings.attempts + 1):
            try:
                await self._attempt(message)
            except MailError as error:
                if not error.retry or attempt == self._settings.attempts:
                    raise
                _log.info("mail_attempt_failed", attempt=attempt, error=error.message, wait_s=wait_s)
                await self._clock.sleep(wait_s)
                wait_s *= 2
            else:
                return

    async def _attempt(self, message: EmailMessage) -> None:
        settings = self._settings
        where = f"{settings.host}:{settings.port}"
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout_s,
            use_tls=settings.security is Security.TLS,
            start_tls=settings.security is Security.STARTTLS,
            tls_context=_tls_context(settings),
        )
        try:
            with self._clock.hold():
                await self._converse(client, message)
        except ssl.SSLError as error:
            raise _untrusted(where, error) from error
        except aiosmtplib.SMTPException as error:
            raise _named(where, error) from error
        except OSError as error:
            raise MailServerUnreachable(f"mail server {where}: {error.strerror or type(error).__name__}") from error
        finally:
            client.close()

    async def _converse(self, client: aiosmtplib.SMTP, message: EmailMessage) -> None:
        await client.connect()
        secret = self._settings.password.get_secret_value()
        if self._settings.username and secret:
            await client.login(self._settings.username, secret)
        sender, recipients = ([address.addr_spec for address in message[name].addresses] for name in ("From", "To"))
        # As it is written: the client's own send_message would fold headers anew, by another policy.
        refused, _ = await client.sendmail(sender[0], recipients, message.as_bytes())
        for recipient, answer in refused.items():
            _log.warning("mail_recipient_refused", recipient=recipient, code=answer.code, said=answer.message)
        try:
            await client.quit()
        except (aiosmtplib.SMTPException, OSError) as error:
            # The mail is accepted; how the server says good-bye changes nothing.
            _log.debug("mail_server_left_early", error=type(error).__name__)


def _tls_context(settings: SmtpSettings) -> ssl.SSLContext | None:
    if settings.security is Security.NONE:
        return None
    context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _untrusted(where: str, error: BaseException) -> MailError:
    return MailServerUntrusted(
        f"mail server {where}: its certificate is not trusted ({error})",
        "Check host and port; a private server's certificate authority belongs in notify.smtp.ca_file.",
    )


def _named(where: str, error: aiosmtplib.SMTPException) -> MailError:
    """Name a failure of the conversation; the server's words are kept, the login never is."""
    if isinstance(error.__cause__, ssl.SSLError) or isinstance(error.__context__, ssl.SSLError):
        return _untrusted(where, error.__cause__ or error)
    # A missing STARTTLS comes as the bare base class.
    if isinstance(error, aiosmtplib.SMTPNotSupported) or "not supported by server" in str(error):
        return MailServerUntrusted(
            f"mail server {where}: {error}", "Check port and security: 587 is starttls, 465 is tls."
        )
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        worst = max(error.recipients, key=lambda refusal: refusal.code)
        return _answered(where, worst.code, f"{worst.recipient}: {worst.message}")
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code > 0:
        login = isinstance(error, aiosmtplib.SMTPAuthenticationError)
        return _answered(where, error.code, error.message, login=login)
    return MailServerUnreachable(f"mail server {where}: {error}")


def _answered(where: str, code: int, words: str, *, login: bool = False) -> MailError:
    if code < _PERMANENT:
        return MailServerBusy(f"mail server {where} answered {code} {words}")
    if login:
        return MailLoginRefused(
            f"mail server {where} refused the login: {code} {words}",
            "Check notify.smtp.username and its secret; many providers want an application password.",
        )
    return MailRefused(f"mail server {where} answered {code} {words}")
