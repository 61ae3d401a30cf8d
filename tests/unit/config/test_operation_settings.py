"""Where backups are copied to, and what of the configuration their manifests show."""

import json
from pathlib import Path

import pytest

from collector.config import Settings, load
from collector.config.package_files import resource
from collector.domain.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand in an empty folder with an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.chdir(tmp_path)


def loaded(text: str) -> Settings:
    """Return the settings that a configuration file gives."""
    Path("config.yaml").write_text(text, encoding="utf-8")
    return load(Path("config.yaml"))


def test_folders_of_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """None by default; a home is spelled out; the environment gives several with commas between them."""
    assert load(resource("config.yaml")).backup.copies == ()
    assert loaded("backup: {copies: [~/usb, /mnt/nas]}\n").backup.copies == (Path.home() / "usb", Path("/mnt/nas"))
    monkeypatch.setenv("COLLECTOR_BACKUP__COPIES", "/mnt/one, /mnt/two")
    assert load(Path("config.yaml")).backup.copies == (Path("/mnt/one"), Path("/mnt/two"))


@pytest.mark.parametrize(
    ("backup", "words"),
    [
        ("copies: [usb]", "names 'usb', which is no folder that begins with / or ~"),
        ("copies: ['s3://bucket/backups']", "which is no folder that begins with / or ~"),
        ("copies: [/mnt/usb, /mnt/usb]", "backup.copies names /mnt/usb twice"),
        (
            "directory: /mnt/usb, copies: [/mnt/usb/]",
            "names /mnt/usb twice, or it is backup.directory itself",
        ),
        ("copies: [7]", "copies"),
    ],
)
def test_what_is_no_place_for_copies(backup: str, words: str) -> None:
    """What depends on where a command is called, is on no disk, or is no second place, is refused with its line."""
    with pytest.raises(ConfigurationError) as no:
        loaded(f"backup: {{{backup}}}\n")
    assert no.value.message.startswith("config.yaml:1: ")
    assert words in no.value.message
    assert "\n" not in no.value.message


@pytest.mark.parametrize("copies", ["{0}/there/../kept", "{0}/link", "{0}/there, {0}/link/../there"])
def test_the_same_folder_by_another_way_is_no_second_place(tmp_path: Path, copies: str) -> None:
    """Copies beside their backups would be half of the newest seven, and on the same disk."""
    (tmp_path / "there").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to("kept")
    with pytest.raises(ConfigurationError, match="twice, or it is backup"):
        loaded(f"backup: {{directory: {tmp_path}/kept, copies: [{copies.format(tmp_path)}]}}\n")


def test_a_key_password_in_the_url_is_refused() -> None:
    """pg_dump could be told it only where everybody on the machine reads it; the word itself is not repeated."""
    with pytest.raises(ConfigurationError) as no:
        loaded("database: {url: 'postgresql://u@h/b?sslkey=/k.pem&sslpassword=open-sesame'}\n")
    assert "has an sslpassword" in no.value.message
    assert "open-sesame" not in no.value.message + no.value.hint


SECRETS = """
symbols: [PLTR]
database: {url: "postgresql://bars:first-secret@h1,h2/bars?sslmode=require", password: second-secret}
dead_man: {url: "https://ping.example/third-secret"}
notify:
  smtp: {host: mail.example, username: a@example.com, password: fourth-secret, recipients: [b@example.com]}
  webhooks: [{kind: slack, url: "https://hooks.example/fifth-secret", token: sixth-secret}]
archive:
  s3: {access_key_id: seventh-secret, secret_access_key: eighth-secret, session_token: ninth-secret}
  gcs: {service_account_key: tenth-secret}
  azure: {sas_token: eleventh-secret}
"""


def test_what_is_shown_holds_no_secret() -> None:
    """A manifest shows every setting, also those left at their defaults, and of a secret not even that it is there."""
    shown = loaded(SECRETS).shown()
    text = json.dumps(shown)
    assert "-secret" not in text
    assert "***" not in text
    assert shown["symbols"][0]["symbol"] == "PLTR"
    assert shown["database"]["url"] == "postgresql://bars@h1,h2/bars?sslmode=require"
    assert "password" not in shown["database"]
    assert shown["backup"]["keep_days"] == 30
    assert shown["windows"]["eod"]["time"] == "16:45:00"
    assert loaded("").shown()["database"]["url"] == "embedded"
