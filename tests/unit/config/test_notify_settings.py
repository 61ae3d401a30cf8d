"""The `notify:` section: what it accepts, and what it refuses before a mail would be lost."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from collector.config.notify_settings import AlertSettings, NotifySettings, Severity, SmtpSettings, WebhookKind, When

SLACK = {"kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/x"}
PAGERDUTY = {"kind": "pagerduty", "token": "r0"}


def test_without_settings_mails_are_files() -> None:
    """The defaults send nothing, and keep every mail below the log directory."""
    settings = NotifySettings()

    assert settings.smtp.host == ""
    assert settings.outbox.path(Path("logs")) == Path("logs/email_notifications")
    assert settings.alerts.gateway_unreachable.when is When.IMMEDIATE


def test_recipients_may_be_one_comma_separated_string() -> None:
    """As an environment variable gives them; the user name is the sender when it is an address."""
    smtp = SmtpSettings.model_validate(
        {"host": "mail.example.org", "username": "me@example.org", "recipients": "a@example.org, b@example.org"}
    )

    assert smtp.recipients == ("a@example.org", "b@example.org")
    assert smtp.from_address == "me@example.org"


@pytest.mark.parametrize(
    ("smtp", "words"),
    [
        ({"host": "mail.example.org", "sender": "c@example.org"}, "recipients is empty"),
        ({"host": "mail.example.org", "recipients": "a@example.org", "username": "me"}, "sender is needed"),
        (
            {"host": "::2", "recipients": "a@b.c", "sender": "c@b.c", "security": "none"},
            "only for a mail server on this",
        ),
        ({"recipients": ("a@example.org\r\nBcc: thief@example.net",)}, "is no mail address"),
        ({"recipients": ("a@example.org, thief@example.net",)}, "is no mail address"),
        ({"recipients": "a@example.org, b..c@example.org"}, "is no mail address"),
        ({"sender": "c.@example.org"}, "is no mail address"),
        (
            {"host": "mail.example.org", "recipients": "a@example.org", "username": "m..e@example.org"},
            "sender is needed",
        ),
        ({"host": "[mail.example.org]"}, "a host name or an address alone"),
        ({"host": "mail.example.org:587"}, "a host name or an address alone"),
        ({"host": "[::1]:587"}, "a host name or an address alone"),
        ({"host": "smtp://mail.example.org"}, "a host name or an address alone"),
        ({"host": "mail.example.org "}, "a host name or an address alone"),
        ({"hosst": "x"}, "Extra inputs"),
        ({"port": 0}, "greater than or equal to 1"),
    ],
)
def test_what_is_refused(smtp: dict[str, object], words: str) -> None:
    """Incomplete, unencrypted, forged or misspelt: refused when the configuration is read."""
    with pytest.raises(ValidationError, match=words):
        SmtpSettings.model_validate(smtp)


def test_the_login_secret_is_not_shown() -> None:
    """Neither in the representation nor in a dump for a person."""
    smtp = SmtpSettings.model_validate({"password": "hunter2"})

    assert "hunter2" not in f"{smtp!r}{smtp.model_dump()}{smtp.model_dump_json()}"


def test_addresses_are_taken_in_the_form_in_which_they_are_sent() -> None:
    """Domains in ASCII, each recipient once; the user name, too, where it is the sender."""
    smtp = SmtpSettings.model_validate(
        {
            "host": "mail.example.org",
            "username": "me@bücher.example",
            "recipients": "mé@bücher.example, b@EXAMPLE.org, b@example.org",
        }
    )

    assert smtp.recipients == ("mé@xn--bcher-kva.example", "b@example.org")
    assert smtp.from_address == "me@xn--bcher-kva.example"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.9.9.9"])
def test_plain_text_to_this_machine_is_allowed(host: str) -> None:
    """A local relay needs no encryption; an address in brackets is the one inside them, which can be connected to."""
    smtp = {"host": host, "recipients": "a@b.c", "sender": "c@b.c", "security": "none"}
    assert SmtpSettings.model_validate(smtp).host == host.strip("[]")


def test_a_rule_in_short_and_written_out() -> None:
    """A word is when it is told; written out, what is left out is as usual."""
    alerts = AlertSettings.model_validate(
        {
            "disk_low": "after_completion",
            "backup_failed": {"severity": "warning", "channels": "mail, desktop"},
            "new_contracts": {"when": "immediate", "channels": ["mail"]},
        }
    )

    assert alerts.disk_low.when is When.AFTER_COMPLETION
    assert (alerts.disk_low.severity, alerts.disk_low.channels) == (None, None)
    assert (alerts.backup_failed.when, alerts.backup_failed.severity) == (When.IMMEDIATE, Severity.WARNING)
    assert alerts.backup_failed.channels == ("mail", "desktop")
    assert (alerts.new_contracts.when, alerts.new_contracts.channels) == (When.IMMEDIATE, ("mail",))
    assert alerts.remind_after_h == 24


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("sometimes", "should be 'immediate'"),
        ({"severity": "fatal"}, "should be 'critical'"),
        ({"wen": "off"}, "Extra inputs"),
        ({"channels": []}, "names no channel"),
        ({"when": "digest", "channels": ["mail"]}, "what is told digest goes to none"),
        ({"when": "off", "channels": ["mail"]}, "what is told off goes to none"),
        (5, "valid dictionary"),
    ],
)
def test_rules_that_are_refused(rule: object, words: str) -> None:
    """A word or a key that is none, and channels that would never be told."""
    with pytest.raises(ValidationError, match=words):
        AlertSettings.model_validate({"disk_low": rule})


def test_channels_of_rules_are_set_up() -> None:
    """A rule names mail, the desktop if it is on, and webhooks; any other name would tell nobody."""
    named = {"alerts": {"disk_low": {"channels": ["mail", "desktop", "pagerduty", "ops"]}}}
    full = {"desktop": {"enabled": True}, "webhooks": [PAGERDUTY, SLACK | {"name": "ops"}]}

    assert NotifySettings.model_validate(named | full).alerts.disk_low.channels is not None
    for missing, words in (
        ({"desktop": {"enabled": False}}, "has no channel desktop, which alerts.disk_low.channels names"),
        ({"webhooks": [PAGERDUTY, SLACK]}, "has no channel ops, .* there are: mail, desktop, pagerduty, slack"),
    ):
        with pytest.raises(ValidationError, match=words):
            NotifySettings.model_validate(named | full | missing)


def test_webhooks_in_yaml_and_in_json() -> None:
    """A list in a file, JSON text from the environment; services with one address for everybody know it."""
    written = NotifySettings.model_validate({"webhooks": [SLACK, PAGERDUTY]})
    as_json = NotifySettings.model_validate({"webhooks": json.dumps([SLACK, PAGERDUTY])})

    assert written.webhooks == as_json.webhooks
    assert [hook.channel for hook in written.webhooks] == ["slack", "pagerduty"]
    assert written.webhooks[1].address == "https://events.pagerduty.com/v2/enqueue"
    assert NotifySettings.model_validate({"webhooks": ""}).webhooks == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_plain_http_to_this_machine_is_allowed(host: str) -> None:
    """A relay of one's own needs no encryption."""
    hook = {"kind": "ntfy", "url": f"http://{host}:8080/topic"}
    assert NotifySettings.model_validate({"webhooks": [hook]}).webhooks[0].kind is WebhookKind.NTFY


