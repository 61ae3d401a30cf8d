"""Each alert rule, at its threshold and just beside it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from collector.config.notify_settings import AlertSettings, Severity, When
from collector.domain.conditions import Condition, ConditionKind
from collector.domain.reports.comparison import PastRun
from collector.domain.reports.run_report import (
    Cause,
    Environment,
    Expiring,
    FailureReport,
    RunReport,
    SymbolReport,
    UpkeepReport,
)
from collector.domain.run_vocabulary import RunStatus, Stage, Window
from collector.notify.alerts.alert_rules import Rule, condition_alert, degraded_alert, over, run_alerts, when

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
SETTINGS = AlertSettings()


def _report(
    status: RunStatus = RunStatus.SUCCESS,
    window: Window = Window.EOD,
    cause: Cause | None = None,
    message: str = "no",
    stage: Stage = Stage.PREFLIGHT,
    settled: int = 1000,
    done: int = 100,
) -> RunReport:
    return RunReport(
        run_id=1,
        window=window,
        session=date(2026, 11, 20),
        status=status,
        started=NOW - timedelta(hours=1),
        completed=NOW,
        symbols=(SymbolReport(symbol="SPY", contracts=100, contracts_done=done, expected=1000, settled=settled),),
        failure=FailureReport(stage=stage, cause=cause, message=message) if cause else None,
    )


def _rules(report: RunReport, settings: AlertSettings = SETTINGS) -> set[Rule]:
    return {alert.rule for alert in run_alerts(report, settings, NOW)}


@pytest.mark.parametrize(
    ("report", "rules"),
    [
        (_report(), {Rule.COLLECTION_SUCCESS}),
        (_report(window=Window.GAP_CHECK), set()),
        (_report(RunStatus.PARTIAL), {Rule.COLLECTION_PARTIAL}),
        (_report(RunStatus.INTERRUPTED), {Rule.COLLECTION_FAILED}),
        (_report(RunStatus.FAILED, cause=Cause.UNFORESEEN), {Rule.COLLECTION_FAILED}),
        (_report(RunStatus.FAILED, cause=Cause.GATEWAY_DOWN), {Rule.COLLECTION_FAILED, Rule.GATEWAY_UNREACHABLE}),
        (_report(RunStatus.FAILED, cause=Cause.DATABASE_DOWN), {Rule.COLLECTION_FAILED, Rule.DATABASE_UNREACHABLE}),
        (_report(settled=980), {Rule.COLLECTION_SUCCESS}),
        (_report(settled=979), {Rule.COLLECTION_SUCCESS, Rule.COMPLETENESS_LOW}),
        (_report(settled=949), {Rule.COLLECTION_SUCCESS, Rule.COMPLETENESS_LOW, Rule.QUALITY_LOW}),
        (_report(done=95), {Rule.COLLECTION_SUCCESS}),
        (_report(done=94), {Rule.COLLECTION_SUCCESS, Rule.QUALITY_LOW}),
        (replace(_report(), expiring=Expiring(lost=1)), {Rule.COLLECTION_SUCCESS, Rule.LAST_CHANCE_MISSED}),
        (replace(_report(), rate_limit_hits=1), {Rule.COLLECTION_SUCCESS, Rule.RATE_LIMIT_EXCEEDED}),
        (
            replace(
                _report(),
                past=tuple(
                    PastRun(session=date(2026, 10, 1 + i), status=RunStatus.SUCCESS, contracts=200) for i in range(20)
                ),
            ),
            {Rule.COLLECTION_SUCCESS, Rule.UNUSUALLY_FEW},
        ),
    ],
)
def test_what_a_run_gives_reason_to_tell(report: RunReport, rules: set[Rule]) -> None:
    """Every outcome and every figure at its threshold raises its rules and no other."""
    assert rules == _rules(report)


@pytest.mark.parametrize(
    ("environment", "rules"),
    [
        (Environment(), set()),
        (Environment(disk_free_bytes=10 * 10**9, disk_used=0.90), set()),
        (Environment(disk_free_bytes=10 * 10**9 - 1), {Rule.DISK_LOW}),
        (Environment(disk_used=0.901), {Rule.DISK_LOW}),
        (Environment(backup_expected=True, last_backup=NOW - timedelta(days=8)), set()),
        (Environment(backup_expected=True, backup_missing="there is no backup in /kept"), {Rule.BACKUP_MISSING}),
        (Environment(login_due=NOW + timedelta(hours=72)), {Rule.LOGIN_DUE}),
        (Environment(login_due=NOW + timedelta(hours=73)), set()),
        (Environment(chain_refreshed=(("SPY", NOW - timedelta(hours=24)),)), set()),
        (Environment(chain_refreshed=(("SPY", NOW - timedelta(hours=24, minutes=1)),)), {Rule.STALE_CHAIN}),
        (Environment(new_contracts=5, expired_contracts=6), {Rule.NEW_CONTRACTS, Rule.EXPIRED_CONTRACTS}),
    ],
)
def test_what_the_surroundings_give_reason_to_tell(environment: Environment, rules: set[Rule]) -> None:
    """Disk, backup, login and chains, each at its threshold and just beyond; what is not known raises nothing."""
    assert rules == _rules(replace(_report(window=Window.GAP_CHECK), environment=environment))


def test_what_is_lost_is_where_the_owner_is_sent() -> None:
    """`collector gaps` lists open gaps only: the alert names the command and the query that show lost ones."""
    (missed,) = [
        alert
        for alert in run_alerts(replace(_report(), expiring=Expiring(lost=1)), SETTINGS, NOW)
        if alert.rule is Rule.LAST_CHANCE_MISSED
    ]
    assert "collector gaps" not in missed.what_to_do
    assert "collector status" in missed.what_to_do
    assert "sql/status/gaps.sql" in missed.what_to_do


def test_a_success_with_deferred_requests_does_not_claim_all() -> None:
    """A run whose time did not suffice says what it left, also as a line of the weekly mail."""
    report = _report()
    (symbol,) = report.symbols
    (success,) = run_alerts(replace(report, symbols=(replace(symbol, deferred=7),)), SETTINGS, NOW)
    assert success.text == "eod 2026-11-20 left 7 requests to the next window."


def test_degraded_runs_in_a_row() -> None:
    """Two are bad luck, three are a state."""
    assert degraded_alert(2, SETTINGS) is None
    alert = degraded_alert(3, SETTINGS)
    assert alert is not None
    assert alert.rule is Rule.DEGRADED_IN_A_ROW


def test_every_rule_has_a_setting_and_can_be_switched_off() -> None:
    """The configuration names each rule; a rule that is off raises nothing."""
    assert {rule: when(rule, SETTINGS) for rule in Rule}[Rule.NEW_CONTRACTS] is When.DIGEST
    off = AlertSettings.model_validate({rule.value: "off" for rule in Rule})
    report = replace(
        _report(RunStatus.FAILED, cause=Cause.GATEWAY_DOWN),
        environment=Environment(disk_used=0.99, new_contracts=1),
    )

    assert _rules(report, off) == set()
    assert degraded_alert(9, off) is None


def test_the_worst_comes_first() -> None:
    """A person reads the first line: it is the most severe."""
    report = replace(_report(settled=900), expiring=Expiring(lost=2))

    severities = [alert.severity for alert in run_alerts(report, SETTINGS, NOW)]
    assert severities[0] is Severity.CRITICAL
    assert severities[-1] is Severity.GOOD


@pytest.mark.parametrize(
    ("kind", "key", "severity"),
    [
        (ConditionKind.GATEWAY_AWAY, "gateway_unreachable", Severity.CRITICAL),
        (ConditionKind.FARM_AWAY, "gateway_unreachable", Severity.CRITICAL),
        (ConditionKind.OTHER_LOGIN, "gateway_unreachable", Severity.CRITICAL),
        (ConditionKind.BREAKER_OPEN, "gateway_unreachable", Severity.CRITICAL),
        (ConditionKind.PACING_PAUSE, "rate_limit_exceeded:2026-11-20", Severity.WARNING),
        (ConditionKind.DATABASE_AWAY, "database_unreachable", Severity.CRITICAL),
        (ConditionKind.DISK_LOW, "disk_low", Severity.CRITICAL),
    ],
)
def test_each_condition_has_its_rule(kind: ConditionKind, key: str, severity: Severity) -> None:
    """The key is that of the alert at the end of a run, so that the same is told once; the reason ends its sentence."""
    alert = condition_alert(Condition(kind=kind, reason="so it is.", since=NOW), date(2026, 11, 20))

    assert (alert.key, alert.severity) == (key, severity)
    assert alert.text.endswith("so it is.")
    assert alert.what_to_do


def test_what_a_run_leaves_behind_is_raised_once() -> None:
    """A condition at the end is an alert of the run, one that is over is not, and none is raised twice."""
    away = Condition(kind=ConditionKind.GATEWAY_AWAY, reason="refused", since=NOW, there_s=300.0)
    assert Rule.GATEWAY_UNREACHABLE in _rules(replace(_report(), conditions=(away,)))
    assert Rule.GATEWAY_UNREACHABLE not in _rules(replace(_report(), conditions=(replace(away, until=NOW),)))
    both = (away, replace(away, kind=ConditionKind.OTHER_LOGIN))
    failed = replace(_report(RunStatus.FAILED, cause=Cause.GATEWAY_DOWN), conditions=both)
    keys = [alert.key for alert in run_alerts(failed, SETTINGS, NOW)]
    assert len(keys) == len(set(keys))


def test_damage_in_the_archive_is_over_when_a_later_week_finds_none() -> None:
    """It is critical and names an object; a week in which the archive could not be asked proves nothing."""
    damaged = replace(_report(window=Window.WEEKLY), upkeep=UpkeepReport(damaged=("a.parquet is missing", "b", "c")))
    [alert] = run_alerts(damaged, SETTINGS, NOW)
    assert (alert.rule, alert.severity) == (Rule.ARCHIVE_DAMAGED, Severity.CRITICAL)
    assert alert.text.endswith("a.parquet is missing, and 2 more.")
    proofs = [
        (UpkeepReport(verified=3), True),
        (UpkeepReport(problem="its disk is not there"), False),
        (None, False),
    ]
    for upkeep, is_over in proofs:
        week = replace(_report(window=Window.WEEKLY), upkeep=upkeep)
        assert over(Rule.ARCHIVE_DAMAGED, alert.key, week, frozenset()) is is_over
    assert not over(Rule.ARCHIVE_DAMAGED, alert.key, damaged, frozenset({alert.key}))
