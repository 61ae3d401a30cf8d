"""The `notify:` section of the configuration: channels, alert rules, thresholds."""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import NoDecode

from collector.config.section import Days, Hours, Section
from collector.domain.mail_addresses import mail_address

_TAKEN_NAMES = ("outbox", "mail", "desktop", "dead_man")
"""Names that no webhook may bear."""

_HOST_NAME = re.compile(r"[^\s\[\]:/@]*")

Address = Annotated[str, AfterValidator(mail_address)]


def _split_at_commas(value: object) -> object:
    """Take one comma-separated string, as an environment variable gives it, for a list."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


class Security(StrEnum):
    """How the connection to the mail server is protected; NONE is allowed to this very machine only."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class When(StrEnum):
    """When an alert is told.

    IMMEDIATE: while the run is at work, once what it is about has lasted for two minutes; anything else in the mail of
    that run, also where it fell into an outage that was told before. AFTER_COMPLETION: in the mail of that run; where
    it fell into such an outage, of a later one. DIGEST: as a line in the weekly mail. OFF: never.
    """

    IMMEDIATE = "immediate"
    AFTER_COMPLETION = "after_completion"
    DIGEST = "digest"
    OFF = "off"


class Severity(StrEnum):
    """How bad it is; orders and colours what a person reads."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    GOOD = "good"


class SmtpSettings(Section):
    """The mail server; without a host no mail is sent, but each one is still kept as a file.

    sender: the From address, the user name when empty. recipients: who gets the mails, those too that wait from earlier
    runs. timeout_s: of each network operation, seconds.
    attempts: sendings of one mail in one run. retry_wait_s: seconds before the second attempt, doubled each time.
    ca_file: PEM file with the certificate authorities to trust instead of the system's (a private mail server).
    """

    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    security: Security = Security.STARTTLS
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: Address | None = None
    recipients: Annotated[tuple[Address, ...], NoDecode] = ()
    timeout_s: float = Field(default=30.0, gt=0, le=300)
    attempts: int = Field(default=3, ge=1, le=10)
    retry_wait_s: float = Field(default=10.0, ge=0, le=120)
    ca_file: Path | None = None

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, host: str) -> str:
        """Take [::1] for ::1; refuse what cannot be looked up, such as a host with its port."""
        alone = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if _ip_address(alone) is None and not _HOST_NAME.fullmatch(host):
            raise ValueError("should be a host name or an address alone; the port is notify.smtp.port")
        return alone

    @field_validator("recipients", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _split_at_commas(value)

    @field_validator("recipients")
    @classmethod
    def _each_once(cls, recipients: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(recipients))

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.host:
            return self
        if not self.recipients:
            raise ValueError("notify.smtp.recipients is empty: say who gets the mails, or leave notify.smtp.host empty")
        if self.sender is None and self._user_address is None:
            raise ValueError("notify.smtp.sender is needed, since notify.smtp.username is no mail address")
        if self.security is Security.NONE and not _is_loopback(self.host):
            raise ValueError("notify.smtp.security may be none only for a mail server on this machine (127.0.0.1, ::1)")
        return self

    @property
    def from_address(self) -> str:
        """Return the From address; one on this host when no mail server is configured."""
        return self.sender or self._user_address or "collector@localhost"

    @property
    def _user_address(self) -> str | None:
        try:
            return mail_address(self.username)
        except ValueError:
            return None


class OutboxSettings(Section):
    """Where every mail is kept as .eml and .html, and for how many days.

    directory: None is `email_notifications` in the directory of the log files.
    """

    directory: Path | None = None
    keep_days: Days = 30

    def path(self, log_directory: Path) -> Path:
        """Return the outbox's directory, given the log's."""
        return (self.directory or log_directory / "email_notifications").expanduser()


class DesktopSettings(Section):
    """Notifications of the desktop: osascript on macOS, notify-send on Linux."""

    enabled: bool = False
    successes: bool = False


class WebhookKind(StrEnum):
    """The services that alerts can be posted to; CUSTOM is any other, by a template of one's own."""

    SLACK = "slack"
    DISCORD = "discord"
    NTFY = "ntfy"
    PAGERDUTY = "pagerduty"
    OPSGENIE = "opsgenie"
    CUSTOM = "custom"


