"""Notify on the desktop.

Notifications of the desktop: osascript on macOS, notify-send on Linux. Texts travel as arguments, never as code.
"""

import asyncio
import shutil
import sys
from collections.abc import Sequence

from collector.clock import Clock
from collector.domain.errors import CollectorError
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
        )
        try:
            _, said = await asyncio.wait_for(process.communicate(), _TIME_LIMIT_S)
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise DesktopUnavailable(f"{words[0]} did not answer within {_TIME_LIMIT_S:.0f} s") from error
    if process.returncode:
        raise DesktopUnavailable(f"{words[0]} failed: {one_line(said.decode(errors='replace'))}")
