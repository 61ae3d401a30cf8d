"""Examples of every mail.

One of each kind, as `notify preview` shows and `notify test` sends them; every figure is invented.
"""

from collections.abc import Callable
from enum import StrEnum

from collector.notify.alerts.alert_memory import AlertMemory, Judgement, OpenCondition
from collector.notify.alerts.alert_rules import Alert, condition_alert
from collector.notify.channels.mail_message import Mail
from collector.notify.reports import examples
from collector.notify.reports.example_week import week
from collector.notify.reports.mail_rendering import Renderer


class Example(StrEnum):
    """What an example shows."""

    SUCCESS = "success"
    INTRADAY = "intraday"
    PARTIAL = "partial"
    IMPLAUSIBLE = "implausible"
    FAILED = "failed"
    PREFLIGHT_FAILED = "preflight_failed"
    AT_WORK = "at_work"
    HELD_UP = "held_up"
    RECOVERY = "recovery"
    GAP_FILL = "gap_fill"
    WEEKLY = "weekly"


def judged(tell: tuple[Alert, ...] = (), recovered: tuple[OpenCondition, ...] = ()) -> Judgement:
    """Return a judgement that tells alerts and ends of outages."""
    return Judgement(send=True, tell=tell, recovered=recovered, memory=AlertMemory())


def example_mail(kind: Example, renderer: Renderer) -> Mail:
    """Render the example of a kind of mail."""
    return _MAKERS[kind](renderer)


def _at_work(renderer: Renderer) -> Mail:
    report = examples.at_work()
    (condition,) = report.conditions
    return renderer.at_work(report, condition, judged((condition_alert(condition, report.session),)), condition.since)


_MAKERS: dict[Example, Callable[[Renderer], Mail]] = {
    Example.SUCCESS: lambda to: to.run(examples.success()),
    Example.INTRADAY: lambda to: to.run(examples.intraday()),
    Example.PARTIAL: lambda to: to.run(examples.partial(), judged(examples.alerts())),
    Example.IMPLAUSIBLE: lambda to: to.run(examples.implausible()),
    Example.FAILED: lambda to: to.run(examples.failed()),
    Example.PREFLIGHT_FAILED: lambda to: to.run(examples.preflight_failed()),
    Example.AT_WORK: _at_work,
    Example.HELD_UP: lambda to: to.run(examples.held_up(), judged(recovered=examples.recovered_conditions())),
    Example.RECOVERY: lambda to: to.run(examples.success(), judged(recovered=examples.recovered_conditions())),
    Example.GAP_FILL: lambda to: to.run(examples.gap_fill()),
    Example.WEEKLY: lambda to: to.week(week()),
}
