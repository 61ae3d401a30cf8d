"""Alert rules: what the owner should be told.

Pure functions from a report to what its owner should be told. They know no channel and no clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from collector.config.notify_settings import AlertSettings, RuleSettings, Severity, When
from collector.domain.conditions import Condition, ConditionKind
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.reports.run_report import Cause, Environment, RunReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.notify.reports import wording

GIGABYTE = 10**9

_PACE = "Let no other program fetch history on this login; lower the pace if it happens again."


class Rule(StrEnum):
    """The alert rules; each value is also the setting that says when it is told."""

    COLLECTION_FAILED = "collection_failed"
    COLLECTION_PARTIAL = "collection_partial"
    COLLECTION_SUCCESS = "collection_success"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    DATABASE_UNREACHABLE = "database_unreachable"
    GATEWAY_UNREACHABLE = "gateway_unreachable"
    LAST_CHANCE_MISSED = "last_chance_missed"
    SESSION_IMPLAUSIBLE = "session_implausible"
    COMPLETENESS_LOW = "completeness_low"
    QUALITY_LOW = "quality_low"
    UNUSUALLY_FEW = "unusually_few"
    DEGRADED_IN_A_ROW = "degraded_in_a_row"
    DISK_LOW = "disk_low"
    BACKUP_FAILED = "backup_failed"
    BACKUP_MISSING = "backup_missing"
    ARCHIVE_FAILED = "archive_failed"
    ARCHIVE_DAMAGED = "archive_damaged"
    LOGIN_DUE = "login_due"
    STALE_CHAIN = "stale_chain"
    NEW_CONTRACTS = "new_contracts"
    EXPIRED_CONTRACTS = "expired_contracts"
    RECOVERY = "recovery"


CONDITIONS = frozenset(
    {
        Rule.COLLECTION_FAILED,
        Rule.DATABASE_UNREACHABLE,
        Rule.GATEWAY_UNREACHABLE,
        Rule.DEGRADED_IN_A_ROW,
        Rule.DISK_LOW,
        Rule.BACKUP_FAILED,
        Rule.BACKUP_MISSING,
        Rule.ARCHIVE_FAILED,
        Rule.ARCHIVE_DAMAGED,
        Rule.STALE_CHAIN,
    }
)
"""Rules whose alert describes a lasting state, told once until it is over. The others are events, told once each."""

OUTAGES = frozenset({Rule.COLLECTION_FAILED, Rule.DATABASE_UNREACHABLE, Rule.GATEWAY_UNREACHABLE})
"""Conditions whose end deserves a mail of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that the owner should know.

    key: what it is the same as; two alerts with one key are told once. text: one sentence. what_to_do: one more.
    """

    rule: Rule
    severity: Severity
    key: str
    text: str
    what_to_do: str = ""


def run_alerts(report: RunReport, settings: AlertSettings, now: datetime) -> tuple[Alert, ...]:
    """Return what a finished run gives reason to tell, most severe first; rules that are off are left out.

    The rule of runs degraded in a row needs a memory of past runs, and recovery one of past alerts: see `judge`.

    Args:
        report: the run, finished.
        settings: thresholds and which rules are off.
        now: the instant of the judgement, aware.
    """
    found = [
        *_outcome(report),
        *_copies(report),
        *_archive(report),
        *_figures(report, settings),
        *_environment(report.environment, settings, now),
    ]
    # What the run leaves behind is not over, however well the run itself went.
    lasting = (condition_alert(one, report.session) for one in report.conditions if one.until is None)
    found += {alert.key: alert for alert in lasting if alert.key not in {one.key for one in found}}.values()
    order = list(Severity)
    told = [as_set(alert, settings) for alert in found if when(alert.rule, settings) is not When.OFF]
    return tuple(sorted(told, key=lambda alert: order.index(alert.severity)))


def condition_alert(condition: Condition, session: date) -> Alert:
    """Return the alert of a condition that lasts in a run, whatever is set for its rule.

    What keeps IB from being asked is one alert, whatever its kind: gateway, farm, other login and breaker follow from
    each other.
    """
    reason = condition.reason.rstrip(".")
    match condition.kind:
        case ConditionKind.PACING_PAUSE:
            return Alert(
                rule=Rule.RATE_LIMIT_EXCEEDED,
                severity=Severity.WARNING,
                key=f"{Rule.RATE_LIMIT_EXCEEDED}:{session}",
                text=f"IB complains again and again that requests come too fast: {reason}.",
                what_to_do=_PACE,
            )
        case ConditionKind.DATABASE_AWAY:
            return _database_away(f"{reason}.", "Bring it back; the run goes on by itself or is made good by the next.")
        case ConditionKind.DISK_LOW:
            return _disk_low(reason)
        case ConditionKind.GATEWAY_AWAY:
            words, what_to_do = "IB's gateway cannot be reached", "Start it and log in; the run then goes on by itself."
        case ConditionKind.FARM_AWAY:
            words, what_to_do = "IB's data farm is away", "IB restores it by itself; what waits then goes on."
        case ConditionKind.OTHER_LOGIN:
            words = "Another login has taken the market data"
            what_to_do = (
                "End that session, or give the collector a user name of its own; the run then goes on by itself."
            )
        case ConditionKind.BREAKER_OPEN:
            words, what_to_do = "IB's gateway answers no request", "Restart it if this lasts: it may hang."
    return _gateway_unreachable(f"{words}: {reason}.", what_to_do)


def rule_settings(rule: Rule, settings: AlertSettings) -> RuleSettings:
    """Return when, how severe and where alerts of the rule are told."""
    found: RuleSettings = getattr(settings, rule.value)
    return found


def when(rule: Rule, settings: AlertSettings) -> When:
    """Return when alerts of the rule are told."""
    return rule_settings(rule, settings).when


def as_set(alert: Alert, settings: AlertSettings) -> Alert:
    """Return the alert with the severity that is set for its rule, if one is."""
    return replace(alert, severity=rule_settings(alert.rule, settings).severity or alert.severity)


def disk_shortage(free_bytes: int | None, used: float | None, settings: AlertSettings) -> str:
    """Return how full a disk is, in words, if it is too full; empty otherwise, and where nothing is known."""
    short = free_bytes is not None and free_bytes < settings.disk_free_gb * GIGABYTE
    if not short and (used is None or used <= settings.disk_used):
        return ""
    parts = [f"{free_bytes / GIGABYTE:.1f} GB free"] if free_bytes is not None else []
    return ", ".join(parts + ([f"{used:.0%} used"] if used is not None else []))


def over(alert_rule: Rule, key: str, report: RunReport, still: frozenset[str]) -> bool:
    """Return whether the report proves that an open condition is over.

    Args:
        alert_rule: the condition's rule.
        key: its key.
        report: a finished run.
        still: keys of the alerts that the same report raises.
    """
    if key in still or alert_rule not in CONDITIONS:
        return False
    well = report.status in (RunStatus.SUCCESS, RunStatus.PARTIAL)
    same_cause = report.failure is not None and key.endswith(f":{report.failure.cause}")
    environment = report.environment
    proofs = {
        Rule.DATABASE_UNREACHABLE: well,
        Rule.GATEWAY_UNREACHABLE: well and report.window.asks_gateway,
        Rule.COLLECTION_FAILED: well and report.window.fetches and not same_cause,
        Rule.DEGRADED_IN_A_ROW: report.status is RunStatus.SUCCESS and report.window.fetches,
        Rule.DISK_LOW: environment.disk_free_bytes is not None or environment.disk_used is not None,
        Rule.BACKUP_FAILED: report.backup is not None or environment.backup_expected is False,
        Rule.BACKUP_MISSING: environment.last_backup is not None or environment.backup_expected is False,
        Rule.ARCHIVE_FAILED: report.archive is not None,
        Rule.ARCHIVE_DAMAGED: report.upkeep is not None and not report.upkeep.problem,
        Rule.STALE_CHAIN: key.removeprefix(f"{Rule.STALE_CHAIN}:") in dict(environment.chain_refreshed),
    }
    return proofs[alert_rule]


def degraded_alert(count: int, settings: AlertSettings) -> Alert | None:
    """Return the alert for so many fetching runs in a row that were not a success, None below the threshold."""
    if count < settings.degraded_runs or settings.degraded_in_a_row.when is When.OFF:
        return None
    alert = Alert(
        rule=Rule.DEGRADED_IN_A_ROW,
        severity=Severity.CRITICAL,
        key=str(Rule.DEGRADED_IN_A_ROW),
        text=f"{count} runs in a row did not end in success.",
        what_to_do="Something lasts: see collector doctor, and the failures of the last runs in collector status.",
    )
    return as_set(alert, settings)


def _cause(report: RunReport) -> Cause:
    return report.failure.cause if report.failure else Cause.INCOMPLETE


def _kind_of_error(message: str) -> str:
    """Return an unforeseen error's class name with a colon: another class is another failure."""
    return f"{message.partition(':')[0][:60]}:"


