"""Tell every channel what is worth saying.

No channel's failure reaches the run.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import structlog

from collector.clock import Clock
from collector.config.notify_settings import NotifySettings, Severity
from collector.config.operation_settings import DeadManSettings
from collector.config.section import secrets_in
from collector.domain.conditions import Condition
from collector.domain.masking import Mask
from collector.domain.reports.run_report import RunReport
from collector.domain.reports.week_report import WeekReport
from collector.notify.alerts import notices
from collector.notify.alerts.alert_memory import AlertFile, AlertMemory, Judgement, announced, judge, judge_at_work
from collector.notify.alerts.alert_rules import Rule, condition_alert
from collector.notify.alerts.notices import Notice
from collector.notify.channels import registry
from collector.notify.channels.channel import Channel, Delivery, Message, Surroundings, broken, failed, in_thread
from collector.notify.channels.mail import MailChannel
from collector.notify.channels.mail_message import Mail, one_line
from collector.notify.channels.outbox import OutboxChannel
from collector.notify.reports import examples
from collector.notify.reports.example_mails import Example, example_mail
from collector.notify.reports.mail_rendering import Renderer

_SENT = (
    Example.SUCCESS,
    Example.PARTIAL,
    Example.IMPLAUSIBLE,
    Example.FAILED,
    Example.PREFLIGHT_FAILED,
    Example.AT_WORK,
    Example.RECOVERY,
    Example.WEEKLY,
)
"""The examples that a test sends."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Occasion:
    """Something that gives reason to tell.

    decide: what is told, given what is remembered. render: the mail of that. title: the subject where no mail can be
    rendered. report: of the run that ended. mailed_anyway: also when there is nothing to tell. announce: what to
    remember before anything is told.
    """

    decide: Callable[[AlertMemory], Judgement]
    render: Callable[[Judgement], Mail]
    title: str
    report: RunReport | None = None
    mailed_anyway: bool = False
    announce: Callable[[AlertMemory], AlertMemory] | None = None


