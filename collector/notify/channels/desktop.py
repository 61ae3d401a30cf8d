"""Notify on the desktop.

Notifications of the desktop: osascript on macOS, notify-send on Linux. Texts travel as arguments, never as code.
"""

import asyncio
import shutil
import sys
from collections.abc import Iterable, Sequence

from collector.clock import Clock
from collector.config.notify_settings import Severity
from collector.domain.errors import CollectorError
from collector.domain.run_vocabulary import RunStatus
from collector.machine.child_environment import child_environment
from collector.notify.channels.channel import Delivery, Message, Surroundings, failed
from collector.notify.channels.mail_message import one_line

_TIME_LIMIT_S = 10.0
_LONGEST_TITLE = 120
_LONGEST_TEXT = 240

_APPLESCRIPT = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)


class DesktopUnavailable(CollectorError):  # noqa: N818 - the state, as the other errors are named
    """There is no desktop to notify, or its program failed."""


class DesktopChannel:
    """Shows what went wrong; what went well, too, where the configuration says so."""

    name = "desktop"

    def __init__(self, around: Surroundings) -> None:
        self._successes = around.notify.desktop.successes
        self._clock = around.clock
        self._mask = around.mask

    async def tell(self, message: Message) -> tuple[Delivery, ...]:
        """Show subject and brief of a message that has notices for this channel."""
        if not (message.test or (message.notices and self._wanted(message))):
            return ()
        urgent = any(notice.severity is Severity.CRITICAL for notice in message.notices)
        try:
            await notify(message.subject, message.brief, self._clock, urgent=urgent)
        except (DesktopUnavailable, OSError) as error:
            return (failed(self.name, error, self._mask),)
        return (Delivery(channel=self.name, ok=True),)

    def _wanted(self, message: Message) -> bool:
        went_well = message.report is None or message.report.status is RunStatus.SUCCESS
        bad = any(notice.severity in (Severity.CRITICAL, Severity.WARNING) for notice in message.notices)
        return self._successes or not went_well or bad


def configured(around: Surroundings) -> Iterable[DesktopChannel]:
    """Yield the channel if it is switched on."""
    if around.notify.desktop.enabled:
        yield DesktopChannel(around)


def command(title: str, text: str, *, urgent: bool, platform: str = sys.platform) -> Sequence[str]:
    """Return the argument list that shows a notification on this platform.

    Raises:
        DesktopUnavailable: the platform has no known way.
    """
    title, text = one_line(title, _LONGEST_TITLE), one_line(text, _LONGEST_TEXT)
    if platform == "darwin":
        script = [word for line in _APPLESCRIPT for word in ("-e", line)]
        return ("osascript", *script, "--", title, text)
    if platform.startswith("linux"):
        urgency = "critical" if urgent else "normal"
        return ("notify-send", f"--urgency={urgency}", "--app-name=collector", "--", title, text)
    raise DesktopUnavailable(f"no desktop notifications on {platform}")


async def notify(title: str, text: str, clock: Clock, *, urgent: bool = False) -> None:
    """Show a notification on this machine's desktop.

    Raises:
        DesktopUnavailable: there is none, or it took longer than 10 seconds.
    """
    words = command(title, text, urgent=urgent)
    if shutil.which(words[0]) is None:
        raise DesktopUnavailable(f"{words[0]} is not installed", "Switch notify.desktop.enabled off, or install it.")
    with clock.hold():
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(),
        )
        try:
            _, said = await asyncio.wait_for(process.communicate(), _TIME_LIMIT_S)
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise DesktopUnavailable(f"{words[0]} did not answer within {_TIME_LIMIT_S:.0f} s") from error
    if process.returncode:
        raise DesktopUnavailable(f"{words[0]} failed: {one_line(said.decode(errors='replace'))}")
