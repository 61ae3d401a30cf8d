"""Tell every channel what is worth saying.

What is worth saying goes to every channel, and no channel's failure reaches the run.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import structlog

from collector.clock import Clock
from collector.config.notify_settings import NotifySettings
from collector.domain.errors import CollectorError
from collector.domain.masking import Mask
from collector.domain.reports.run_report import RunReport
from collector.domain.reports.week_report import WeekReport
from collector.domain.run_vocabulary import RunStatus
from collector.notify.alerts.alert_memory import AlertFile, AlertMemory, Judgement, judge
from collector.notify.alerts.troubleshooting import traceback_without_values
from collector.notify.channels import desktop
from collector.notify.channels.mail_message import Mail, message, one_line
from collector.notify.channels.outbox import Claimed, Outbox
from collector.notify.channels.smtp import MailError, Smtp
from collector.notify.reports import examples
from collector.notify.reports.example_week import week
from collector.notify.reports.mail_rendering import Renderer, page

_log = structlog.get_logger(__name__)

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one channel did: `detail` is an address, a path, or why it failed."""

    channel: str
    ok: bool
    detail: str = ""


class Notifier:
    """Tells the owner, through the channels of the configuration. None of its methods raises for a failing channel.

    Args:
        settings: the `notify:` section.
        log_directory: where the log files lie; outbox and memory of alerts lie below it by default.
        clock: the time of mails and alerts.
        secrets: values that no text may show, besides what looks like a secret anyway.
        host: the name of this machine in mails.
    """

    def __init__(
        self,
        settings: NotifySettings,
        *,
        log_directory: Path,
        clock: Clock,
        secrets: Iterable[str] = (),
        host: str = "",
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._host = host
        self._mask = Mask((*secrets, settings.smtp.password.get_secret_value()))
        self._renderer = Renderer(self._mask, settings.subject_prefix, pictures=settings.pictures)
        self._outbox = Outbox(settings.outbox.path(log_directory))
        self._memory = AlertFile(self._outbox.directory / "alerts.json")
        self._smtp = Smtp(settings.smtp, clock) if settings.smtp.host else None

    @property
    def mask(self) -> Mask:
        """Return the mask, for other texts that a person reads."""
        return self._mask

    @property
    def renderer(self) -> Renderer:
        """Return what renders the mails, for previews."""
        return self._renderer

    async def run_finished(self, report: RunReport) -> tuple[Delivery, ...]:
        """Tell what a finished run gives reason to tell, and send what earlier runs could not."""

        def prepare() -> Mail | None:
            with self._memory.locked():
                judgement = judge(report, self._memory.load(), self._settings.alerts, self._clock.now())
                mail = self._renderer.run(report, judgement) if judgement.send else None
                return self._remembered(mail, judgement.memory)

        wanted = report.status is not RunStatus.SUCCESS or self._settings.desktop.successes
        return await self._tell(prepare, on_desktop=wanted)

    async def week_over(self, week: WeekReport, report: RunReport | None = None) -> tuple[Delivery, ...]:
        """Send the weekly summary, with the lines that alerts left for it; they are told then, unless it is refused.

        Args:
            week: what to say.
            report: the weekly run that went well; what it gives reason to tell is in the same mail.
        """
        name, lines = "", tuple[str, ...]()

        def prepare() -> Mail | None:
            nonlocal name, lines
            with self._memory.locked():
                memory, judgement = self._memory.load(), None
                if report is not None:
                    judgement = judge(report, memory, self._settings.alerts, self._clock.now())
                    memory = judgement.memory
                lines = memory.digest
                mail = self._renderer.week(replace(week, digest=(*week.digest, *lines)), judgement)
                name = mail.name
                return self._remembered(mail, replace(memory, digest=()))

        def put_back() -> None:
            with self._memory.locked():
                memory = self._memory.load()
                self._memory.save(replace(memory, digest=(*lines, *memory.digest)))

        async def settle() -> tuple[Delivery, ...]:
            if self._outbox.was_refused(name):
                await self._in_thread(put_back)
            return ()

        results = await self._tell(prepare, on_desktop=False)
        return (*results, *await self._guarded("outbox", settle))

    async def test(self) -> tuple[Delivery, ...]:
        """Send an example of each mail through every channel; nothing is remembered."""
        judged = Judgement(send=True, tell=(), recovered=(), memory=AlertMemory())
        now = self._clock.now()
        mails = [
            self._renderer.run(examples.success()),
            self._renderer.run(examples.partial(), replace(judged, tell=examples.alerts())),
            self._renderer.run(examples.implausible()),
            self._renderer.run(examples.failed()),
            self._renderer.run(examples.preflight_failed()),
            self._renderer.run(examples.success(), replace(judged, recovered=examples.recovered_conditions())),
            self._renderer.week(week()),
        ]
        results: list[Delivery] = []
        for mail in mails:
            named = replace(
                mail,
                name=f"{now:%Y%m%dT%H%M%S.%fZ}-test-{mail.name}",
                subject=one_line(f"{mail.subject} (test)"),
                made_at=now,
            )
            results += await self._tell(lambda named=named: self._kept(named), on_desktop=True)  # type: ignore[misc] # bound now
        return tuple(results)

    async def flush(self) -> tuple[Delivery, ...]:
        """Send the mails that wait in the outbox; stops at the first sign that the server cannot be used now."""
        if self._smtp is None:
            return ()
        results: list[Delivery] = []
        claims = self._outbox.claim()
        while (claimed := await self._in_thread(lambda: next(claims, None))) is not None:
            result, go_on = await self._send(self._smtp, claimed)
            results.append(result)
            if not go_on:
                break
        return tuple(results)

    async def _tell(self, prepare: Callable[[], Mail | None], *, on_desktop: bool) -> tuple[Delivery, ...]:
        results: list[Delivery] = []
        mail: Mail | None = None

        async def write() -> tuple[Delivery, ...]:
            nonlocal mail
            mail = await self._in_thread(prepare)
            if mail is None:
                return ()
            _log.info("notification", subject=mail.subject, brief=mail.brief, urgent=mail.urgent)
            return (Delivery(channel="outbox", ok=True, detail=str(self._outbox.directory / f"{mail.name}.html")),)

        async def show() -> tuple[Delivery, ...]:
            if mail is None or not (on_desktop and self._settings.desktop.enabled):
                return ()
            await desktop.notify(mail.subject, mail.brief, self._clock, urgent=mail.urgent)
            return (Delivery(channel="desktop", ok=True),)

        async def prune() -> tuple[Delivery, ...]:
            await self._in_thread(lambda: self._outbox.prune(self._settings.outbox.keep_days))
            return ()

        results += await self._guarded("outbox", write)
        results += await self._guarded("desktop", show)
        results += await self._guarded("smtp", self.flush)
        results += await self._guarded("outbox", prune)
        return tuple(results)

    async def _guarded(self, channel: str, act: Callable[[], Awaitable[tuple[Delivery, ...]]]) -> tuple[Delivery, ...]:
        try:
            return await act()
        except (CollectorError, OSError) as error:
            said = self._mask(str(error))
            _log.warning("channel_failed", channel=channel, error=said)
        except Exception as error:  # noqa: BLE001 - a run ends here: whatever breaks in telling must not break the run
            said = self._mask(f"{type(error).__name__}: {error}")
            trace = self._mask(traceback_without_values(error))
            _log.error("channel_broken", channel=channel, error=said, traceback=trace)
        return (Delivery(channel=channel, ok=False, detail=said),)

    async def _send(self, smtp: Smtp, claimed: Claimed) -> tuple[Delivery, bool]:
        """Send one claimed mail; return what happened and whether the next one is worth a try."""
        settle = self._outbox.put_back
        try:
            await smtp.send(claimed.message)
            settle = self._outbox.sent
        except MailError as error:
            said = self._mask(error.message)
            if error.final:
                settle = self._outbox.refused
            _log.warning("channel_failed", channel="smtp", error=said, mail=claimed.name, hint=error.hint)
            return Delivery(channel="smtp", ok=False, detail=said), error.final
        finally:
            # Not in a thread: a cancelled run must not leave the mail claimed.
            settle(claimed.name)
        _log.info("mail_sent", mail=claimed.name)
        return Delivery(channel="smtp", ok=True, detail=", ".join(self._settings.smtp.recipients)), True

    def _remembered(self, mail: Mail | None, memory: AlertMemory) -> Mail | None:
        """Write the mail, then the memory: after a crash in between, the mail's name keeps it from being told twice."""
        kept = self._kept(mail)
        self._memory.save(memory)
        return kept

    def _kept(self, mail: Mail | None) -> Mail | None:
        if mail is None:
            return None
        smtp = self._settings.smtp
        envelope = message(mail, sender=smtp.from_address, recipients=smtp.recipients, host=self._host)
        self._outbox.keep(mail.name, envelope, page(mail), queue=self._smtp is not None)
        return mail

    async def _in_thread(self, act: Callable[[], ResultT]) -> ResultT:
        with self._clock.hold():
            return await asyncio.to_thread(act)
