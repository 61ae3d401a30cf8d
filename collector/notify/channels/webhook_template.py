"""Templates of webhooks: JSON with placeholders.

A template holds `trigger`, what is posted of an alert, and `resolve`, what is posted of its end. Each has a `body` and,
if need be, `headers` (one with $token is left out where there is no token) and a `path`: an address relative to the
configured one, on the same server. `levels` gives the service's value for each of our severities; an alert of a
severity that is not among them is not posted. `escape` says what the service wants written for some characters.
"""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from collector.config.notify_settings import Severity, WebhookKind, WebhookSettings
from collector.domain.errors import ConfigurationError

PLACEHOLDERS = ("subject", "summary", "text", "severity", "level", "key", "rule", "host", "at", "token", "topic")
"""What may stand in a template, after a $.

subject: of the mail, one line. summary: the alert, 120 characters at most. text: the alert and what to do. severity:
ours. level: the service's, of whatever type its template gives. key: the same for an alert and its end. rule: its name
in the configuration. host: of the collector. at: the instant, ISO 8601. token: the configured one. topic: the last word
of the configured address.
"""

_LEVEL = "$level"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: str = ""
    headers: dict[str, str] = {}
    body: dict[str, JsonValue]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    levels: dict[Severity, JsonValue] = {severity: severity.value for severity in Severity}
    escape: dict[str, str] = {}
    trigger: _Part
    resolve: _Part


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted, and where."""

    url: SplitResult
    headers: Mapping[str, str]
    body: JsonValue


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read."""

    file: _File

    def wants(self, severity: Severity, *, over: bool) -> bool:
        """Return whether a notice is posted; an end always is."""
        return over or severity in self.file.levels

    def request(self, values: Mapping[str, str], settings: WebhookSettings, *, over: bool) -> Request:
        """Return what is posted of a notice.

        Args:
            values: of the placeholders, but for level, token and topic.
            settings: address and token.
            over: whether the notice is the end of an alert.

        Raises:
            ConfigurationError: the template leaves the configured server.
        """
        part = self.file.resolve if over else self.file.trigger
        token, address = settings.token.get_secret_value(), settings.address
        base = address.rstrip("/")
        level = self.file.levels.get(Severity(values["severity"]), values["severity"])
        escaped = {name: "".join(self.file.escape.get(char, char) for char in value) for name, value in values.items()}
        plain = {
            "token": token,
            "topic": urlsplit(base).path.rpartition("/")[2],
            "level": level if isinstance(level, str) else "",
        }
        quoted = {name: quote(value, safe="") for name, value in {**values, **plain}.items()}
        url = urlsplit(urljoin(base, _filled(part.path, quoted)) if part.path else address)
        if url[:2] != urlsplit(address)[:2]:
            raise ConfigurationError(
                f"The template of the webhook {settings.channel} leaves the configured server.",
                "Its path should be relative to notify.webhooks' url.",
            )
        headers = {
            name: _filled(text, {**values, **plain})
            for name, text in part.headers.items()
            if token or "token" not in string.Template(text).get_identifiers()
        }
        return Request(url, headers, _document(part.body, {**escaped, **plain}, level))


def template_path(settings: WebhookSettings) -> Path:
    """Return where a webhook's template is: among the package's own, or the one that the configuration names."""
    if settings.kind is WebhookKind.CUSTOM and settings.template is not None:
        return settings.template.expanduser()
    return Path(__file__).parent / "webhooks" / f"{settings.kind}.json"


def read(path: Path) -> Template:
    """Read a template.

    Raises:
        ConfigurationError: it cannot be read, or what it holds is no template; the message says where.
    """
    try:
        file = _File.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"The template {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"The template {path} is not UTF-8 text (byte {error.start})") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"The template {path} is wrong: {where + ': ' if where else ''}{first['msg']}"
        ) from None
    for where, text in _texts(file):
        found = string.Template(text)
        if not found.is_valid():
            raise ConfigurationError(f"The template {path} is wrong: {where}: a lone $ is written $$")
        unknown = [name for name in found.get_identifiers() if name not in PLACEHOLDERS]
        if unknown:
            raise ConfigurationError(
                f"The template {path} is wrong: {where}: there is no ${unknown[0]}",
                f"There are: {', '.join(f'${name}' for name in PLACEHOLDERS)}.",
            )
    return Template(file)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return string.Template(text).substitute(values)


def _document(value: JsonValue, values: Mapping[str, str], level: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: _document(inner, values, level) for name, inner in value.items()}
    if isinstance(value, list):
        return [_document(inner, values, level) for inner in value]
    if isinstance(value, str):
        return level if value == _LEVEL else _filled(value, values)
    return value


def _texts(file: _File) -> Iterator[tuple[str, str]]:
    """Yield every text that may hold placeholders, with where it stands."""
    for name, part in (("trigger", file.trigger), ("resolve", file.resolve)):
        yield f"{name}.path", part.path
        yield from ((f"{name}.headers.{header}", text) for header, text in part.headers.items())
        yield from _texts_in(part.body, f"{name}.body")


def _texts_in(value: JsonValue, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts_in(inner, f"{where}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts_in(inner, f"{where}[{number}]")
    elif isinstance(value, str):
        yield where, value
