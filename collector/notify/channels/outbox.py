"""Keep every mail, and send later what could not be.

Every mail is kept as .eml and .html, and one that could not be sent is sent by the next run, once.

A mail's state is in its file name, and changes by one atomic rename: NAME.queued.eml, NAME.sending.eml, NAME.eml (sent,
or kept where no mail server is configured), NAME.refused.eml (the server will never take it).
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from collector.machine import private_files
from collector.notify.channels.channel import Delivery, Message, Surroundings, failed, in_thread
from collector.notify.channels.mail_message import message as envelope_of
from collector.notify.reports.mail_rendering import page

_DAY_S = 86_400.0
_ABANDONED_AFTER_S = 900.0
"""A mail that has been "sending" for longer belongs to a process that died: it is queued again."""

_STATES = (".queued.eml", ".sending.eml", ".refused.eml", ".eml")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail that this process alone may send now."""

    name: str
    message: EmailMessage


@dataclass(frozen=True, slots=True)
class Outbox:
    """A folder of mails."""

    directory: Path

    def keep(self, name: str, message: EmailMessage, html: str, *, queue: bool) -> bool:
        """Write a mail to disk, as .eml and, to be looked at in a browser, as .html.

        Args:
            name: a safe file name without extension.
            message: the mail.
            html: the page, its pictures inside.
            queue: whether it is to be sent.

        Returns:
            False when a mail of this name is already there, in any state; it is then left as it is.
        """
        if any((self.directory / f"{name}{state}").exists() for state in _STATES):
            return False
        private_files.write(self.directory / f"{name}.html", html.encode("utf-8", "replace"))
        private_files.write(self.directory / f"{name}{'.queued' if queue else ''}.eml", message.as_bytes())
        return True

    def claim(self) -> Iterator[Claimed]:
        """Yield the queued mails, oldest first, each claimed for this process when it is yielded."""
        if not self.directory.is_dir():
            return
        self._requeue_abandoned()
        for path in sorted(self.directory.glob("*.queued.eml")):
            name = path.name.removesuffix(".queued.eml")
            sending = self.directory / f"{name}.sending.eml"
            try:
                path.rename(sending)
            except FileNotFoundError:
                continue  # another process was faster
            os.utime(sending)
            parsed = message_from_bytes(sending.read_bytes(), policy=SMTP)
            if isinstance(parsed, EmailMessage):
                yield Claimed(name, parsed)

    def sent(self, name: str) -> None:
        """Note that a claimed mail was sent."""
        self._rename(name, ".eml")

    def put_back(self, name: str) -> None:
        """Queue a claimed mail again: the next run tries it."""
        self._rename(name, ".queued.eml")

    def refused(self, name: str) -> None:
        """Note that the server will never take a claimed mail; it stays to be read."""
        self._rename(name, ".refused.eml")

    def was_refused(self, name: str) -> bool:
        """Return whether the server will never take a mail."""
        return (self.directory / f"{name}.refused.eml").exists()

    def prune(self, keep_days: int, now_s: float | None = None) -> int:
        """Delete mails older than so many days, whatever their state; return how many files went.

        Args:
            keep_days: age in days.
            now_s: the instant that it is now, seconds since the epoch as files have it; the machine's time by default.
        """
        if not self.directory.is_dir():
            return 0
        oldest = (time.time() if now_s is None else now_s) - keep_days * _DAY_S
        gone = 0
        for path in self.directory.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.suffix in (".eml", ".html") and path.stat().st_mtime < oldest:
                    path.unlink()
                    gone += 1
        return gone

    def waiting(self) -> tuple[str, ...]:
        """Return the names of the mails that wait to be sent, oldest first."""
        return tuple(sorted(path.name.removesuffix(".queued.eml") for path in self.directory.glob("*.queued.eml")))

    def _requeue_abandoned(self) -> None:
        for path in self.directory.glob("*.sending.eml"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_S:
                    path.rename(path.with_name(f"{path.name.removesuffix('.sending.eml')}.queued.eml"))

    def _rename(self, name: str, state: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self.directory / f"{name}.sending.eml").rename(self.directory / f"{name}{state}")


class OutboxChannel:
    """Keeps each mail, and queues it where there is a mail server to send it."""

    name = "outbox"

    def __init__(self, around: Surroundings) -> None:
        self._smtp = around.notify.smtp
        self._keep_days = around.notify.outbox.keep_days
        self._outbox = Outbox(around.notify.outbox.path(around.log_directory))
        self._clock = around.clock
        self._mask = around.mask
        self._host = around.host

    @property
    def directory(self) -> Path:
        """Return where the mails are kept."""
        return self._outbox.directory

    async def tell(self, message: Message) -> tuple[Delivery, ...]:
        """Keep the mail of a message."""
        return await in_thread(self._clock, lambda: self.keep(message))

    def keep(self, message: Message) -> tuple[Delivery, ...]:
        """Do what `tell` does, in this thread."""
        mail, smtp = message.mail, self._smtp
        if mail is None:
            return ()
        envelope = envelope_of(mail, sender=smtp.from_address, recipients=smtp.recipients, host=self._host)
        try:
            self._outbox.keep(mail.name, envelope, page(mail), queue=bool(smtp.host))
        except OSError as error:
            return (failed(self.name, error, self._mask),)
        return (Delivery(channel=self.name, ok=True, detail=str(self.directory / f"{mail.name}.html")),)

    def prune(self) -> tuple[Delivery, ...]:
        """Delete old mails; say so only if that fails."""
        try:
            self._outbox.prune(self._keep_days)
        except OSError as error:
            return (failed(self.name, error, self._mask),)
        return ()

    def was_refused(self, name: str) -> bool:
        """Return whether the mail server will never take a mail."""
        return self._outbox.was_refused(name)
