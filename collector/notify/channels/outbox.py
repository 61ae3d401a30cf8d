"""Keep every mail, and queue what is to be sent.

Every mail is kept as .eml and .html, and one that could not be sent is sent by a later run, once.

A mail's state is in its file name, and changes by one atomic rename: NAME.queued.eml, NAME.sending.eml,
NAME.deferred.eml (it was tried, and goes after those that were not), NAME.eml (sent, or kept where no mail server is
configured), NAME.refused.eml (it will never be taken, or cannot be read).
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import structlog

from collector.machine import private_files
from collector.notify.channels.channel import Delivery, Message, Surroundings, broken, failed, in_thread
from collector.notify.channels.mail_message import compose
from collector.notify.reports.mail_rendering import page

_log = structlog.get_logger(__name__)

_DAY_S = 86_400.0
_ABANDONED_AFTER_S = 900.0
"""A mail that has been "sending" for longer belongs to a process that died: it waits again, behind the others."""

_UNSENT = (".queued.eml", ".deferred.eml", ".sending.eml")
_STATES = (*_UNSENT, ".refused.eml", ".eml")
_UNFINISHED = ".new-"
"""What a process that was killed has left of a file begins so; see `private_files.write`."""


class MailState(StrEnum):
    """How a mail stands. SENT: or kept only, where no mail server is configured; SET_ASIDE: it will never be sent."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    SENDING = "sending"
    SET_ASIDE = "set_aside"
    SENT = "sent"


