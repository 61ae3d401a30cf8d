"""Where backups are copied to, and what of the configuration their manifests show."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from collector.config import Settings, load
from collector.config.operation_settings import WebSettings
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
    """None by default; a home is spelled out; the environment gives several with commas; URLs stay text."""
    assert load(resource("config.yaml")).backup.copies == ()
    assert loaded("backup: {copies: [~/usb, /mnt/nas]}\n").backup.copies == (Path.home() / "usb", Path("/mnt/nas"))
    monkeypatch.setenv("COLLECTOR_BACKUP__COPIES", "/mnt/one, /mnt/two")
    assert load(Path("config.yaml")).backup.copies == (Path("/mnt/one"), Path("/mnt/two"))
    monkeypatch.setenv("COLLECTOR_BACKUP__COPIES", "s3://bucket/backups/, /mnt/one")
    backup = load(Path("config.yaml")).backup
    assert backup.copies == ("s3://bucket/backups", Path("/mnt/one"))
    assert backup.copy_folders == (Path("/mnt/one"),)


@pytest.mark.parametrize(
    ("backup", "words"),
    [
        ("copies: [usb]", "names 'usb', which is no folder that begins with / or ~"),
        ("copies: ['ftp://bucket/backups']", "backup.copies should be a folder, or begin with s3://"),
        ("copies: ['s3://key:secret@bucket/backups']", "backup.copies holds more than bucket and prefix"),
        ("copies: ['s3://bucket/a', 's3://bucket/a/']", "backup.copies names s3://bucket/a twice"),
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


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ("null", None),
        ("/mnt/nas/archive/", "/mnt/nas/archive"),
        ("s3://bars/archive/", "s3://bars/archive"),
        ("gs://bars", "gs://bars"),
        ("az://bars/a", "az://bars/a"),
        ("abfss://bars@mine.dfs.core.windows.net/a", "abfss://bars@mine.dfs.core.windows.net/a"),
    ],
)
def test_places_of_the_archive(place: str, known: str | None) -> None:
    """A folder or a URL, in one spelling: the manifest knows objects by it."""
    archive = loaded(f"archive: {{place: {place}}}\n").archive
    assert archive.place == known
    assert archive.folder == (Path(known) if known and known.startswith("/") else None)


def test_a_home_is_spelled_out() -> None:
    """The folder does not depend on who reads the manifest."""
    assert loaded("archive: {place: ~/archive}\n").archive.folder == Path.home() / "archive"


@pytest.mark.parametrize(
    ("archive", "complaint"),
    [
        ("place: archive", "archive.place should be a folder that begins with / or ~"),
        ("place: ''", "archive.place should be a folder"),
        ("place: s3://key:open-sesame@bars", "archive.place holds more than bucket and prefix"),
        ("place: 'az://bars?sig=open-sesame'", "archive.place holds more than bucket and prefix"),
        ("place: ftp://open-sesame/a", "archive.place should be a folder, or begin with s3://"),
        ("s3: {endpoint: 'http://10.0.0.1:9000'}", "archive.s3.endpoint should begin with https://"),
        ("gcs: {endpoint: 'http://example.com'}", "archive.gcs.endpoint should begin with https://"),
        ("azure: {endpoint: 'http://example.com'}", "archive.azure.endpoint should begin with https://"),
        ("s3: {endpoint: 'https://key:open-sesame@h'}", "archive.s3.endpoint should hold no credentials"),
        ("azure: {endpoint: 'https://h/?sig=open-sesame'}", "archive.azure.endpoint should hold no credentials"),
        ("s3: {endpoint: localhost:9000}", "archive.s3.endpoint should be an https:// address"),
        ("s3: {access_key_id: open-sesame}", "archive.s3 needs access_key_id and secret_access_key, or neither"),
        ("s3: {session_token: open-sesame}", "archive.s3 has a session_token without the keys"),
        (
            "gcs: {service_account_key: open-sesame, service_account_file: /k}",
            "archive.gcs needs service_account_key or",
        ),
        ("azure: {account_key: open-sesame, sas_token: x}", "archive.azure needs account_key or sas_token, not both"),
        ("month_after_days: 0", "archive.month_after_days"),
    ],
)
def test_what_an_archive_cannot_be(archive: str, complaint: str) -> None:
    """Each is refused when the configuration is read, in one line that names its key and holds no secret."""
    with pytest.raises(ConfigurationError) as no:
        loaded(f"archive: {{{archive}}}\n")
    assert no.value.message.startswith(f"config.yaml:1: {complaint}")
    assert "sesame" not in no.value.message + no.value.hint
    assert "\n" not in no.value.message


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000", "https://s3.example.com"]
)
def test_endpoints_that_need_no_permission(endpoint: str) -> None:
    """Plain text to this machine is nobody else's to read."""
    assert loaded(f"archive: {{s3: {{endpoint: '{endpoint}'}}}}\n").archive.s3.endpoint == endpoint


