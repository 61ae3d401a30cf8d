"""Stores of objects as the configuration wants them: built without asking, refused without quoting a key."""

import json
import traceback
from typing import Any

import pytest

from collector.archive.object_stores import ObjectStore
from collector.archive.places import open_place
from collector.config import ArchiveSettings
from collector.domain.errors import CollectorError, ConfigurationError, PlaceRefused, UsageError
from tests.support.fixtures_object_store import without_cloud_variables

MALFORMED = '{"private_key": "open-sesame", "client_email": "a@b", "private_key_id": "k", "type": "service_account"}'


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    without_cloud_variables(monkeypatch)


def opened(place: str, **sections: Any) -> ObjectStore:  # noqa: ANN401 - as for the section
    """Open a place as the configuration says."""
    found = open_place(ArchiveSettings.model_validate({"place": place, **sections}))
    assert isinstance(found, ObjectStore)
    return found


def test_s3() -> None:
    """Bucket, prefix, region and endpoint are the configuration's; keys are no part of what the store shows."""
    place = opened(
        "s3://bars/options/",
        timeout_s=7,
        attempts=3,
        s3={
            "endpoint": "https://s3.example.com:9000",
            "region": "eu-central-1",
            "access_key_id": "open-sesame",
            "secret_access_key": "open-sesame",
            "session_token": "open-sesame",
        },
    )
    store = place._store
    assert place.name == "s3://bars/options"
    assert store.prefix == "options"
    shown: Any = store.config
    assert (shown["bucket"], shown["region"], shown["endpoint"]) == (
        "bars",
        "eu-central-1",
        "https://s3.example.com:9000",
    )
    assert store.retry_config is not None
    assert store.retry_config["max_retries"] == 2
    assert store.retry_config["retry_timeout"].total_seconds() == 21
    assert "sesame" not in repr(place) + repr(store) + repr(vars(place)) + repr(shown)


@pytest.mark.parametrize(
    ("place", "section", "account", "endpoint"),
    [
        ("az://bars/a", {"account": "mine", "account_key": "b3BlbiBzZXNhbWU="}, "mine", None),
        ("abfss://bars@theirs.dfs.core.windows.net/a", {"account": "mine", "sas_token": "?sv=1&sig=x"}, "theirs", None),
        (
            "az://bars/a",
            {"account": "mine", "endpoint": "https://blobs.example.com"},
            "mine",
            "https://blobs.example.com",
        ),
    ],
)
def test_azure(place: str, section: dict[str, str], account: str, endpoint: str | None) -> None:
    """The URL's account goes before the section's; a SAS token may begin with its question mark."""
    found = opened(place, azure=section)
    shown: Any = found._store.config
    assert (shown["container_name"], shown["account_name"], shown.get("endpoint")) == ("bars", account, endpoint)
    assert shown.get("sas_key", "sv=1&sig=x") == "sv=1&sig=x"
    assert found._store.prefix == "a"
    assert "b3Blb" not in repr(found) + repr(found._store)


def test_google() -> None:
    """Bucket, prefix and endpoint are the configuration's."""
    key = {"gcs_base_url": "https://gcs.example.com", "disable_oauth": True, "client_email": "", "private_key": ""}
    section = {"service_account_key": json.dumps({**key, "private_key_id": ""}), "endpoint": "https://gcs.example.com"}
    found = opened("gs://bars/options", gcs=section)
    shown: Any = found._store.config
    assert (shown["bucket"], shown["base_url"]) == ("bars", "https://gcs.example.com")
    assert found._store.prefix == "options"


@pytest.mark.parametrize(
    ("place", "section"),
    [
        ("gs://bars", {"gcs": {"service_account_key": "open-sesame"}}),
        ("gs://bars", {"gcs": {"service_account_key": '{"private_key": "open-sesame"}'}}),
        ("gs://bars", {"gcs": {"service_account_key": MALFORMED}}),
        ("az://bars", {"azure": {"account": "mine", "account_key": "open-sesame!"}}),
        ("az://bars", {}),
    ],
)
def test_malformed_credentials_are_named_and_not_quoted(place: str, section: dict[str, Any]) -> None:
    """One line says where to look; neither it, nor what a traceback shows, holds a piece of a key."""
    with pytest.raises(PlaceRefused, match="cannot be opened with these credentials") as no:
        opened(place, **section)
    told = "".join(traceback.format_exception(no.value)) + no.value.hint
    assert "open-sesame" not in told
    assert no.value.hint.startswith("check archive.")
    assert no.value.__context__ is None


def test_a_key_beside_the_environments_file_is_a_contradiction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's library takes one of them; which, the owner says."""
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", "/etc/other.json")
    with pytest.raises(PlaceRefused, match="contradict the environment"):
        opened("gs://bars", gcs={"service_account_key": "{}"})


def test_http_from_the_environment_is_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the configuration, which checks it, permits plain text."""
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    store = opened("s3://bars", s3={"endpoint": "https://s3.example.com"})._store
    assert store.client_options is not None
    assert store.client_options["allow_http"] in (False, "false")


@pytest.mark.parametrize(
    ("place", "error", "words"),
    [
        (None, ConfigurationError, "no archive is kept: archive.place is null"),
        ("ftp://open-sesame/a", UsageError, "the place should be a folder, or begin with s3://"),
        ("s3://key:open-sesame@bars", UsageError, "the place holds more than bucket and prefix"),
    ],
)
def test_what_is_no_place(place: str | None, error: type[CollectorError], words: str) -> None:
    """What a command or a program names is refused as the configuration's is, without repeating it."""
    with pytest.raises(error, match=words) as no:
        open_place(ArchiveSettings(), place)
    assert "sesame" not in no.value.message + no.value.hint


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error says what to install."""
    import sys  # noqa: PLC0415 - what is changed here

    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "collector.archive.object_stores")
    monkeypatch.delattr("collector.archive.object_stores")
    with pytest.raises(ConfigurationError, match="the archive needs obstore, which is not installed") as no:
        open_place(ArchiveSettings(place="s3://bars"))
    assert no.value.hint == "run: pip install 'collector[archive]'"
