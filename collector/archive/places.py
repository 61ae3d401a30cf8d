"""Places where the archive's objects lie."""

import importlib.util
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from collector.config.operation_settings import ArchiveSettings
from collector.domain.errors import ConfigurationError, PlaceRefused, UsageError
from collector.domain.object_url import ObjectUrl, is_url

CHECK = "collector-check"
"""The object that `check` writes and removes; it is not listed."""

_LONGEST_NAME = 200
"""Characters of a part of an object's name; a file's name has 255 bytes at most, its part included."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a place.

    path: its name below the place, with slashes. bytes: its size.
    """

    path: str
    bytes: int


class Place(Protocol):
    """Where objects are put, whole: each is old or new, never torn.

    Every method may raise PlaceUnavailable (a later attempt may help) or PlaceRefused (none will before somebody has
    changed something). Callers hold the clock meanwhile, as for any work outside of it.
    """

    @property
    def name(self) -> str:
        """Return the folder, or the URL without credentials."""

    async def put(self, path: str, file: Path) -> None:
        """Store a file's content under a name, in place of what has it; durable when it returns."""

    async def fetch(self, path: str, file: Path) -> None:
        """Write an object's content into a file, in place of what is there.

        Raises:
            ObjectMissing: there is no such object.
        """

    async def sha256(self, path: str) -> str:
        """Return the hash of what the place gives back for an object, read anew and kept nowhere.

        Raises:
            ObjectMissing: there is no such object.
        """

    async def remove(self, path: str) -> None:
        """Remove an object; one that is not there is gone."""

    async def objects(self, prefix: str = "") -> tuple[StoredObject, ...]:
        """Return the objects whose names begin with a prefix, by name."""

    def local(self, path: str) -> Path | None:
        """Return where an object can be read in place, None where it has to be fetched."""


def open_place(settings: ArchiveSettings, place: str | None = None) -> Place:
    """Return the archive's place, or another one that is written in the same way; nothing is asked of it yet.

    Raises:
        PlaceRefused: credentials are malformed or contradict each other.
        ConfigurationError: no place is configured, a credential's file cannot be read, or the library for stores of
            objects is not installed.
        UsageError: it is a URL, and not one of a place.
    """
    named = settings.place if place is None else place
    if named is None:
        raise ConfigurationError(
            "no archive is kept: archive.place is null", "set archive.place in config.yaml; see docs/archive-places.md"
        )
    if not is_url(named):
        from collector.archive.folders import Folder  # noqa: PLC0415 - the other kind is not needed

        return Folder(Path(named))
    try:
        url = ObjectUrl.parse(named)
    except ValueError as exc:  # nothing of it is repeated: a secret may be in it
        raise UsageError(f"the place {exc}", "See docs/archive-places.md.") from None
    try:
        from collector.archive import object_stores  # noqa: PLC0415 - folders need no library
    except ModuleNotFoundError as exc:
        raise not_installed(exc.name or "obstore") from None
    return object_stores.opened(url, settings)


def not_installed(library: str) -> ConfigurationError:
    """Return the error of a library that is missing."""
    return ConfigurationError(
        f"the archive needs {library}, which is not installed", "run: pip install 'collector[archive]'"
    )


def require_library() -> None:
    """Make sure that the library of Parquet files is installed, without importing it.

    Raises:
        ConfigurationError: it is not.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise not_installed("pyarrow")


async def check(place: Place) -> None:
    """Prove that a place can be written, read and cleared, with a small object of its own.

    Raises:
        ArchiveError: it cannot.
    """
    content = os.urandom(64)
    with tempfile.TemporaryDirectory(prefix="collector-") as folder:
        sent, back = Path(folder) / "sent", Path(folder) / "back"
        sent.write_bytes(content)
        await place.put(CHECK, sent)
        try:
            await place.fetch(CHECK, back)
            await place.objects(CHECK)
        finally:
            await place.remove(CHECK)
        if back.read_bytes() != content:
            raise PlaceRefused(f"{place.name} gives back something else than was written", "check that disk or store")


def checked(path: str) -> str:
    """Return an object's name, which leads nowhere but to a file below its place.

    Raises:
        ValueError: it could lead elsewhere, or is no name that every place can keep.
    """
    parts = path.split("/")
    if (
        not path.isprintable()
        or "\\" in path
        or any(not one or one.startswith(".") or len(one) > _LONGEST_NAME for one in parts)
    ):
        raise ValueError(f"{path!r} is no name of an object")
    return path