def test_plain_text_to_another_machine_is_permitted_expressly() -> None:
    """A store in the owner's own network may have no certificate."""
    archive = loaded("archive: {s3: {endpoint: 'http://10.0.0.1:9000', allow_http: true}}\n").archive
    assert archive.s3.endpoint == "http://10.0.0.1:9000"


def test_an_archive_among_the_files_of_the_server_is_refused(tmp_path: Path) -> None:
    """PostgreSQL would not start there."""
    with pytest.raises(ConfigurationError, match=r"archive\.place should be a folder outside database\.data_dir"):
        loaded(f"database: {{data_dir: {tmp_path}/pg}}\narchive: {{place: {tmp_path}/pg/archive}}\n")


def test_credentials_of_the_archive_from_each_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment goes before the credentials' folder; both are secrets that are not shown."""
    folder = tmp_path / "credentials"
    folder.mkdir(mode=0o700)
    for name, text in (("archive__s3__access_key_id", "first-one"), ("archive__s3__secret_access_key", "second-one")):
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    monkeypatch.setenv("COLLECTOR_SECRETS_DIR", str(folder))
    monkeypatch.setenv("COLLECTOR_ARCHIVE__S3__SECRET_ACCESS_KEY", "third-one")
    settings = loaded("archive: {place: s3://bars}\n")
    keys = settings.archive.s3
    assert keys.access_key_id is not None
    assert keys.secret_access_key is not None
    assert (keys.access_key_id.get_secret_value(), keys.secret_access_key.get_secret_value()) == (
        "first-one",
        "third-one",
    )
    assert {"first-one", "third-one"} <= set(settings.secrets)
    assert "-one" not in repr(settings) + json.dumps(settings.shown())


def test_keys_in_the_configuration_file_are_misplaced() -> None:
    """As for every secret; doctor and each run say so."""
    settings = loaded("archive: {s3: {access_key_id: first-one, secret_access_key: second-one}}\n")
    assert len(settings.misplaced_secrets) == 2
    assert "-one" not in " ".join(settings.misplaced_secrets)


def test_the_file_of_a_service_account(tmp_path: Path) -> None:
    """Its content is the key; one that others can read, or that is not there, is refused with what to do."""
    file = tmp_path / "key.json"
    gcs = loaded(f"archive: {{gcs: {{service_account_file: {file}}}}}\n").archive.gcs
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        gcs.key()
    file.write_text('{"type": "service_account"}')
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read by other users"):
        gcs.key()
    file.chmod(0o600)
    assert gcs.key() == '{"type": "service_account"}'


@pytest.mark.parametrize(
    ("given", "site"),
    [
        ({}, "http://127.0.0.1:8321"),
        ({"serve": {"port": 0}}, ""),
        ({"serve": {"host": "::1"}}, "http://[::1]:8321"),
        ({"web": {"url": "https://collector.example/"}}, "https://collector.example"),
        ({"web": {"certificate": "/c.pem", "key": "/k.pem"}}, "https://127.0.0.1:8321"),
    ],
)
def test_where_mails_say_that_the_pages_are(given: dict[str, object], site: str) -> None:
    """Where they are served, or where the owner says that a reader finds them; nowhere while the port is any."""
    assert Settings.model_validate(given).site == site


@pytest.mark.parametrize("url", ["collector.example", "ftp://collector.example", "https://", "http://a:0", "http://[x"])
def test_no_mail_links_to_what_is_no_address(url: str) -> None:
    """It is refused with the settings."""
    with pytest.raises(ValidationError, match="should be an http:// or https:// address"):
        WebSettings(url=url)


@pytest.mark.parametrize(
    ("serve", "is_secured", "site"),
    [
        ({}, False, "http://127.0.0.1:18321"),
        ({"names": ["monitor.lan"]}, False, "http://127.0.0.1:18321"),
        ({"host": "::1"}, False, "http://[::1]:18321"),
        ({"host": "192.168.1.5"}, True, "https://192.168.1.5:18321"),
        ({"host": "192.168.1.5", "names": ["monitor.lan"]}, True, "https://monitor.lan:18321"),
        ({"host": "::", "names": ["monitor.lan", "other.lan"]}, True, "https://monitor.lan:18321"),
        ({"host": "::"}, True, "https://localhost:18321"),
    ],
)
def test_where_a_browser_finds_the_pages(serve: dict[str, object], is_secured: bool, site: str) -> None:
    """By the name of the certificate, at the port that was free."""
    web = {"certificate": "/c.pem", "key": "/k.pem", "password": "a long password"} if is_secured else {}
    assert Settings.model_validate({"serve": serve, "web": web}).site_at(18321) == site
