"""Memory of what was already told.

What was already told: the memory that makes a broken night one mail and one recovery, not forty.

It lives in a file, because the database may be what is broken. `judge` is pure; `AlertFile` reads and writes.
"""

import contextlib
import fcntl
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import structlog

from collector.config.notify_settings import AlertSettings, NotifySettings, When
from collector.domain.reports.report_document import from_document, to_document
from collector.domain.reports.run_report import Cause, RunReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.machine import private_files
from collector.notify.alerts.alert_rules import (
    CONDITIONS,
    OUTAGES,
    Alert,
    Rule,
    as_set,
    condition_alert,
    degraded_alert,
    over,
    run_alerts,
    when,
)

_log = structlog.get_logger(__name__)

_OUTAGE_OF = {Cause.GATEWAY_DOWN: Rule.GATEWAY_UNREACHABLE, Cause.DATABASE_DOWN: Rule.DATABASE_UNREACHABLE}
"""What a failure of this cause fell into."""

_FORGET_EVENTS_AFTER = timedelta(days=30)
_MOST_MISSED = 60
_MOST_DIGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedRun:
    """A run that fell into an outage."""

    window: Window
    session: date
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCondition:
    """A condition that was told and is not over. told: when it was last told; seen: how often it was raised.

    told is None from the moment at which a run that is at work sets about telling it until it has.
    """

    rule: Rule
    key: str
    text: str
    since: datetime
    told: datetime | None
    seen: int = 1
    missed: tuple[MissedRun, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEvent:
    """An event that was told."""

    key: str
    told: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMemory:
    """Everything that is remembered. degraded: fetching runs in a row that were no success; digest: lines to tell."""

    conditions: tuple[OpenCondition, ...] = ()
    events: tuple[ToldEvent, ...] = ()
    degraded: int = 0
    digest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What to tell about a run, and what to remember once it is told.

    tell: new alerts for the mail. recovered: told conditions that are over. send: whether the run deserves a mail at
    all.
    """

    send: bool
    tell: tuple[Alert, ...]
    recovered: tuple[OpenCondition, ...]
    memory: AlertMemory

    @property
    def is_recovery(self) -> bool:
        """Return whether an outage ended, so that the mail speaks of the recovery first."""
        return any(condition.rule in OUTAGES for condition in self.recovered)


def judge(report: RunReport, memory: AlertMemory, settings: AlertSettings, now: datetime) -> Judgement:
    """Decide what is told about a finished run.

    Conditions are told when they begin, again every `remind_after_h` hours while they last, and when they end. Events
    are told once. A failed run whose outage was already told sends nothing and is listed in the recovery; what it
    would have said besides waits for the next mail, unless it is immediate; so it is with a partial run that such an
    outage holds up to its end. A run that only confirms what its window has reported says nothing.

    Args:
        report: the run, finished.
        memory: what was told before.
        settings: thresholds and times of telling.
        now: the instant of the judgement, aware.
    """
    degraded = _degraded(report, memory.degraded)
    raised = list(run_alerts(report, settings, now))
    if (in_a_row := degraded_alert(degraded, settings)) is not None:
        raised.append(in_a_row)
    keys = frozenset(alert.key for alert in raised)
    ended = tuple(c for c in memory.conditions if over(c.rule, c.key, report, keys))
    memory = replace(memory, degraded=degraded)
    known = {condition.key for condition in memory.conditions}
    if report.failure is not None and _OUTAGE_OF.get(report.failure.cause) in known:
        # What it failed of was told before; its failure is no news.
        raised = [alert for alert in raised if alert.rule is not Rule.COLLECTION_FAILED or alert.key in known]
    outages = [alert for alert in raised if alert.rule in OUTAGES]
    held_up = _brings_nothing(report) or _held_up_to_its_end(report, known)
    if report.confirms_only:
        raised = []  # the window's first report has said it all; conditions that last are told with the next
    lasting = any(condition.rule in OUTAGES for condition in memory.conditions if condition not in ended)
    if lasting and held_up and not _tell(outages, memory, settings, now, ()).send:
        raised = [alert for alert in raised if alert in outages or when(alert.rule, settings) is When.IMMEDIATE]
    judged = _tell(raised, memory, settings, now, _missed(report, known))
    left = tuple(c for c in judged.memory.conditions if c not in ended)
    recovered = () if settings.recovery.when is When.OFF else ended
    digest = judged.memory.digest
    if recovered and settings.recovery.when is When.DIGEST:
        digest = (*digest, *(f"{now:%Y-%m-%d %H:%M} UTC · over: {c.text}" for c in recovered))
        recovered = ()
    return replace(
        judged,
        send=bool(judged.tell or recovered),
        recovered=recovered,
        memory=replace(judged.memory, conditions=left, digest=digest[-_MOST_DIGEST:]),
    )


def announced(alert: Alert, since: datetime, memory: AlertMemory, settings: AlertSettings) -> AlertMemory:
    """Return the memory to be written before an alert is told while a run is at work.

    A process that dies while it tells leaves with it what names the mail, so that the next one does not tell it twice.

    Args:
        alert: what is about to be told.
        since: when it began, aware.
        memory: what was told before.
        settings: times of telling.
    """
    if alert.rule not in CONDITIONS or when(alert.rule, settings) is not When.IMMEDIATE:
        return memory
    if any(condition.key == alert.key for condition in memory.conditions):
        return memory
    fresh = OpenCondition(rule=alert.rule, key=alert.key, text=alert.text, since=since, told=None, seen=0)
    return replace(memory, conditions=(*memory.conditions, fresh))


def judge_at_work(alert: Alert, memory: AlertMemory, settings: AlertSettings, now: datetime) -> Judgement:
    """Decide whether an alert is told while a run is at work: it is where its rule is immediate, and it is news.

    Args:
        alert: of a condition that lasts.
        memory: what was told before.
        settings: times of telling.
        now: the instant of the judgement, aware.
    """
    raised = [as_set(alert, settings)] if when(alert.rule, settings) is When.IMMEDIATE else []
    return _tell(raised, memory, settings, now, ())


def _tell(
    raised: list[Alert],
    memory: AlertMemory,
    settings: AlertSettings,
    now: datetime,
    missed: tuple[MissedRun, ...],
) -> Judgement:
    conditions = {condition.key: condition for condition in memory.conditions}
    events = {event.key: event for event in memory.events if now - event.told < _FORGET_EVENTS_AFTER}
    digest = list(memory.digest)
    tell: list[Alert] = []
    for alert in raised:
        known = conditions.get(alert.key)
        told = None if known is None else known.told
        remind = told is not None and now - told >= timedelta(hours=settings.remind_after_h)
        new = told is None and alert.key not in events
        if alert.rule in CONDITIONS:
            earlier = known or OpenCondition(
                rule=alert.rule, key=alert.key, text=alert.text, since=now, told=now, seen=0
            )
            conditions[alert.key] = replace(
                earlier,
                seen=earlier.seen + 1,
                told=now if new or remind else told,
                missed=(*earlier.missed, *missed)[-_MOST_MISSED:],
            )
        elif new:
            events[alert.key] = ToldEvent(key=alert.key, told=now)
        if not (new or remind):
            continue
        if when(alert.rule, settings) is When.DIGEST:
            digest.append(f"{now:%Y-%m-%d %H:%M} UTC · {alert.text}")
        else:
            tell.append(alert)
    return Judgement(
        send=bool(tell),
        tell=tuple(tell),
        recovered=(),
        memory=replace(
            memory,
            conditions=tuple(conditions.values()),
            events=tuple(events.values()),
            digest=tuple(digest[-_MOST_DIGEST:]),
        ),
    )


def _brings_nothing(report: RunReport) -> bool:
    return not report.window.fetches or report.status in (RunStatus.FAILED, RunStatus.INTERRUPTED)


def _held_up_to_its_end(report: RunReport, known: Collection[str]) -> bool:
    """Return whether a run is partial, and an outage that was told kept it from more to its end."""
    lasting = [condition_alert(one, report.session) for one in report.conditions if one.until is None]
    told = any(alert.rule in OUTAGES and alert.key in known for alert in lasting)
    return told and report.status is RunStatus.PARTIAL


def _missed(report: RunReport, known: Collection[str]) -> tuple[MissedRun, ...]:
    if report.status in (RunStatus.FAILED, RunStatus.INTERRUPTED) or _held_up_to_its_end(report, known):
        return (MissedRun(window=report.window, session=report.session, at=report.started),)
    return ()


def _degraded(report: RunReport, so_far: int) -> int:
    if not report.window.fetches or report.status is RunStatus.RUNNING:
        return so_far
    return 0 if report.status is RunStatus.SUCCESS else so_far + 1


@dataclass(frozen=True, slots=True)
class AlertFile:
    """The memory's file; a lock file beside it keeps two processes from telling the same thing twice."""

    path: Path

    @classmethod
    def below(cls, notify: NotifySettings, log_directory: Path) -> "AlertFile":
        """Return the file where it lies: beside the mails that wait."""
        return cls(notify.outbox.path(log_directory) / "alerts.json")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the memory for one reading and writing; waits for another process that holds it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def load(self) -> AlertMemory:
        """Return what is remembered; nothing when there is no file.

        A file that cannot be read is set aside and forgotten: rather one mail too many than none.
        """
        try:
            return from_document(AlertMemory, json.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return AlertMemory()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            aside = self.path.with_suffix(".broken")
            self.path.replace(aside)
            _log.warning("alert_memory_unreadable", path=str(aside), error=str(error))
            return AlertMemory()

    def save(self, memory: AlertMemory) -> None:
        """Write the memory: after a crash the file is the old one or the new one, never half of either."""
        # In ASCII, which can hold any text.
        private_files.write(self.path, json.dumps(to_document(memory), indent=1).encode())
