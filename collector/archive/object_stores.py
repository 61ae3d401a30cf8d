"""Buckets and containers of S3, GCS and Azure as places."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from collector.archive import store_failures
from collector.archive.places import CHECK, StoredObject, checked
from collector.config.operation_settings import (
    ArchiveSettings,
    AzureSettings,
    GcsSettings,
    S3Settings,
)
from collector.domain.errors import ArchiveError, ObjectMissing, PlaceRefused, PlaceUnavailable
from collector.domain.object_url import Cloud, ObjectUrl
from collector.machine import whole_files

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import AzureConfig, GCSConfig, S3Config, S3Credential

ResultT = TypeVar("ResultT")
Store = S3Store | GCSStore | AzureStore

_PART_BYTES = 5 << 20
"""What is larger goes in parts of this size, the least that S3 takes; each has its time, on slow lines, too."""

_MOST_PARTS = 9_000
_PARTS_AT_ONCE = 2
_CONNECT_S = 10.0
_LONGEST_RETRIES_S = 180.0
"""Signatures of a request do not live much longer."""


def opened(url: ObjectUrl, settings: ArchiveSettings) -> "ObjectStore":
    """Return a bucket or container as a place; nothing is asked of it yet.

    Raises:
        PlaceRefused: credentials are malformed or contradict each other.
        ConfigurationError: a credential's file cannot be read.
    """
    common: dict[str, Any] = {
        "prefix": url.prefix or None,
        "client_options": {
            "connect_timeout": timedelta(seconds=min(_CONNECT_S, settings.timeout_s)),
            "timeout": timedelta(seconds=settings.timeout_s),
        },
        "retry_config": {
            "max_retries": settings.attempts - 1,
            "retry_timeout": timedelta(seconds=min(_LONGEST_RETRIES_S, settings.timeout_s * settings.attempts)),
        },
    }
    try:
        return ObjectStore(url.text, _store(url, settings, common))
    except (BaseError, ValueError):  # not chained, nor quoted: it may quote a key
        failure = PlaceRefused(
            f"{url.text} cannot be opened with these credentials: they are incomplete, malformed or contradict the "
            "environment",
            f"check {_SECTIONS[url.cloud]} and the variables {_VARIABLES[url.cloud]}; see docs/archive-places.md",
        )
    raise failure


_SECTIONS = {Cloud.S3: "archive.s3", Cloud.GCS: "archive.gcs", Cloud.AZURE: "archive.azure"}
_VARIABLES = {Cloud.S3: "AWS_…", Cloud.GCS: "GOOGLE_…", Cloud.AZURE: "AZURE_…"}


def _store(url: ObjectUrl, settings: ArchiveSettings, common: dict[str, Any]) -> Store:
    if url.cloud is Cloud.S3:
        return _s3(url, settings.s3, common)
    if url.cloud is Cloud.GCS:
        return _gcs(url, settings.gcs, common)
    return _azure(url, settings.azure, common)


def _may_be_plain(endpoint: str | None, *, allowed: bool) -> bool:
    """Tell whether http:// is permitted: expressly, or to this machine, which the configuration has checked."""
    return allowed or (endpoint is not None and endpoint.startswith("http://"))


def _s3(url: ObjectUrl, own: S3Settings, common: dict[str, Any]) -> S3Store:
    common["client_options"]["allow_http"] = _may_be_plain(own.endpoint, allowed=own.allow_http)
    config: S3Config = {"disable_bulk_delete": True}  # not everything that speaks like S3 has it
    if own.endpoint is not None:
        config["endpoint"] = own.endpoint
    if own.region is not None:
        config["region"] = own.region
    if own.access_key_id is None or own.secret_access_key is None:
        return S3Store(url.bucket, config=config, **common)
    token = own.session_token
    keys: S3Credential = {
        "access_key_id": own.access_key_id.get_secret_value(),
        "secret_access_key": own.secret_access_key.get_secret_value(),
        "token": None if token is None else token.get_secret_value(),
        "expires_at": None,
    }
    # A provider stands for all of them: a session's token from the environment must not join keys of ours.
    return S3Store(url.bucket, config=config, credential_provider=lambda: keys, **common)


def _gcs(url: ObjectUrl, own: GcsSettings, common: dict[str, Any]) -> GCSStore:
    common["client_options"]["allow_http"] = _may_be_plain(own.endpoint, allowed=own.allow_http)
    config: GCSConfig = {}
    if own.endpoint is not None:
        config["base_url"] = own.endpoint
    if (key := own.key()) is not None:
        config["service_account_key"] = key
    return GCSStore(url.bucket, config=config, **common)


