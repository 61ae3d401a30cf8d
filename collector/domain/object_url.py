"""Read the URL of a place for objects."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_ACCOUNT = re.compile(r"([a-z0-9]{3,24})\.(?:dfs|blob)\.core\.windows\.net")
_PREFIX = re.compile(r"[A-Za-z0-9_=+,@ ()-][A-Za-z0-9._=+,@ ()-]*")


class Cloud(StrEnum):
    """The kinds of stores that objects can lie in."""

    S3 = "s3"
    GCS = "gs"
    AZURE = "az"


_SCHEMES = {"s3": Cloud.S3, "gs": Cloud.GCS, "az": Cloud.AZURE, "abfss": Cloud.AZURE}


def is_url(text: str) -> bool:
    """Tell whether a text means a URL, of whatever scheme, and no folder."""
    return "://" in text


@dataclass(frozen=True, slots=True)
class ObjectUrl:
    """Where objects lie: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or Azure's abfss://.

    bucket: Azure's container, too. prefix: what the objects' names begin with, without slashes at its ends. account:
    of Azure; "" where the URL leaves it to the settings. text: the URL; there is nothing secret in it.
    """

    cloud: Cloud
    bucket: str
    prefix: str
    account: str
    text: str

    @classmethod
    def parse(cls, given: str) -> Self:
        """Return what a URL says.

        Raises:
            ValueError: it is none; the message is the end of a sentence that begins with its key, and repeats nothing
                of it, for a secret may be in it.
        """
        try:
            parts = urlsplit(given)
            user, _, host = parts.netloc.rpartition("@")
        except ValueError:
            raise ValueError("is no URL") from None
        cloud = _SCHEMES.get(parts.scheme)
        if cloud is None:
            raise ValueError("should be a folder, or begin with s3://, gs://, az:// or abfss://")
        if ":" in user or (user and parts.scheme != "abfss") or parts.query or parts.fragment or "?" in given:
            raise ValueError("holds more than bucket and prefix: credentials have keys of their own below `archive:`")
        account = _ACCOUNT.fullmatch(host) if parts.scheme == "abfss" else None
        if (account is None) is (parts.scheme == "abfss") or (parts.scheme == "abfss") is not bool(user):
            raise ValueError("should look like abfss://container@account.dfs.core.windows.net/prefix")
        bucket, prefix = user or host, parts.path.strip("/")
        if not _BUCKET.fullmatch(bucket):
            raise ValueError("should name a bucket or container: three or more small letters, digits, dots and hyphens")
        if prefix and not all(_PREFIX.fullmatch(part) for part in prefix.split("/")):
            raise ValueError("has a prefix with empty parts, parts that begin with a dot, or unusual characters")
        text = f"{parts.scheme}://{parts.netloc}/{prefix}".rstrip("/")
        return cls(cloud, bucket, prefix, account[1] if account else "", text)
