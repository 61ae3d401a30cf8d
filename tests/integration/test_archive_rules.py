"""The rules and rights of docs/archive-places.md: they can be pasted, and a store takes them."""

import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from collector.config import ArchiveSettings, BackupSettings
from tests.support.fixtures_object_store import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Bucket

PAGE = (Path(__file__).parents[2] / "docs/archive-places.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """Return the page's blocks of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_rules_are_json() -> None:
    """Rights and rules of S3, and the rules of GCS, in this order; none ever deletes what is current."""
    rights, s3, google = map(json.loads, blocks("json"))
    assert {action for one in rights["Statement"] for action in [*one["Action"]] if action.startswith("s3:")} == {
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
    }
    assert rights["Statement"][0]["Action"] == "s3:ListBucket"
    (rule,) = s3["Rules"]
    assert "Expiration" not in rule
    assert rule["Filter"]["Prefix"] == "archive/"
    deletes = [one["condition"] for one in google["lifecycle"]["rule"] if one["action"]["type"] == "Delete"]
    assert [one["isLive"] for one in deletes] == [False]


def test_a_store_takes_the_rules(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Amazon's own library checks them against its model, and an S3 server keeps them as they are."""
    client: Any = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{bucket.port}",
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
    )
    rules = json.loads(blocks("json")[1])
    client.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration=rules)
    assert client.get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"] == rules["Rules"]
    client.close()


@pytest.mark.parametrize("text", blocks("yaml"))
def test_settings_of_the_page_are_settings(text: str) -> None:
    """Each example is taken as it stands."""
    found = yaml.safe_load(text)
    ArchiveSettings.model_validate(found.get("archive", {}))
    BackupSettings.model_validate(found.get("backup", {}))
