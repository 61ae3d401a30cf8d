"""Ping a dead man's switch.

The dead man's switch: pings to a service that raises an alarm when they stop coming (healthchecks style).

A ping never fails a run and never holds it up for longer than its time-out. The address is a secret: logs name only
its host.
"""

import asyncio
import base64
from http import HTTPStatus
from urllib.parse import SplitResult, unquote, urlsplit

import structlog

from collector import __version__
from collector.clock import Clock
from collector.config.operation_settings import DeadManSettings
from collector.domain.masking import Mask
from collector.domain.reports.run_report import RunReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.notify.reports.mail_rendering import Renderer

_ATTEMPTS = 2
_LONGEST_BODY = 10_000
"""Bytes; such services keep no more."""

log = structlog.get_logger()


class DeadMan:
    """Pings for the windows of the configuration; does nothing without an address.

    Args:
        settings: the `dead_man:` section.
        clock: held while a ping is under way.
        mask: cuts secrets out of reports and errors.
    """

    def __init__(self, settings: DeadManSettings, clock: Clock, mask: Mask) -> None:
        self._url = None if settings.url is None else urlsplit(settings.url.get_secret_value())
        self._windows = settings.windows
        self._timeout_s = settings.timeout_s
        self._clock = clock
        self._mask = mask

    async def started(self, window: Window) -> bool:
        """Say that a run begins; tell whether the service has taken it."""
        return await self._ping(window, "/start", "", attempts=1)

    async def ended(self, report: RunReport) -> bool:
        """Say how a run ended, with its report as the body; anything but success is a failure."""
        if self._url is None or not self._concerns(report.window):
            return False
        suffix = "" if report.status is RunStatus.SUCCESS else "/fail"
        try:
            body = Renderer(self._mask, pictures=False).run(report).text
        except Exception:  # a run ends here: whatever breaks in telling must not break it, and the ping says enough
            log.exception("ping_without_report")
            body = ""
        return await self._ping(report.window, suffix, body, attempts=_ATTEMPTS)

    def _concerns(self, window: Window) -> bool:
        return not self._windows or window.value in self._windows

    async def _ping(self, window: Window, suffix: str, body: str, attempts: int) -> bool:
        if self._url is None or not self._concerns(window):
            return False
        url = self._url._replace(path=self._url.path.rstrip("/") + suffix)
        said = ""
        for _ in range(attempts):
            try:
                with self._clock.hold():
                    async with asyncio.timeout(self._timeout_s):
                        status = await _post(url, body.encode()[:_LONGEST_BODY])
            except TimeoutError:
                said = f"no answer within {self._timeout_s:g} s"
            except (OSError, ValueError) as error:  # ssl.SSLError and gaierror are OSErrors
                said = self._mask(str(error) or type(error).__name__)
            else:
                if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                    return True
                said = f"it answered {status}"
        log.warning("ping_failed", kind=suffix.removeprefix("/") or "success", host=url.hostname, error=said)
        return False


async def _post(url: SplitResult, body: bytes) -> int:
    """Post a body and return the answer's status.

    Raises:
        OSError: no connection, or it broke.
        ValueError: what answered speaks no HTTP.
    """
    tls = url.scheme == "https"
    reader, writer = await asyncio.open_connection(url.hostname, url.port or (443 if tls else 80), ssl=tls or None)
    try:
        writer.write(_head(url, len(body)) + body)
        await writer.drain()
        line = (await reader.readline()).decode("latin-1").split()
    finally:
        writer.transport.abort()  # nothing more is wanted, and a polite TLS farewell could take as long as it likes
    if not line:
        raise ConnectionError("the connection was closed without an answer")
    if len(line) < 2 or not line[0].startswith("HTTP/"):  # noqa: PLR2004 - version and status
        raise ValueError("what answered speaks no HTTP")
    return int(line[1])


def _head(url: SplitResult, length: int) -> bytes:
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {url.netloc.rpartition('@')[2]}",
        f"User-Agent: collector/{__version__}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {length}",
        "Connection: close",
    ]
    if url.username is not None:
        login = f"{unquote(url.username)}:{unquote(url.password or '')}"
        lines.append(f"Authorization: Basic {base64.b64encode(login.encode()).decode()}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
