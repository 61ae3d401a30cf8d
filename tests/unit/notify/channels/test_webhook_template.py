"""Templates of webhooks: those of the package, and what is wrong with one's own."""

import json
from pathlib import Path
from typing import Any

import pytest

from collector.config.notify_settings import Severity, WebhookKind, WebhookSettings
from collector.domain.errors import ConfigurationError
from collector.notify.channels.webhook_template import read, template_path

VALUES = {
    "subject": "S",
    "summary": "short",
    "text": "long",
    "severity": "critical",
    "key": "a:b c/d",
    "rule": "disk_low",
    "host": "box",
    "at": "2026-11-20T15:00:00+00:00",
}
PART: dict[str, Any] = {"body": {"text": "$text"}}


def _hook(url: str = "https://h.example/in/word", token: str = "", template: Path | None = None) -> WebhookSettings:
    path = template or Path("mine.json")
    return WebhookSettings.model_validate({"kind": "custom", "url": url, "token": token, "template": path})


def _written(folder: Path, **parts: object) -> Path:
    path = folder / "mine.json"
    path.write_text(json.dumps({"trigger": PART, "resolve": PART} | parts), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", [kind for kind in WebhookKind if kind is not WebhookKind.CUSTOM])
def test_every_kind_has_a_template(kind: WebhookKind) -> None:
    """The package brings one for each service, and each tells critical alerts and every end."""
    hook = WebhookSettings.model_validate({"kind": kind, "url": "https://h.example/x", "token": "t"})
    template = read(template_path(hook))
    assert template.wants(Severity.CRITICAL, over=False)
    assert template.wants(Severity.GOOD, over=True)


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie"])
def test_good_news_opens_no_incident(kind: str) -> None:
    """A run that went well is nothing that somebody should be called for."""
    template = read(template_path(WebhookSettings.model_validate({"kind": kind, "token": "t"})))
    assert not template.wants(Severity.GOOD, over=False)


def test_placeholders_in_every_depth(tmp_path: Path) -> None:
    """Texts are filled wherever they stand; a level keeps its type, numbers and $$ stay what they are."""
    body = {"a": ["$key", {"b": "<$severity> $$5"}], "n": 3, "none": None, "level": "$level", "in": "is $level"}
    path = _written(tmp_path, trigger={"body": body}, levels={"critical": 5})
    made = read(path).request(VALUES, _hook(), over=False)
    assert made.body == {"a": ["a:b c/d", {"b": "<critical> $5"}], "n": 3, "none": None, "level": 5, "in": "is "}


def test_values_are_escaped_as_the_service_wants_it(tmp_path: Path) -> None:
    """Each character once, and only in what is filled in."""
    path = _written(tmp_path, trigger={"body": {"t": "<b>$text</b>"}}, escape={"&": "&amp;", "<": "&lt;"})
    made = read(path).request({**VALUES, "text": "<!channel> & $key"}, _hook(), over=False)
    assert made.body == {"t": "<b>&lt;!channel> &amp; $key</b>"}


def test_where_it_is_posted(tmp_path: Path) -> None:
    """The configured address as it is, or one beside it, with the key quoted; topic is its last word."""
    close = {"path": "word/$key/close?by=alias", "body": {"topic": "$topic"}}
    template = read(_written(tmp_path, resolve=close))
    assert template.request(VALUES, _hook(), over=False).url.geturl() == "https://h.example/in/word"
    made = template.request(VALUES, _hook(), over=True)
    assert made.url.geturl() == "https://h.example/in/word/a%3Ab%20c%2Fd/close?by=alias"
    assert made.body == {"topic": "word"}


@pytest.mark.parametrize("path", ["https://evil.example/x", "//evil.example/x", "http://h.example/x"])
def test_a_template_cannot_send_secrets_elsewhere(tmp_path: Path, path: str) -> None:
    """Another server, or the same one in plain text, is refused when it comes to it."""
    template = read(_written(tmp_path, trigger={"path": path, "body": {}}))
    with pytest.raises(ConfigurationError, match="leaves the configured server"):
        template.request(VALUES, _hook(), over=False)


def test_a_header_with_a_token_needs_one(tmp_path: Path) -> None:
    """Without a token the header is left out, instead of being sent without its end."""
    template = read(_written(tmp_path, trigger={"headers": {"X-A": "Bearer $token", "X-B": "b"}, "body": {}}))
    assert template.request(VALUES, _hook(token="t0"), over=False).headers == {"X-A": "Bearer t0", "X-B": "b"}  # noqa: S106 - the test's own
    assert template.request(VALUES, _hook(), over=False).headers == {"X-B": "b"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "Invalid JSON"),
        ("[]", "should be an object"),
        ('{"trigger": {"body": {}}}', "resolve: Field required"),
        ('{"trigger": {"body": {}, "url": "x"}, "resolve": {"body": {}}}', "trigger.url: Extra inputs"),
        (
            '{"trigger": {"body": {"a": ["$txt"]}}, "resolve": {"body": {}}}',
            r"trigger\.body\.a\[0\]: there is no \$txt",
        ),
        (
            '{"trigger": {"body": {}}, "resolve": {"body": {"a": "5 $"}}}',
            r"resolve\.body\.a: a lone \$ is written \$\$",
        ),
        ('{"trigger": {"body": {}}, "resolve": {"body": {}}, "levels": {"bad": 1}}', "levels.bad"),
    ],
)
def test_what_is_wrong_with_a_template_and_where(tmp_path: Path, text: str, words: str) -> None:
    """A foreseeable mistake is named with file and place."""
    path = tmp_path / "mine.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words) as raised:
        read(path)
    assert str(path) in raised.value.message


def test_a_template_that_cannot_be_read(tmp_path: Path) -> None:
    """Not there, or no text: said in words."""
    with pytest.raises(ConfigurationError, match="No such file"):
        read(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        read(tmp_path / "bytes.json")
    assert template_path(_hook(template=Path("~/mine.json"))) == Path.home() / "mine.json"
