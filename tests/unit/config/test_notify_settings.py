"""The `notify:` section: what it accepts, and what it refuses before a mail would be lost."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from collector.config.notify_settings import NotifySettings, SmtpSettings, When


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
        ({"recipients": ("a@example.org\r\nBcc: thief@example.net",)}, "string_pattern_mismatch|should match"),
        ({"recipients": ("a@example.org, thief@example.net",)}, "should match"),
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


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_plain_text_to_this_machine_is_allowed(host: str) -> None:
    """A local relay needs no encryption."""
    smtp = {"host": host, "recipients": "a@b.c", "sender": "c@b.c", "security": "none"}
    assert SmtpSettings.model_validate(smtp).host == host