@pytest.mark.parametrize(
    ("webhooks", "words"),
    [
        ([{"kind": "teams", "url": "https://h/x"}], "'slack', 'discord', 'ntfy', 'pagerduty', 'opsgenie' or 'custom'"),
        ([{"kind": "slack"}], "of kind slack needs its url"),
        ([{"kind": "opsgenie"}], "of kind opsgenie needs its token"),
        ([{"kind": "custom", "url": "https://h/x"}], "needs a template if, and only if"),
        ([SLACK | {"template": "mine.json"}], "needs a template if, and only if"),
        ([SLACK | {"url": "http://hooks.slack.com/x"}], "begins with https://"),
        ([SLACK | {"url": "ftp://hooks.slack.com/x"}], "begins with https://"),
        ([SLACK | {"url": "http://127.0.0.1.evil.example/x"}], "begins with https://"),
        ([SLACK | {"url": "hooks.slack.com"}], "no web address"),
        ([SLACK | {"url": "https://h/a b"}], "no web address"),
        ([SLACK | {"url": "https://h:port/x"}], "no web address"),
        ([PAGERDUTY | {"token": "a\r\nHost: evil"}], "line ends"),
        ([SLACK | {"name": "two words"}], "should match"),
        ([SLACK, SLACK], "two channels are called slack"),
        ([SLACK | {"name": "mail"}], "two channels are called mail"),
        ([SLACK | {"timeout_s": 0}], "greater than 0"),
        ("https://hooks.slack.com/x", "JSON list"),
    ],
)
def test_webhooks_that_are_refused(webhooks: object, words: str) -> None:
    """Incomplete, unencrypted, forged or ambiguous; the complaint holds no address."""
    with pytest.raises(ValidationError, match=words) as raised:
        NotifySettings.model_validate({"webhooks": webhooks})
    assert "hooks.slack.com" not in str(raised.value)
