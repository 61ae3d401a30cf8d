"""Webhooks: posts each alert, and its end, as JSON."""

import json
import re
import ssl
from collections.abc import Iterable
from http import HTTPStatus

import structlog

from collector.config.notify_settings import WebhookSettings
from collector.domain.errors import CollectorError, ConfigurationError
from collector.domain.masking import Mask
from collector.notify.alerts.notices import Notice
from collector.notify.channels.channel import Delivery, Message, Surroundings, broken, failed
from collector.notify.channels.http_post import post
from collector.notify.channels.mail_message import one_line
from collector.notify.channels.webhook_template import Request, Template, read, template_path

_log = structlog.get_logger(__name__)

_JSON = {"Content-Type": "application/json"}
_LONGEST_SUMMARY = 120
_LONGEST_TEXT = 1000
_LONGEST_REFUSAL = 200
_NOT_NOW = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
_MOST_FAILURES = 2
"""A service may fail over one notice; when it fails over the next, too, it is the service."""

_HINT = "Is the service up, and may this machine reach it? What was not posted is not kept."


class WebhookError(CollectorError):
    """A notice was not posted. `retry`: the same attempt may help soon."""

    retry = False


class WebhookUnavailable(WebhookError):  # noqa: N818 - the state, as the other errors are named
    """No connection, no answer in time, or the service answered 429, 502, 503 or 504: no notice can be posted now."""

    retry = True


class WebhookFailed(WebhookError):  # noqa: N818
    """The service answered another 5xx: it failed over this notice, and may take the next."""

    retry = True


class WebhookRefused(WebhookError):  # noqa: N818
    """The service answered that it does not take this notice; the same again never helps."""


class WebhookChannel:
    """Posts notices to one service.

    Args:
        settings: the service, its address, its time-outs.
        around: clock, mask and host.
    """

    def __init__(self, settings: WebhookSettings, around: Surroundings) -> None:
        self._settings = settings
        self._clock = around.clock
        self._mask = around.mask
        # A refusal may quote any part of what it was asked, a topic as short as a word among it.
        self._quoted = Mask(re.split(r"[/?&=#]", settings.address.partition("://")[2]))
        self._host = one_line(around.host, 80) or "collector"

    @property
    def name(self) -> str:
        """Return the name that rules call it by."""
        return self._settings.channel

    async def tell(self, message: Message) -> tuple[Delivery, ...]:
        """Post each notice by itself; what one meets concerns no other, unless the service cannot be used now."""
        if not message.notices:
            return ()
        results: list[Delivery] = []
        try:
            template = read(template_path(self._settings))
        except ConfigurationError as error:
            return (failed(self.name, error, self._mask),)
        failed_over = 0
        wanted = [notice for notice in message.notices if template.wants(notice.severity, over=notice.over)]
        for number, notice in enumerate(wanted, 1):
            try:
                results.append(await self._posted(template, notice, message.subject))
                failed_over = 0
            except (WebhookError, ConfigurationError) as error:
                results.append(failed(self.name, error, self._mask))
                failed_over = failed_over + 1 if isinstance(error, WebhookFailed) else 0
                if isinstance(error, WebhookUnavailable) or failed_over == _MOST_FAILURES:
                    results += [self._untold(notice) for notice in wanted[number:]]
                    break
            except Exception as error:  # noqa: BLE001 - a notice ends here: the others are posted
                results.append(broken(self.name, error, self._mask))
        return tuple(results)

    async def _posted(self, template: Template, notice: Notice, subject: str) -> Delivery:
        values = {
            "subject": subject,
            "summary": one_line(notice.text, _LONGEST_SUMMARY),
            "text": one_line(f"{notice.text} {notice.what_to_do}".strip(), _LONGEST_TEXT),
            "severity": notice.severity.value,
            "key": one_line(notice.key),
            "rule": notice.rule.value,
            "host": self._host,
            "at": self._clock.now().isoformat(timespec="seconds"),
        }
        await self._post(template.request(values, self._settings, over=notice.over))
        _log.info("webhook_posted", channel=self.name, key=notice.key, over=notice.over)
        detail = f"{'the end of ' if notice.over else ''}{notice.key} is posted"
        return Delivery(channel=self.name, ok=True, detail=detail)

    def _untold(self, notice: Notice) -> Delivery:
        _log.warning("webhook_not_tried", channel=self.name, key=notice.key, over=notice.over)
        return Delivery(channel=self.name, ok=False, detail=f"{notice.key} was not tried after that")

    async def _post(self, request: Request) -> None:
        """Post once, again after a transient failure, at most `attempts` times.

        Raises:
            WebhookError: it was not taken; the subclass says whether a later attempt may help.
        """
        wait_s = self._settings.retry_wait_s
        for attempt in range(1, self._settings.attempts + 1):
            try:
                await self._attempt(request)
            except WebhookError as error:
                if not error.retry or attempt == self._settings.attempts:
                    raise
                _log.info(
                    "webhook_attempt_failed",
                    channel=self.name,
                    attempt=attempt,
                    error=self._mask(error.message),
                    wait_s=wait_s,
                )
                await self._clock.sleep(wait_s)
                wait_s *= 2
            else:
                return

    async def _attempt(self, request: Request) -> None:
        # The address is a secret: of it only the host is ever named.
        where, timeout_s = request.url.hostname, self._settings.timeout_s
        body = json.dumps(request.body, ensure_ascii=True).encode()
        try:
            with self._clock.hold():
                answer = await post(request.url, body, {**_JSON, **request.headers}, timeout_s)
        except TimeoutError as error:
            raise WebhookUnavailable(f"{where} gave no answer within {timeout_s:g} s", _HINT) from error
        except ssl.SSLCertVerificationError as error:
            raise WebhookRefused(f"{where}: its certificate is not trusted ({error.verify_message})") from error
        except OSError as error:  # gaierror is one
            said = error.strerror or str(error) or type(error).__name__
            raise WebhookUnavailable(f"{where} cannot be reached: {said}", _HINT) from error
        except ValueError as error:
            raise WebhookRefused(f"{where}: {error}", "Check the url.") from error
        if answer.ok:
            return
        said = one_line(
            f"{where} answered {answer.status} {self._quoted(self._mask(answer.words))}".strip(), _LONGEST_REFUSAL
        )
        if answer.status in _NOT_NOW:
            raise WebhookUnavailable(said, _HINT)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise WebhookFailed(said, _HINT)
        raise WebhookRefused(said, "Check the webhook's url and token at the service.")


def configured(around: Surroundings) -> Iterable[WebhookChannel]:
    """Yield a channel for each webhook of the configuration."""
    for settings in around.notify.webhooks:
        yield WebhookChannel(settings, around)