def _outcome(report: RunReport) -> Iterator[Alert]:
    run = f"{report.window} {report.session}"
    cause = _cause(report)
    message = report.failure.message if report.failure else ""
    if cause is Cause.GATEWAY_DOWN:
        yield _gateway_unreachable(
            f"IB's gateway cannot be reached: {message}",
            "Start it and log in; the next window then collects what was missed.",
        )
    if cause is Cause.DATABASE_DOWN:
        yield _database_away(message, "Bring it back; the next window then collects what was missed.")
    ended_badly = report.status in (RunStatus.FAILED, RunStatus.INTERRUPTED)
    if ended_badly and report.window is Window.BACKUP:
        yield Alert(
            rule=Rule.BACKUP_FAILED,
            severity=Severity.CRITICAL,
            key=str(Rule.BACKUP_FAILED),
            text=f"The backup {'failed' if report.status is RunStatus.FAILED else 'was interrupted'}: {message}",
            what_to_do="Earlier backups are untouched; it is tried again. By hand: collector run --window backup",
        )
    elif report.window is Window.ARCHIVE:
        if report.status is not RunStatus.SUCCESS:
            yield Alert(
                rule=Rule.ARCHIVE_FAILED,
                severity=Severity.CRITICAL,
                key=str(Rule.ARCHIVE_FAILED),
                text=f"The archive lacks what the database holds: {message}",
                what_to_do="What was archived before still is; it is tried again. By hand: collector archive",
            )
    elif ended_badly:
        yield Alert(
            rule=Rule.COLLECTION_FAILED,
            severity=Severity.CRITICAL,
            key=f"{Rule.COLLECTION_FAILED}:{_kind_of_error(message)}{cause}"
            if cause is Cause.UNFORESEEN
            else f"{Rule.COLLECTION_FAILED}:{cause}",
            text=f"{run} {'was interrupted' if report.status is RunStatus.INTERRUPTED else 'failed'}: {message}",
        )
    elif report.status is RunStatus.PARTIAL:
        yield Alert(
            rule=Rule.COLLECTION_PARTIAL,
            severity=Severity.WARNING,
            key=f"{Rule.COLLECTION_PARTIAL}:{run}:{report.attempt}",
            text=f"{run} is partial: {report.contracts_done:,} of {report.contracts:,} contracts are done."
            if report.window.fetches
            else f"{run} is partial: {message}",
        )
    elif report.status is RunStatus.SUCCESS and report.window.fetches:
        yield Alert(
            rule=Rule.COLLECTION_SUCCESS,
            severity=Severity.GOOD,
            key=f"{Rule.COLLECTION_SUCCESS}:{run}:{report.attempt}",
            text=f"{run} collected what it was due to collect."
            if not report.deferred
            else f"{run} left {report.deferred:,} requests to the next window.",
        )


