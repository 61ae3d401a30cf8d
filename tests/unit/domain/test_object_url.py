"""URLs of buckets and containers: what they say, and what is refused without repeating it."""

import pytest

from collector.domain.object_url import Cloud, ObjectUrl


@pytest.mark.parametrize(
    ("text", "cloud", "bucket", "prefix", "account", "spelled"),
    [
        ("s3://bars", Cloud.S3, "bars", "", "", "s3://bars"),
        ("s3://bars/", Cloud.S3, "bars", "", "", "s3://bars"),
        ("s3://bars/a/b/", Cloud.S3, "bars", "a/b", "", "s3://bars/a/b"),
        ("gs://my.bars_1/options", Cloud.GCS, "my.bars_1", "options", "", "gs://my.bars_1/options"),
        ("az://bars/options", Cloud.AZURE, "bars", "options", "", "az://bars/options"),
        (
            "abfss://bars@mine.dfs.core.windows.net/options",
            Cloud.AZURE,
            "bars",
            "options",
            "mine",
            "abfss://bars@mine.dfs.core.windows.net/options",
        ),
    ],
)
def test_what_a_url_says(text: str, cloud: Cloud, bucket: str, prefix: str, account: str, spelled: str) -> None:
    """Bucket, prefix and account; one spelling, whether a slash stood at the end or not."""
    assert ObjectUrl.parse(text) == ObjectUrl(cloud, bucket, prefix, account, spelled)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ftp://bars/open-sesame", "should be a folder, or begin with s3://"),
        ("https://bars.s3.amazonaws.com/open-sesame", "should be a folder, or begin with s3://"),
        ("file:///open-sesame", "should be a folder, or begin with s3://"),
        ("s3://key:open-sesame@bars/a", "holds more than bucket and prefix"),
        ("s3://open-sesame@bars/a", "holds more than bucket and prefix"),
        ("az://bars/a?sig=open-sesame", "holds more than bucket and prefix"),
        ("abfss://bars:open-sesame@mine.dfs.core.windows.net/a", "holds more than bucket and prefix"),
        ("s3://bars/a#open-sesame", "holds more than bucket and prefix"),
        ("abfss://bars@open-sesame.example/a", "should look like abfss://"),
        ("abfss://open-sesame/a", "should look like abfss://"),
        ("s3://", "should name a bucket"),
        ("s3:///open-sesame", "should name a bucket"),
        ("s3://ab", "should name a bucket"),
        ("s3://Open-Sesame", "should name a bucket"),
        ("s3://bars:9000/a", "should name a bucket"),
        ("s3://bars/a//open-sesame", "has a prefix with empty parts"),
        ("s3://bars/../open-sesame", "has a prefix with empty parts"),
        ("s3://bars/a/.open-sesame", "has a prefix with empty parts"),
        ("s3://[open-sesame", "is no URL"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    """What is wrong is said, and nothing of the URL repeated: a secret may be in it."""
    with pytest.raises(ValueError, match=words) as no:
        ObjectUrl.parse(text)
    assert "sesame" not in str(no.value)
