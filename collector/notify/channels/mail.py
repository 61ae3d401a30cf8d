"""Mail: sends what waits in the outbox."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from collector.domain.errors import CollectorError
from collector.notify.channels.channel import Delivery, Message, Surroundings, broken, failed, in_thread
from collector.notify.channels.mail_message import KeptMail, addressed, read
from collector.notify.channels.outbox import Outbox
from collector.notify.channels.smtp import MailDeferred, MailRefused, MailServerError, SmtpSession

_log = structlog.get_logger(__name__)

_GIVEN_UP_AFTER = timedelta(days=5)
"""A mail that is put off for so long is set aside: mail servers themselves give up after that."""


@dataclass(slots=True)
class _Told:
    """What became of one mail: the recipients who have it now, and why others have not."""

    taken_by: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)


class MailChannel:
    """Sends the mails that wait, to the recipients that the configuration names now."""

    name = "mail"

    def __init__(self, around: Surroundings) -> None:
        self._settings = around.notify.smtp
        self._outbox = Outbox(around.notify.outbox.path(around.log_directory))
        self._clock = around.clock
        self._mask = around.mask

    async def tell(self, message: Message) -> tuple[Delivery, ...]:
        """Send the mails that wait, of this run and of earlier ones; try again, a few times, what may pass soon.

        What a mail or a recipient meets concerns no other. Where the server cannot be used, all stay for the next run.
        """
        told: dict[str, _Told] = {}
        errors: list[Exception] = []
        trouble: OSError | MailServerError | None = None
        wait_s = self._settings.retry_wait_s
        for attempt in range(1, self._settings.attempts + 1):
            if attempt > 1:
                said = [self._mask(str(error)) for error in errors]
                _log.info("mail_attempt_failed", attempt=attempt - 1, errors=said, wait_s=wait_s)
                await self._clock.sleep(wait_s)
                wait_s *= 2
            trouble = await self._send_all(told)
            errors = [trouble] if trouble else [error for one in told.values() for error in one.errors]
            if not any(getattr(error, "retry", False) for error in errors):
                break
        own = message.mail.name if message.mail else ""
        deliveries = [one for name in told for one in self._deliveries(told[name], earlier=name != own)]
        if trouble is not None:
            of_this_run = own and not (own in told and told[own].taken_by)
            deliveries.append(replace(failed(self.name, trouble, self._mask), earlier=not of_this_run))
        return tuple(deliveries)

    async def _send_all(self, told: dict[str, _Told]) -> OSError | MailServerError | None:
        """Send every mail that waits, once; return why that ended early, if it did."""
        try:
            claims = self._outbox.claim()
            async with SmtpSession(self._settings, self._clock) as session:
                while (name := await in_thread(self._clock, lambda: next(claims, None))) is not None:
                    await self._send(name, session, told.setdefault(name, _Told()))
        except (MailServerError, OSError) as error:
            return error
        return None

    async def _send(self, name: str, session: SmtpSession, told: _Told) -> None:
        """Send one claimed mail, and give its file the name of what became of it.

        Raises:
            MailServerError: the server cannot be used.
            OSError: the outbox cannot be written.
        """
        told.errors.clear()
        settle: Callable[[str], None] = self._outbox.put_back
        try:
            mail = await in_thread(self._clock, lambda: self._read(name))
            waiting = [one for one in self._settings.recipients if one not in mail.taken_by]
            answers = await session.send(mail.content, waiting)
            told.taken_by += [one for one, error in answers.items() if error is None]
            told.errors += dict.fromkeys(error for error in answers.values() if error is not None)
            deferred = [one for one, error in answers.items() if isinstance(error, MailDeferred)]
            settle = self._settled(mail, deferred, told)
            _log.info("mail_tried", mail=name, taken_by=len(told.taken_by), errors=len(told.errors))
        except MailServerError:
            raise
        except Exception as error:  # noqa: BLE001 - a mail ends here: whatever it does, the others are sent
            told.errors.append(error)
            settle = self._set_aside
        finally:
            # Not in a thread: a cancelled run must not leave the mail claimed.
            settle(name)

    def _read(self, name: str) -> KeptMail:
        try:
            return read(self._outbox.claimed(name))
        except (OSError, ValueError) as error:
            raise MailRefused(f"the mail {name} cannot be read: {error}") from error

    def _settled(self, mail: KeptMail, deferred: list[str], told: _Told) -> Callable[[str], None]:
        """Return what notes what became of a mail: it waits for some, or is sent to at least one, or to nobody."""
        taken_by = mail.taken_by | set(told.taken_by)
        if deferred and self._clock.now() - mail.made_at <= _GIVEN_UP_AFTER:
            if taken_by == mail.taken_by:
                return self._outbox.deferred
            sender = self._settings.from_address
            noted = addressed(mail.content, sender=sender, recipients=deferred, taken_by=taken_by)
            return lambda name: self._outbox.deferred(name, noted)
        return self._outbox.sent if taken_by else self._set_aside

    def _set_aside(self, name: str) -> None:
        self._outbox.refused(name)
        _log.warning("mail_set_aside", mail=f"{name}.refused.eml")

    def _deliveries(self, told: _Told, *, earlier: bool) -> Iterable[Delivery]:
        if told.taken_by:
            yield Delivery(channel=self.name, ok=True, detail=", ".join(told.taken_by), earlier=earlier)
        for error in told.errors:
            if isinstance(error, CollectorError):
                yield replace(failed(self.name, error, self._mask), earlier=earlier)
            else:
                yield replace(broken(self.name, error, self._mask), earlier=earlier)


def configured(around: Surroundings) -> Iterable[MailChannel]:
    """Yield the channel if there is a mail server; without one mails are only kept as files."""
    if around.notify.smtp.host:
        yield MailChannel(around)