def _gateway_unreachable(text: str, what_to_do: str) -> Alert:
    return Alert(
        rule=Rule.GATEWAY_UNREACHABLE,
        severity=Severity.CRITICAL,
        key=str(Rule.GATEWAY_UNREACHABLE),
        text=text,
        what_to_do=what_to_do,
    )


def _database_away(reason: str, what_to_do: str) -> Alert:
    return Alert(
        rule=Rule.DATABASE_UNREACHABLE,
        severity=Severity.CRITICAL,
        key=str(Rule.DATABASE_UNREACHABLE),
        text=f"The database cannot be used: {reason}",
        what_to_do=what_to_do,
    )


def _disk_low(shortage: str) -> Alert:
    return Alert(
        rule=Rule.DISK_LOW,
        severity=Severity.CRITICAL,
        key=str(Rule.DISK_LOW),
        text=f"The disk of the database is nearly full: {shortage}.",
        what_to_do="Make room before the next window; a full disk stops the collection.",
    )


def _copies(report: RunReport) -> Iterator[Alert]:
    for copy in report.backup.not_copied if report.backup else ():
        yield Alert(
            rule=Rule.BACKUP_FAILED,
            severity=Severity.WARNING,
            key=f"{Rule.BACKUP_FAILED}:{copy.folder}",
            text=f"The backup is made, and not copied into {copy.folder}: {copy.problem}.",
            what_to_do="Is its disk mounted, with room for one more? The next backup is copied again.",
        )


