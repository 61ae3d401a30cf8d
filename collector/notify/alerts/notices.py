"""Notices: alerts and their ends, as channels tell them."""

from dataclasses import dataclass

from collector.config.notify_settings import AlertSettings, Severity
from collector.notify.alerts.alert_memory import OpenCondition
from collector.notify.alerts.alert_rules import Alert, Rule, rule_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An alert, or the end of one that was told.

    key: what it is the same as; an alert and its end share it. text: one sentence. what_to_do: one more. over: whether
    this is the end. channels: the names of those that tell it; None is all.
    """

    rule: Rule
    severity: Severity
    key: str
    text: str
    what_to_do: str = ""
    over: bool = False
    channels: tuple[str, ...] | None = None

    def goes_to(self, channel: str) -> bool:
        """Return whether a channel tells it."""
        return self.channels is None or channel in self.channels


def of_alert(alert: Alert, settings: AlertSettings) -> Notice:
    """Return the notice of an alert, for the channels of its rule."""
    return Notice(
        rule=alert.rule,
        severity=alert.severity,
        key=alert.key,
        text=alert.text,
        what_to_do=alert.what_to_do,
        channels=rule_settings(alert.rule, settings).channels,
    )


def of_recovery(condition: OpenCondition, settings: AlertSettings) -> Notice:
    """Return the notice that a condition is over, for the channels of its rule that `recovery` names, too."""
    named = rule_settings(condition.rule, settings).channels
    if settings.recovery.channels is not None:
        allowed = settings.recovery.channels
        named = allowed if named is None else tuple(name for name in named if name in allowed)
    return Notice(
        rule=condition.rule,
        severity=settings.recovery.severity or Severity.GOOD,
        key=condition.key,
        text=f"Over: {condition.text}",
        over=True,
        channels=named,
    )