class Notifier:
    """Tells the owner, through the channels of the configuration. None of its methods raises for a failing channel.

    Args:
        settings: the `notify:` section.
        log_directory: where the log files lie; outbox and memory of alerts lie below it by default.
        clock: the time of mails and alerts.
        dead_man: the `dead_man:` section; None pings nobody.
        secrets: values that no text may show, besides those of the two sections and what looks like a secret anyway.
        host: the name of this machine in mails.
        site: where the owner's pages are; "": mails link to none.
    """

    def __init__(
        self,
        settings: NotifySettings,
        *,
        log_directory: Path,
        clock: Clock,
        dead_man: DeadManSettings | None = None,
        secrets: Iterable[str] = (),
        host: str = "",
        site: str = "",
    ) -> None:
        switch = dead_man or DeadManSettings()
        self._settings = settings
        self._clock = clock
        self._mask = Mask((*secrets, *secrets_in(settings), *secrets_in(switch)))
        self._renderer = Renderer(self._mask, settings.subject_prefix, pictures=settings.pictures, site=site)
        around = Surroundings(
            notify=settings, dead_man=switch, log_directory=log_directory, clock=clock, mask=self._mask, host=host
        )
        self._outbox = OutboxChannel(around)
        self._channels = registry.configured(around)
        self._memory = AlertFile.below(settings, log_directory)

    @property
    def mask(self) -> Mask:
        """Return the mask, for other texts that a person reads."""
        return self._mask

    @property
    def renderer(self) -> Renderer:
        """Return what renders the mails, for previews."""
        return self._renderer

    @property
    def channels(self) -> tuple[str, ...]:
        """Return the names of what tells the owner, first the outbox."""
        return tuple(dict.fromkeys((self._outbox.name, *(channel.name for channel in self._channels))))

    async def run_finished(self, report: RunReport) -> tuple[Delivery, ...]:
        """Tell what a finished run gives reason to tell, and send what earlier runs could not."""
        report = self._mask.report(report)
        occasion = _Occasion(
            decide=lambda memory: judge(report, memory, self._settings.alerts, self._clock.now()),
            render=lambda judgement: self._renderer.run(report, judgement),
            title=f"{report.window} {report.session} {report.status}",
            report=report,
        )
        _, told = await self._tell(occasion)
        return told

    async def condition_lasts(self, report: RunReport, condition: Condition) -> tuple[Delivery, ...]:
        """Tell of a condition while the run that it holds up is at work; once, until a run ends without it.

        Args:
            report: the run as it stands.
            condition: what lasts.
        """
        report, condition = self._mask.report(report), self._mask.report(condition)
        alert, settings, now = condition_alert(condition, report.session), self._settings.alerts, self._clock.now()
        occasion = _Occasion(
            decide=lambda memory: judge_at_work(alert, memory, settings, now),
            render=lambda judgement: self._renderer.at_work(report, condition, judgement, now),
            title=f"{report.window} {report.session} {condition.kind}",
            announce=lambda memory: announced(alert, condition.since, memory, settings),
        )
        _, told = await self._tell(occasion)
        return told

    async def week_over(self, week: WeekReport, report: RunReport | None = None) -> tuple[Delivery, ...]:
        """Send the weekly summary, with the lines that alerts left for it; they are told then, unless it is refused.

        Args:
            week: what to say.
            report: the weekly run that went well; what it gives reason to tell is in the same mail.
        """
        report, lines = self._mask.report(report), tuple[str, ...]()

        def decide(memory: AlertMemory) -> Judgement:
            nonlocal lines
            judgement = Judgement(send=True, tell=(), recovered=(), memory=memory)
            if report is not None:
                judgement = judge(report, memory, self._settings.alerts, self._clock.now())
            lines = judgement.memory.digest
            return replace(judgement, memory=replace(judgement.memory, digest=()))

        def put_back() -> None:
            with self._memory.locked():
                memory = self._memory.load()
                self._memory.save(replace(memory, digest=(*lines, *memory.digest)))

        occasion = _Occasion(
            decide=decide,
            render=lambda judgement: self._renderer.week(replace(week, digest=(*week.digest, *lines)), judgement),
            title=f"week until {week.last}",
            report=report,
            mailed_anyway=True,
        )
        message, told = await self._tell(occasion)
        if message.mail is not None and self._outbox.was_refused(message.mail.name):
            try:
                await in_thread(self._clock, put_back)
            except OSError as error:
                return (*told, failed(self._outbox.name, error, self._mask))
        return told

    async def test(self) -> tuple[Delivery, ...]:
        """Send an example of each mail, and an alert with its end, through every channel; nothing is remembered."""
        failure, end = _example_notices()
        said_with = {Example.FAILED: (failure,), Example.RECOVERY: (end,)}
        now = self._clock.now()
        told: list[Delivery] = []
        for number, kind in enumerate(_SENT):
            # Drawing takes long, and a run may be at work.
            mail = await in_thread(self._clock, partial(example_mail, kind, self._renderer))
            named = replace(
                mail,
                name=f"{now:%Y%m%dT%H%M%S.%fZ}-test-{number}-{mail.name}",
                subject=one_line(f"{mail.subject} (test)"),
                made_at=now,
            )
            # One report: the switch is pinged once, not once for each mail.
            report = examples.success() if number == 0 else None
            message = Message(
                subject=named.subject,
                brief=named.brief,
                notices=said_with.get(kind, ()),
                mail=named,
                report=report,
                test=True,
            )
            told += await self._outbox.tell(message)
            told += await self._spread(message)
        return tuple(told)

    async def _tell(self, occasion: _Occasion) -> tuple[Message, tuple[Delivery, ...]]:
        """Keep what is to be mailed and remember that it is told, then tell every channel."""
        message, kept = await in_thread(self._clock, lambda: self._kept(occasion))
        if message.mail is not None or message.notices:
            _log.info("notification", subject=message.subject, brief=message.brief, notices=len(message.notices))
        told = await self._spread(message)
        pruned = await in_thread(self._clock, self._outbox.prune)
        return message, (*kept, *told, *pruned)

    def _kept(self, occasion: _Occasion) -> tuple[Message, tuple[Delivery, ...]]:
        """Return the message of an occasion, and what became of its mail.

        The memory is written last: after a crash before that, the mail's name keeps it from being told twice. Where it
        cannot be read or the mail cannot be kept, the other channels are told all the same, and once more by the next
        run: rather one message too many than none.
        """
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._memory.locked())
                memory = self._memory.load()
                if occasion.announce is not None:
                    memory = occasion.announce(memory)
                    self._memory.save(memory)
            except OSError as error:
                message, _, troubles = self._composed(occasion, AlertMemory())
                return message, (failed(self._outbox.name, error, self._mask), *troubles)
            message, after, troubles = self._composed(occasion, memory)
            kept = (*troubles, *self._outbox.keep(message))
            if after is not None and all(delivery.ok for delivery in kept):
                try:
                    self._memory.save(after)
                except OSError as error:
                    kept = (*kept, failed(self._outbox.name, error, self._mask))
            return message, kept

    def _composed(
        self, occasion: _Occasion, memory: AlertMemory
    ) -> tuple[Message, AlertMemory | None, tuple[Delivery, ...]]:
        """Return the message, what to remember once it is told, and what broke on the way."""
        message = Message(
            subject=one_line(self._mask(f"{self._settings.subject_prefix} {occasion.title}")),
            report=occasion.report,
        )
        try:
            judgement = occasion.decide(memory)
            message = replace(message, notices=self._notices(judgement))
            if judgement.send or occasion.mailed_anyway:
                mailed = self._on_mail(judgement)
                wanted = mailed.send or occasion.mailed_anyway
                mail = occasion.render(mailed if wanted else judgement)
                message = replace(message, subject=mail.subject, brief=mail.brief, mail=mail if wanted else None)
        except Exception as error:  # noqa: BLE001 - a run ends here: whatever breaks in telling must not break the run
            return message, None, (broken(self._outbox.name, error, self._mask),)
        return message, judgement.memory, ()

    def _notices(self, judgement: Judgement) -> tuple[Notice, ...]:
        alerts = self._settings.alerts
        found = (
            *(notices.of_alert(alert, alerts) for alert in judgement.tell),
            *(notices.of_recovery(condition, alerts) for condition in judgement.recovered),
        )
        return self._mask.report(found)

    def _on_mail(self, judgement: Judgement) -> Judgement:
        """Return what of a judgement is told by mail."""
        alerts = self._settings.alerts
        tell = tuple(one for one in judgement.tell if notices.of_alert(one, alerts).goes_to(MailChannel.name))
        recovered = tuple(
            one for one in judgement.recovered if notices.of_recovery(one, alerts).goes_to(MailChannel.name)
        )
        return replace(judgement, tell=tell, recovered=recovered, send=bool(tell or recovered))

    async def _spread(self, message: Message) -> tuple[Delivery, ...]:
        """Tell all channels at once: a slow one holds up none of the others."""
        told = await asyncio.gather(*(self._guarded(channel, message) for channel in self._channels))
        return tuple(chain.from_iterable(told))

    async def _guarded(self, channel: Channel, message: Message) -> tuple[Delivery, ...]:
        try:
            return await channel.tell(message.on(channel.name))
        except Exception as error:  # noqa: BLE001 - a run ends here: whatever breaks in telling must not break the run
            return (broken(channel.name, error, self._mask),)


def _example_notices() -> tuple[Notice, Notice]:
    """Return an alert that says that it is a test, and its end."""
    failure = Notice(
        rule=Rule.COLLECTION_FAILED,
        severity=Severity.CRITICAL,
        key="collector-test",
        text="This is a test of the collector's alerts; nothing is wrong. Its end follows at once.",
    )
    return failure, replace(
        failure, severity=Severity.GOOD, over=True, text="Over: the test of the collector's alerts."
    )