def _archive(report: RunReport) -> Iterator[Alert]:
    damaged = report.upkeep.damaged if report.upkeep else ()
    if damaged:
        more = f", and {len(damaged) - 1:,} more" if len(damaged) > 1 else ""
        yield Alert(
            rule=Rule.ARCHIVE_DAMAGED,
            severity=Severity.CRITICAL,
            key=str(Rule.ARCHIVE_DAMAGED),
            text=f"The archive does not give back what was stored: {damaged[0]}{more}.",
            what_to_do="Look at its disk; read it all: collector archive verify. Bars that it held are not dropped.",
        )


def _figures(report: RunReport, settings: AlertSettings) -> Iterator[Alert]:
    run = f"{report.window}:{report.session}:{report.attempt}"
    if report.expiring.lost:
        yield Alert(
            rule=Rule.LAST_CHANCE_MISSED,
            severity=Severity.CRITICAL,
            key=f"{Rule.LAST_CHANCE_MISSED}:{report.session}",
            text=f"{report.expiring.lost:,} expiring contracts were not collected in full, and never can be.",
            what_to_do="They are recorded as lost: collector status counts such gaps, sql/status/gaps.sql by series.",
        )
    for one in report.implausible:
        yield Alert(
            rule=Rule.SESSION_IMPLAUSIBLE,
            severity=Severity.CRITICAL,
            key=f"{Rule.SESSION_IMPLAUSIBLE}:{one.symbol}:{one.session}",
            text=f"{one.symbol} of {one.session} cannot be so empty: {one.words}. Nothing empty of it is settled.",
            what_to_do=f"It is asked again. If it was so: collector coverage accept --session {one.session}",
        )
    for closed in report.closures:
        yield Alert(
            rule=Rule.SESSION_IMPLAUSIBLE,
            severity=Severity.CRITICAL,
            key=f"{Rule.SESSION_IMPLAUSIBLE}:closed:{closed.session}",
            text=f"Was the exchange shut on {closed.session}? None of {', '.join(closed.symbols)} has a bar.",
            what_to_do=f"If so, add to closures in config.yaml: - {{date: {closed.session}, reason: …}}",
        )
    if report.rate_limit_hits >= settings.rate_limit_hits:
        yield Alert(
            rule=Rule.RATE_LIMIT_EXCEEDED,
            severity=Severity.WARNING,
            key=f"{Rule.RATE_LIMIT_EXCEEDED}:{report.session}",
            text=f"IB complained {report.rate_limit_hits:,} times that requests came too fast.",
            what_to_do=_PACE,
        )
    if report.status not in (RunStatus.SUCCESS, RunStatus.PARTIAL) or not report.window.fetches:
        return
    reached, done = report.reached, report.success_rate
    if reached is not None and reached < settings.completeness_threshold:
        yield Alert(
            rule=Rule.COMPLETENESS_LOW,
            severity=Severity.WARNING,
            key=f"{Rule.COMPLETENESS_LOW}:{run}",
            text=f"{wording.percent(reached)} of the expected series-slots are there, below "
            f"{wording.percent(settings.completeness_threshold)}.",
            what_to_do="The next window asks again for what is missing.",
        )
    low = [
        f"{name} {wording.percent(share)}"
        for name, share in (("completeness", reached), ("contracts done", done))
        if share is not None and share < settings.quality_threshold
    ]
    if low:
        yield Alert(
            rule=Rule.QUALITY_LOW,
            severity=Severity.WARNING,
            key=f"{Rule.QUALITY_LOW}:{run}",
            text=f"Quality is below {wording.percent(settings.quality_threshold)}: {', '.join(low)}.",
        )
    for flag in report.flags:
        yield Alert(
            rule=Rule.UNUSUALLY_FEW,
            severity=Severity.WARNING,
            key=f"{Rule.UNUSUALLY_FEW}:{flag.what}:{run}",
            text=f"Unusually few {flag.what}: {flag.value:,}, while {flag.usual:,} are usual in this window.",
        )