_STATE_OF = {
    ".queued.eml": MailState.QUEUED,
    ".deferred.eml": MailState.DEFERRED,
    ".sending.eml": MailState.SENDING,
    ".refused.eml": MailState.SET_ASIDE,
    ".eml": MailState.SENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A mail in the outbox. path: of its .eml; bytes: its size; changed_at: when its file was written last."""

    name: str
    state: MailState
    path: Path
    bytes: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Outbox:
    """A folder of mails."""

    directory: Path

    def listed(self) -> tuple[Listed, ...]:
        """Return every mail, the latest first by name, which begins with when it was made."""
        found = []
        for path in sorted(self.directory.glob("*.eml"), reverse=True):
            ending = next(one for one in _STATES if path.name.endswith(one))
            with contextlib.suppress(FileNotFoundError):  # its state has just changed: another look shows it
                facts = path.stat()
                found.append(
                    Listed(
                        name=path.name.removesuffix(ending),
                        state=_STATE_OF[ending],
                        path=path,
                        bytes=facts.st_size,
                        changed_at=datetime.fromtimestamp(facts.st_mtime, UTC),
                    )
                )
        return tuple(found)

    def html(self, name: str) -> Path:
        """Return where the page of a mail lies, its pictures inside, whether or not it is there."""
        return self._file(name, ".html")

    def keep(self, name: str, content: bytes, html: str, *, queue: bool) -> bool:
        """Write a mail to disk, as .eml and, to be looked at in a browser, as .html.

        Args:
            name: a safe file name without extension.
            content: the mail.
            html: the page, its pictures inside.
            queue: whether it is to be sent.

        Returns:
            False when a mail of this name is already there, in any state; it is then left as it is.
        """
        if any(self._file(name, state).exists() for state in _STATES):
            return False
        private_files.write(self._file(name, ".html"), html.encode("utf-8", "replace"))
        private_files.write(self._file(name, ".queued.eml" if queue else ".eml"), content)
        return True

    def claim(self) -> Iterator[str]:
        """Yield the names of the mails that wait, each claimed for this process when it is yielded.

        Those that nobody has tried go first, oldest first; then those that were put off, longest untouched first: a
        mail that a server cannot digest is in nobody's way.
        """
        self._defer_abandoned()
        for name, path in self._waiting():
            sending = self._file(name, ".sending.eml")
            try:
                path.rename(sending)
            except FileNotFoundError:
                continue  # another process was faster
            with contextlib.suppress(OSError):  # another user's file, or none: that is found out when it is read
                os.utime(sending)
            yield name

    def claimed(self, name: str) -> bytes:
        """Return the bytes of a claimed mail.

        Raises:
            OSError: the file cannot be read.
        """
        return self._file(name, ".sending.eml").read_bytes()

    def sent(self, name: str) -> None:
        """Note that a claimed mail was sent."""
        self._rename(name, ".eml")

    def put_back(self, name: str) -> None:
        """Queue a claimed mail again, as if it had not been tried."""
        self._rename(name, ".queued.eml")

    def deferred(self, name: str, content: bytes | None = None) -> None:
        """Note that a claimed mail was not taken now: it waits, as it is or as what is given."""
        if content is not None:
            private_files.write(self._file(name, ".sending.eml"), content)
        self._rename(name, ".deferred.eml")

    def refused(self, name: str) -> None:
        """Note that a claimed mail will never be taken; it stays to be read."""
        self._rename(name, ".refused.eml")

    def was_refused(self, name: str) -> bool:
        """Return whether the server will never take a mail."""
        return self._file(name, ".refused.eml").exists()

    def prune(self, keep_days: int, now_s: float | None = None) -> int:
        """Delete mails older than so many days; return how many files went.

        One that still waits is set aside instead, and kept as long again: nobody has it, and the clock may be wrong.

        Args:
            keep_days: age in days.
            now_s: the instant that it is now, seconds since the epoch as files have it; the machine's time by default.
        """
        if not self.directory.is_dir():
            return 0
        now_s = time.time() if now_s is None else now_s
        gone = 0
        for path in sorted(self.directory.iterdir()):
            if path.is_dir():
                continue  # no mail, whatever its name is
            with contextlib.suppress(FileNotFoundError):
                ours = path.suffix in (".eml", ".html") or path.name.startswith(_UNFINISHED)
                if not ours or now_s - path.stat().st_mtime <= keep_days * _DAY_S:
                    continue
                state = next((one for one in _UNSENT if path.name.endswith(one)), None)
                if state is None:
                    path.unlink()
                    gone += 1
                else:
                    refused = self._file(path.name.removesuffix(state), ".refused.eml")
                    path.rename(refused)
                    with contextlib.suppress(PermissionError):  # another user's file goes with the next pruning
                        os.utime(refused, (now_s, now_s))
                    _log.warning("mail_set_aside", mail=refused.name, unsent_days=keep_days)
        return gone

    def waiting(self) -> tuple[str, ...]:
        """Return the names of the mails that wait to be sent, in the order in which they will be tried."""
        return tuple(name for name, _ in self._waiting())

    def set_aside(self) -> tuple[str, ...]:
        """Return the names of the mails that will never be taken, oldest first."""
        refused = ".refused.eml"
        return tuple(path.name.removesuffix(refused) for path in sorted(self.directory.glob(f"*{refused}")))

    def _waiting(self) -> list[tuple[str, Path]]:
        untried, tried = ".queued.eml", ".deferred.eml"
        queued = sorted(self.directory.glob(f"*{untried}"))
        put_off = sorted(self.directory.glob(f"*{tried}"), key=_modified)
        return [
            *((path.name.removesuffix(untried), path) for path in queued),
            *((path.name.removesuffix(tried), path) for path in put_off),
        ]

    def _defer_abandoned(self) -> None:
        for path in self.directory.glob("*.sending.eml"):
            if abs(time.time() - _modified(path)) > _ABANDONED_AFTER_S:  # also where the clock has been set back
                self._rename(path.name.removesuffix(".sending.eml"), ".deferred.eml")

    def _file(self, name: str, state: str) -> Path:
        return self.directory / f"{name}{state}"

    def _rename(self, name: str, state: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._file(name, ".sending.eml").rename(self._file(name, state))


def _modified(path: Path) -> float:
    """Return when a file was written last, in seconds; now where another process has just taken it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


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
        try:
            content = compose(mail, sender=smtp.from_address, recipients=smtp.recipients, host=self._host)
            self._outbox.keep(mail.name, content, page(mail), queue=bool(smtp.host))
        except OSError as error:
            return (failed(self.name, error, self._mask),)
        except Exception as error:  # noqa: BLE001 - a run ends here: whatever breaks in telling must not break the run
            return (broken(self.name, error, self._mask),)
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