_USUAL_ADDRESSES = {
    WebhookKind.PAGERDUTY: "https://events.pagerduty.com/v2/enqueue",
    WebhookKind.OPSGENIE: "https://api.opsgenie.com/v2/alerts",
}
"""Services with one address for everybody: what tells their users apart is the token."""


class WebhookSettings(Section):
    """A service that each alert and each recovery is posted to.

    name: what the rules' `channels` call it; its kind when empty. url, token: secrets; which of them a service needs
    is its own matter. template: JSON file of kind custom. timeout_s: of one request, seconds. attempts: of one
    request. retry_wait_s: seconds before the second attempt, doubled each time.
    """

    kind: WebhookKind
    name: str = Field(default="", pattern=r"^[a-z0-9_-]{0,30}$")
    url: SecretStr = SecretStr("")
    token: SecretStr = SecretStr("")
    template: Path | None = None
    timeout_s: float = Field(default=10.0, gt=0, le=60)
    attempts: int = Field(default=3, ge=1, le=10)
    retry_wait_s: float = Field(default=2.0, ge=0, le=60)

    @property
    def channel(self) -> str:
        """Return the name of the channel."""
        return self.name or self.kind.value

    @property
    def address(self) -> str:
        """Return the address to post to: the given one, else the service's; a secret."""
        return self.url.get_secret_value() or _USUAL_ADDRESSES.get(self.kind, "")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.address:
            raise ValueError(f"of kind {self.kind} needs its url")
        if self.kind in _USUAL_ADDRESSES and not self.token.get_secret_value():
            raise ValueError(f"of kind {self.kind} needs its token")
        if (self.kind is WebhookKind.CUSTOM) is (self.template is None):
            raise ValueError("needs a template if, and only if, its kind is custom")
        _check_address(self.address)
        if not self.token.get_secret_value().isprintable():
            raise ValueError("has a token with line ends or control characters")
        return self


