"""A channel: one way to reach the owner."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import structlog

from collector.clock import Clock
from collector.config.notify_settings import NotifySettings
from collector.config.operation_settings import DeadManSettings
from collector.domain.errors import CollectorError
from collector.domain.masking import Mask
from collector.domain.reports.run_report import RunReport
from collector.notify.alerts.notices import Notice
from collector.notify.alerts.troubleshooting import traceback_without_values
from collector.notify.channels.mail_message import Mail

_log = structlog.get_logger(__name__)

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is told on one occasion: a run's end, a week's, a test. No text in it holds a secret.

    subject: one line. brief: two lines at most. notices: the alerts and recoveries that this channel tells. mail: None
    where there is nothing to mail. report: of the run that ended, whether or not there is anything to tell about it.
    test: an example, to be shown whatever the settings leave out.
    """

    subject: str
    brief: str = ""
    notices: tuple[Notice, ...] = ()
    mail: Mail | None = None
    report: RunReport | None = None
    test: bool = False

    def on(self, channel: str) -> "Message":
        """Return the message with the notices that a channel tells."""
        return replace(self, notices=tuple(notice for notice in self.notices if notice.goes_to(channel)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one channel did: `detail` is an address, a path, or why it failed. earlier: of what an earlier run left."""

    channel: str
    ok: bool
    detail: str = ""
    earlier: bool = False


class Channel(Protocol):
    """One way to reach the owner; a file of its own, a line in the registry, a section in the configuration."""

    @property
    def name(self) -> str:
        """Return what the configuration and deliveries call it."""

    async def tell(self, message: Message) -> tuple[Delivery, ...]:
        """Tell of a message what this channel is for, and return what was done: nothing when nothing was to do.

        It gets every message, also of runs about which there is nothing to tell, with the notices that go to this
        channel; secrets are masked before. It never raises for a foreseeable failure: that is a delivery which is not
        ok. It never takes longer than its own time-outs allow.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What channels are made of.

    notify, dead_man: the sections of the configuration. log_directory: below it lies the outbox by default. mask: for
    the words of errors. host: the name of this machine.
    """

    notify: NotifySettings
    dead_man: DeadManSettings
    log_directory: Path
    clock: Clock
    mask: Mask
    host: str = ""


def failed(channel: str, error: CollectorError | OSError | ValueError, mask: Mask) -> Delivery:
    """Log that a channel failed in a foreseeable way, and return that as its delivery."""
    said = mask(str(error) or type(error).__name__)
    hint = error.hint if isinstance(error, CollectorError) else ""
    _log.warning("channel_failed", channel=channel, error=said, **({"hint": mask(hint)} if hint else {}))
    return Delivery(channel=channel, ok=False, detail=said)


def broken(channel: str, error: Exception, mask: Mask) -> Delivery:
    """Log that a channel failed in a way that nobody foresaw, and return that as its delivery."""
    said = mask(f"{type(error).__name__}: {error}")
    _log.error("channel_broken", channel=channel, error=said, traceback=mask(traceback_without_values(error)))
    return Delivery(channel=channel, ok=False, detail=said)


def told_nobody(deliveries: Iterable[Delivery]) -> tuple[Delivery, ...]:
    """Return what failed on an occasion of which nobody could be told; nothing where somebody was, or had not to be.

    Files tell nobody where there is another channel, and a ping of the dead man's switch tells no more than that.
    """
    own = [one for one in deliveries if not one.earlier and one.channel != "dead_man"]
    to_people = [one for one in own if one.channel != "outbox"] or own
    return () if any(one.ok for one in to_people) else tuple(one for one in own if not one.ok)


async def in_thread(clock: Clock, act: Callable[[], ResultT]) -> ResultT:
    """Do something that blocks in a thread; simulated time stands still meanwhile."""
    with clock.hold():
        return await asyncio.to_thread(act)
