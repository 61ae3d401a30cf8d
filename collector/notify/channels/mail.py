"""Mail: sends what waits in the outbox."""

from collections.abc import Iterable

import structlog

from collector.notify.channels.channel import Delivery, Message, Surroundings, failed, in_thread
from collector.notify.channels.outbox import Claimed, Outbox
from collector.notify.channels.smtp import MailError, Smtp

_log = structlog.get_logger(__name__)


class MailChannel:
    """Sends the queued mails through the mail server of the configuration."""

    name = "mail"

    def __init__(self, around: Surroundings) -> None:
        self._recipients = around.notify.smtp.recipients
        self._smtp = Smtp(around.notify.smtp, around.clock)
        self._outbox = Outbox(around.notify.outbox.path(around.log_directory))
        self._clock = around.clock
        self._mask = around.mask

    async def tell(self, message: Message) -> tuple[Delivery, ...]:  # noqa: ARG002 - the outbox has queued its mail
        """Send the mails that wait in the outbox; stop at the first sign that the server cannot be used now."""
        results: list[Delivery] = []
        try:
            claims = self._outbox.claim()
            while (claimed := await in_thread(self._clock, lambda: next(claims, None))) is not None:
                result, go_on = await self._send(claimed)
                results.append(result)
                if not go_on:
                    break
        except OSError as error:
            results.append(failed(self.name, error, self._mask))
        return tuple(results)

    async def _send(self, claimed: Claimed) -> tuple[Delivery, bool]:
        """Send one claimed mail; return what happened and whether the next one is worth a try."""
        settle = self._outbox.put_back
        try:
            await self._smtp.send(claimed.message)
            settle = self._outbox.sent
        except MailError as error:
            if error.final:
                settle = self._outbox.refused
            return failed(self.name, error, self._mask), error.final
        finally:
            # Not in a thread: a cancelled run must not leave the mail claimed.
            settle(claimed.name)
        _log.info("mail_sent", mail=claimed.name)
        return Delivery(channel=self.name, ok=True, detail=", ".join(self._recipients)), True


def configured(around: Surroundings) -> Iterable[MailChannel]:
    """Yield the channel if there is a mail server; without one mails are only kept as files."""
    if around.notify.smtp.host:
        yield MailChannel(around)