class RuleSettings(Section):
    """How the alerts of a rule are told.

    when: see `When`. severity: instead of the one that the alert comes with. channels: their names; None is all.
    """

    when: When
    severity: Severity | None = None
    channels: Annotated[tuple[str, ...] | None, NoDecode] = None

    @field_validator("channels", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _split_at_commas(value)

    @model_validator(mode="after")
    def _told_at_all(self) -> Self:
        if self.channels == ():
            raise ValueError("names no channel: leave channels out for all of them, or say off")
        if self.channels is not None and self.when in (When.DIGEST, When.OFF):
            raise ValueError(f"names channels, but what is told {self.when} goes to none: take one of the two out")
        return self


Told = Annotated[RuleSettings, NoDecode]
_IMMEDIATE = RuleSettings(when=When.IMMEDIATE)
_AFTER_COMPLETION = RuleSettings(when=When.AFTER_COMPLETION)
_DIGEST = RuleSettings(when=When.DIGEST)


class AlertSettings(Section):
    """What each rule tells when and where, and the thresholds. Fractions of 1; free disk in gigabytes (10^9 bytes).

    `disk_low: digest` is short for `disk_low: {when: digest}`; without a `when`, the rule's usual one holds.
    """

    collection_failed: Told = _IMMEDIATE
    collection_partial: Told = _AFTER_COMPLETION
    collection_success: Told = _AFTER_COMPLETION
    rate_limit_exceeded: Told = _IMMEDIATE
    database_unreachable: Told = _IMMEDIATE
    gateway_unreachable: Told = _IMMEDIATE
    last_chance_missed: Told = _IMMEDIATE
    session_implausible: Told = _IMMEDIATE
    completeness_low: Told = _AFTER_COMPLETION
    quality_low: Told = _AFTER_COMPLETION
    unusually_few: Told = _AFTER_COMPLETION
    degraded_in_a_row: Told = _AFTER_COMPLETION
    disk_low: Told = _IMMEDIATE
    backup_failed: Told = _IMMEDIATE
    backup_missing: Told = _AFTER_COMPLETION
    archive_failed: Told = _IMMEDIATE
    archive_damaged: Told = _IMMEDIATE
    login_due: Told = _AFTER_COMPLETION
    stale_chain: Told = _AFTER_COMPLETION
    new_contracts: Told = _DIGEST
    expired_contracts: Told = _DIGEST
    recovery: Told = _IMMEDIATE

    completeness_threshold: float = Field(default=0.98, ge=0, le=1)
    quality_threshold: float = Field(default=0.95, ge=0, le=1)
    degraded_runs: int = Field(default=3, ge=2)
    disk_free_gb: float = Field(default=10.0, ge=0)
    disk_used: float = Field(default=0.90, gt=0, le=1)
    rate_limit_hits: int = Field(default=1, ge=1)
    chain_age_h: Hours = 24.0
    backup_late_h: Hours = 2.0
    login_notice_h: Hours = 72.0
    remind_after_h: Hours = 24.0

    @field_validator("*", mode="before")
    @classmethod
    def _spelled_out(cls, given: object, info: ValidationInfo) -> object:
        usual = cls.model_fields[info.field_name or ""].default
        if not isinstance(usual, RuleSettings):
            return given
        if isinstance(given, str):
            return {"when": given}
        return {"when": usual.when, **given} if isinstance(given, Mapping) else given

    def rules(self) -> Iterator[tuple[str, RuleSettings]]:
        """Yield each rule's name with what is set for it."""
        for name in type(self).model_fields:
            if isinstance(rule := getattr(self, name), RuleSettings):
                yield name, rule


class NotifySettings(Section):
    """How the owner is told."""

    subject_prefix: str = Field(default="[collector]", max_length=40)
    pictures: bool = True
    smtp: SmtpSettings = SmtpSettings()
    outbox: OutboxSettings = OutboxSettings()
    desktop: DesktopSettings = DesktopSettings()
    webhooks: Annotated[tuple[WebhookSettings, ...], NoDecode] = ()
    alerts: AlertSettings = AlertSettings()

    @field_validator("webhooks", mode="before")
    @classmethod
    def _decoded(cls, value: object) -> object:
        """Take JSON, as an environment variable or a file with one secret gives it, for a list."""
        if not isinstance(value, str):
            return value
        try:
            decoded: Any = json.loads(value or "[]")
        except ValueError:
            raise ValueError('should be a JSON list such as [{"kind": "slack", "url": "https://…"}]') from None
        return decoded

    @model_validator(mode="after")
    def _channels_exist(self) -> Self:
        """Refuse names that are taken or that no channel has: an alert would be told to nobody."""
        hooks = [hook.channel for hook in self.webhooks]
        for name in hooks:
            if name in _TAKEN_NAMES or hooks.count(name) > 1:
                raise ValueError(f"two channels are called {name}: give the webhook another name")
        known = ["mail", *(["desktop"] if self.desktop.enabled else []), *hooks]
        for rule, settings in self.alerts.rules():
            if unknown := [name for name in settings.channels or () if name not in known]:
                raise ValueError(
                    f"has no channel {unknown[0]}, which alerts.{rule}.channels names; there are: {', '.join(known)}"
                )
        return self


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or any(char.isspace() or not char.isprintable() for char in address):
        raise ValueError("has a url that is no web address")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError("should have a url that begins with https:// (http:// is for this machine only)")


def _is_loopback(host: str) -> bool:
    address = _ip_address(host)
    return host == "localhost" if address is None else address.is_loopback
