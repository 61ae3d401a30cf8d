"""One of each mail, as pages that stand alone; and one that tries to break the layout."""

from dataclasses import replace
from functools import cache

from collector.config.notify_settings import Severity
from collector.domain.masking import Mask
from collector.domain.reports.run_report import GapCounts, OutcomeCount, RunReport
from collector.notify.alerts.alert_memory import AlertMemory, Judgement, OpenCondition
from collector.notify.alerts.alert_rules import Alert, Rule, condition_alert
from collector.notify.channels.mail_message import Mail
from collector.notify.reports import examples
from collector.notify.reports.example_week import week
from collector.notify.reports.mail_rendering import Renderer, page


def _judged(tell: tuple[Alert, ...] = (), recovered: tuple[OpenCondition, ...] = ()) -> Judgement:
    return Judgement(send=True, tell=tell, recovered=recovered, memory=AlertMemory())


@cache
def mails() -> dict[str, Mail]:
    """Return one of each mail, by the name of its template."""
    renderer = Renderer(Mask())
    return {
        "success": renderer.run(examples.success()),
        "intraday": renderer.run(examples.intraday()),
        "partial": renderer.run(examples.partial(), _judged(examples.alerts()[1:])),
        "implausible": renderer.run(examples.implausible()),
        "failed": renderer.run(examples.failed()),
        "at_work": _at_work(renderer),
        "held_up": renderer.run(examples.held_up(), _judged(recovered=examples.recovered_conditions())),
        "preflight_failed": renderer.run(examples.preflight_failed()),
        "recovery": renderer.run(examples.success(), _judged(recovered=examples.recovered_conditions())),
        "weekly": renderer.week(week()),
        "torture": renderer.run(_torture(), _judged((_long_alert(),), examples.recovered_conditions())),
    }


def _at_work(renderer: Renderer) -> Mail:
    report = examples.at_work()
    (condition,) = report.conditions
    judged = _judged((condition_alert(condition, report.session),))
    return renderer.at_work(report, condition, judged, condition.since)


def pages() -> dict[str, str]:
    """Return each mail's page, its pictures inside."""
    return {name: page(mail) for name, mail in mails().items()}


def _torture() -> RunReport:
    """Return a report of endless words and numbers."""
    report = examples.partial()
    assert report.failure is not None
    endless = "W" * 300
    return replace(
        report,
        host=endless,
        log_path=f"/{endless}",
        gaps=GapCounts(opened=10**12, closed=10**12, lost=10**12, still_open=10**12),
        symbols=tuple(replace(s, symbol=endless, error=endless, bars_collected=10**8) for s in report.symbols),
        errors=tuple(
            OutcomeCount(outcome=e.outcome, count=10**9, examples=(endless, "a long text " * 40)) for e in report.errors
        ),
        failure=replace(report.failure, message=endless, hint=endless, saved=endless, resume=endless, log_path=endless),
    )


def _long_alert() -> Alert:
    text = "W" * 200
    return Alert(rule=Rule.QUALITY_LOW, severity=Severity.WARNING, key="k", text=text, what_to_do=text)