def _environment(environment: Environment, settings: AlertSettings, now: datetime) -> Iterator[Alert]:
    if shortage := disk_shortage(environment.disk_free_bytes, environment.disk_used, settings):
        yield _disk_low(shortage)
    if environment.backup_missing:
        yield Alert(
            rule=Rule.BACKUP_MISSING,
            severity=Severity.WARNING,
            key=str(Rule.BACKUP_MISSING),
            text=f"A backup is missing: {environment.backup_missing}.",
            what_to_do="Expired contracts can never be fetched again. Make one now: collector run --window backup",
        )
    due = environment.login_due
    if due is not None and timedelta(0) <= due - now <= timedelta(hours=settings.login_notice_h):
        yield Alert(
            rule=Rule.LOGIN_DUE,
            severity=Severity.WARNING,
            key=f"{Rule.LOGIN_DUE}:{due:%Y-%m-%d}",
            text=f"IB's weekly reset ends the gateway's login: {due.astimezone(NEW_YORK):%A %Y-%m-%d %H:%M} New York.",
            what_to_do="Log in afterwards, with the second factor at hand; until then every window fails.",
        )
    for symbol, refreshed in environment.chain_refreshed:
        if now - refreshed > timedelta(hours=settings.chain_age_h):
            yield Alert(
                rule=Rule.STALE_CHAIN,
                severity=Severity.WARNING,
                key=f"{Rule.STALE_CHAIN}:{symbol}",
                text=f"The option chain of {symbol} was last read {(now - refreshed) / timedelta(hours=1):.0f} h ago.",
                what_to_do="Run collector chains refresh; new strikes are missed until then.",
            )
    for rule, count, what in (
        (Rule.NEW_CONTRACTS, environment.new_contracts, "new contracts were found"),
        (Rule.EXPIRED_CONTRACTS, environment.expired_contracts, "contracts expired"),
    ):
        if count:
            yield Alert(rule=rule, severity=Severity.INFO, key=f"{rule}:{now:%Y-%m-%d}", text=f"{count:,} {what}.")
