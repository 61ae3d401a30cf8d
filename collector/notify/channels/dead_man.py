"""Ping a dead man's switch.

The dead man's switch: pings to a service that raises an alarm when they stop coming (healthchecks style).

A ping never fails a run and never holds it up for longer than its time-out. The address is a secret: logs name only
its host.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

import structlog

from collector.clock import Clock
from collector.config.operation_settings import DeadManSettings
from collector.domain.masking import Mask
from collector.domain.reports.run_report import RunReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.notify.channels.channel import Delivery, Message, Surroundings
from collector.notify.channels.http_post import post
from collector.notify.reports.mail_rendering import Renderer

_ATTEMPTS = 2
_PLAIN_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
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

    name = "dead_man"

    def __init__(self, settings: DeadManSettings, clock: Clock, mask: Mask) -> None:
        self._url = None if settings.url is None else urlsplit(settings.url.get_secret_value())
        self._windows = settings.windows
        self._timeout_s = settings.timeout_s
        self._clock = clock
        self._mask = mask

    async def tell(self, message: Message) -> tuple[Delivery, ...]:
        """Ping for the run that ended, whether or not there is anything to tell about it; a test pings a success."""
        report = message.report
        if self._url is None or report is None or not (message.test or self._concerns(report.window)):
            return ()
        ok = await self._ping("", "collector notify test", _ATTEMPTS) if message.test else await self.ended(report)
        detail = f"{self._url.hostname} {'was pinged' if ok else 'did not take the ping: the log says why'}"
        return (Delivery(channel=self.name, ok=ok, detail=detail),)

    async def started(self, window: Window) -> bool:
        """Say that a run begins; tell whether the service has taken it."""
        return self._concerns(window) and await self._ping("/start", "", attempts=1)

    async def ended(self, report: RunReport) -> bool:
        """Say how a run ended, with its report as the body; anything but success is a failure."""
        if not self._concerns(report.window):
            return False
        suffix = "" if report.status is RunStatus.SUCCESS else "/fail"
        try:
            body = Renderer(self._mask, pictures=False).run(report).text
        except Exception:  # a run ends here: whatever breaks in telling must not break it, and the ping says enough
            log.exception("ping_without_report")
            body = ""
        return await self._ping(suffix, body, attempts=_ATTEMPTS)

    def _concerns(self, window: Window) -> bool:
        return self._url is not None and (not self._windows or window.value in self._windows)

    async def _ping(self, suffix: str, body: str, attempts: int) -> bool:
        if self._url is None:
            return False
        url = self._url._replace(path=self._url.path.rstrip("/") + suffix)
        said = ""
        for _ in range(attempts):
            try:
                with self._clock.hold():
                    answer = await post(
                        url, body.encode("utf-8", "replace")[:_LONGEST_BODY], _PLAIN_TEXT, self._timeout_s
                    )
            except TimeoutError:
                said = f"no answer within {self._timeout_s:g} s"
            except (OSError, ValueError) as error:  # ssl.SSLError and gaierror are OSErrors
                said = self._mask(str(error) or type(error).__name__)
            else:
                if answer.ok:
                    return True
                said = f"it answered {answer.status}"
        log.warning("ping_failed", kind=suffix.removeprefix("/") or "success", host=url.hostname, error=said)
        return False


def configured(around: Surroundings) -> Iterable[DeadMan]:
    """Yield the switch if there is an address to ping."""
    if around.dead_man.url is not None:
        yield DeadMan(around.dead_man, around.clock, around.mask)
