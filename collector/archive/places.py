"""Places where the archive's objects lie."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from collector.config.operation_settings import ArchiveSettings


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
    changed something).
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

    async def remove(self, path: str) -> None:
        """Remove an object; one that is not there is gone."""

    async def objects(self, prefix: str = "") -> tuple[StoredObject, ...]:
        """Return the objects whose names begin with a prefix, by name."""

    def local(self, path: str) -> Path | None:
        """Return where an object can be read in place, None where it has to be fetched."""


def open_place(settings: ArchiveSettings) -> Place:
    """Return the archive's place; nothing is asked of it yet.

    Raises:
        ArchiveError: the library for stores of objects is not installed, or credentials are malformed.
        ConfigurationError: no place is configured, or a credential's file cannot be read.
    """
    raise NotImplementedError