def _azure(url: ObjectUrl, own: AzureSettings, common: dict[str, Any]) -> AzureStore:
    common["client_options"]["allow_http"] = _may_be_plain(own.endpoint, allowed=own.allow_http)
    config: AzureConfig = {}
    if own.endpoint is not None:
        config["endpoint"] = own.endpoint
    if account := url.account or own.account:
        config["account_name"] = account
    if own.account_key is not None:
        config["account_key"] = own.account_key.get_secret_value()
        config["credential_type"] = "access_key"
    if own.sas_token is not None:
        config["sas_key"] = own.sas_token.get_secret_value().removeprefix("?")
        config["credential_type"] = "sas_token"
    return AzureStore(url.bucket, config=config, **common)


class ObjectStore:
    """Objects of a bucket or container, below a prefix.

    Args:
        name: its URL.
        store: what talks to it, the prefix included.
    """

    def __init__(self, name: str, store: Store) -> None:
        self._name = name
        self._store = store

    @property
    def name(self) -> str:
        """Return the URL, without credentials."""
        return self._name

    async def put(self, path: str, file: Path) -> None:
        """Store a file's content; a large one goes in parts, of which nobody sees anything before all are there."""
        await self._asked(
            obstore.put_async(self._store, checked(path), file, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE),
            path,
        )

    async def fetch(self, path: str, file: Path) -> None:
        """Write an object's content into a file, when all of it has come."""
        with whole_files.draft(file) as made, made.open("wb") as written:
            await self._asked(self._received(checked(path), written.write), path)

    async def sha256(self, path: str) -> str:
        """Return the hash of what the store gives back for an object."""
        found = hashlib.sha256()
        await self._asked(self._received(checked(path), found.update), path)
        return found.hexdigest()

    async def _received(self, path: str, take: Callable[[bytes], object]) -> None:
        """Hand over an object part by part: a slow line has `timeout_s` for each, however large the object is."""
        first = await self._first_part(path)
        content, size = bytes(await first.bytes_async()), first.meta["size"]
        came = 0
        while content:
            came += len(content)
            await asyncio.to_thread(take, content)
            if came >= size:
                break
            rest = await obstore.get_async(
                self._store, path, options={"if_match": first.meta["e_tag"], "range": (came, came + _PART_BYTES)}
            )
            content = bytes(await rest.bytes_async())
        if came != size:
            raise PlaceUnavailable(f"{self._name} sent {came:,} bytes of {path} and then nothing", "try again later")

    async def _first_part(self, path: str) -> "GetResult":
        try:
            return await obstore.get_async(self._store, path, options={"range": (0, _PART_BYTES)})
        except BaseError as exc:
            if not store_failures.NO_RANGE.search(str(exc)):
                raise
        return await obstore.get_async(self._store, path)  # an empty one, of which nothing is a part

    async def remove(self, path: str) -> None:
        """Remove an object; one that is not there is gone."""
        try:
            await self._asked(obstore.delete_async(self._store, checked(path)), path)
        except ObjectMissing:
            return

    async def objects(self, prefix: str = "") -> tuple[StoredObject, ...]:
        """Return the objects whose names begin with a prefix, by name."""
        return await self._asked(self._listed(prefix))

    async def _listed(self, prefix: str) -> tuple[StoredObject, ...]:
        found: dict[str, StoredObject] = {}
        async for batch in obstore.list(self._store, prefix=prefix.rpartition("/")[0] or None):
            for one in batch:
                if one["path"] in found:
                    raise PlaceUnavailable(
                        f"{self._name} lists {one['path']} twice, as if its listing had no end",
                        "try again later; not everything that speaks like S3 lists more than a page",
                    )
                found[one["path"]] = StoredObject(one["path"], one["size"])
        no_objects = {CHECK, ""}  # consoles make an empty object of the prefix's own name, for a folder
        names = sorted(name for name in found.keys() - no_objects if name.startswith(prefix))
        return tuple(found[name] for name in names)

    def local(self, path: str) -> Path | None:  # noqa: ARG002 - a place's
        """Return None: nothing can be read in place."""
        return None

    async def _asked(self, answer: Awaitable[ResultT], path: str = "") -> ResultT:
        """Return what is answered.

        What the library says of a failure may hold a signed address, so that it is neither quoted nor chained.
        """
        try:
            return await answer
        except FileNotFoundError as exc:
            text = str(exc)
            missing = path and not store_failures.NO_BUCKET.search(text)
            failure: ArchiveError = (
                ObjectMissing(self._name, path) if missing else store_failures.named(self._name, text)
            )
        except BaseError as exc:
            failure = store_failures.named(self._name, str(exc))
        raise failure
