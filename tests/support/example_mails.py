"""One of each mail, as pages that stand alone; and one that tries to break the layout."""

from dataclasses import replace
from functools import cache

from collector.config.notify_settings import Severity
from collector.domain.masking import Mask
from collector.domain.reports.run_report import GapCounts, OutcomeCount, RunReport
from collector.notify.alerts.alert_rules import Alert, Rule
from collector.notify.channels.mail_message import Mail
from collector.notify.reports import examples
from collector.notify.reports.example_mails import Example, example_mail, judged
from collector.notify.reports.mail_rendering import Renderer, page


@cache
def mails() -> dict[str, Mail]:
    """Return one of each mail, by its kind."""
    renderer = Renderer(Mask(), site="http://127.0.0.1:8321")
    found = {str(kind): example_mail(kind, renderer) for kind in Example}
    torture = judged((_long_alert(),), examples.recovered_conditions())
    return {**found, "torture": renderer.run(_torture(), torture)}


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
