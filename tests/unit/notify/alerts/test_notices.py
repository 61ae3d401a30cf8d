"""Notices: what of an alert or a recovery goes to which channels."""

from datetime import UTC, datetime

import pytest

from collector.config.notify_settings import AlertSettings, Severity
from collector.notify.alerts import notices
from collector.notify.alerts.alert_memory import OpenCondition
from collector.notify.alerts.alert_rules import Alert, Rule

AT = datetime(2026, 11, 20, tzinfo=UTC)
DISK = Alert(
    rule=Rule.DISK_LOW, severity=Severity.CRITICAL, key="disk_low", text="It is full.", what_to_do="Make room."
)
OPEN = OpenCondition(rule=Rule.DISK_LOW, key="disk_low", text="It is full.", since=AT, told=AT)


def test_an_alert_and_its_end_share_the_key() -> None:
    """By it a service closes what it has opened."""
    begun, over = notices.of_alert(DISK, AlertSettings()), notices.of_recovery(OPEN, AlertSettings())

    assert (begun.key, begun.over, begun.severity) == ("disk_low", False, Severity.CRITICAL)
    assert (over.key, over.over, over.severity) == ("disk_low", True, Severity.GOOD)
    assert over.text == "Over: It is full."


@pytest.mark.parametrize(
    ("disk_low", "recovery", "alert_goes_to", "end_goes_to"),
    [
        ({}, {}, {"mail", "slack", "pagerduty"}, {"mail", "slack", "pagerduty"}),
        ({"channels": "mail,pagerduty"}, {}, {"mail", "pagerduty"}, {"mail", "pagerduty"}),
        ({"channels": "mail,pagerduty"}, {"channels": "mail,slack"}, {"mail", "pagerduty"}, {"mail"}),
        ({}, {"channels": "slack"}, {"mail", "slack", "pagerduty"}, {"slack"}),
        ({"channels": "mail"}, {"channels": "slack"}, {"mail"}, set()),
    ],
)
def test_the_end_is_told_where_the_alert_was(
    disk_low: dict[str, str], recovery: dict[str, str], alert_goes_to: set[str], end_goes_to: set[str]
) -> None:
    """The rule's channels tell both; those of the rule `recovery` leave some out."""
    settings = AlertSettings.model_validate({"disk_low": disk_low, "recovery": recovery})
    begun, over = notices.of_alert(DISK, settings), notices.of_recovery(OPEN, settings)

    names = ("mail", "slack", "pagerduty")
    assert {name for name in names if begun.goes_to(name)} == alert_goes_to
    assert {name for name in names if over.goes_to(name)} == end_goes_to


def test_a_recovery_may_be_more_than_good() -> None:
    """The severity that is set for the rule holds."""
    settings = AlertSettings.model_validate({"recovery": {"severity": "info"}})
    assert notices.of_recovery(OPEN, settings).severity is Severity.INFO
