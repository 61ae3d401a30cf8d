"""The key that signs logins."""

import secrets
from pathlib import Path

import structlog

from collector.machine import private_files

_BYTES = 32
log = structlog.get_logger()


class Keys:
    """The key with which logins are signed; whoever can read its file can log in.

    Every process of the account reads it: `collector web` signs an address that `collector serve` takes. A new key ends
    every login. A process that cannot keep one in the file has one of its own, which nobody else knows.

    Args:
        path: of the file; made with its folder when a key is first asked for.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key = b""
        self._seen: tuple[int, int] | None = None
        self._is_ours_alone = False

    def current(self) -> bytes:
        """Return the key as it is in the file now."""
        try:
            if self._seen is None or self._stamp() != self._seen:
                self._read()
        except OSError as error:
            if not self._is_ours_alone:
                log.warning("key_of_logins_not_kept", path=str(self._path), error=error.strerror)
                self._is_ours_alone, self._key = True, secrets.token_bytes(_BYTES)
            self._seen = None  # the file counts again as soon as it can be read
        return self._key

    def renew(self) -> None:
        """Draw a new key: every login and every address that was printed ends.

        Raises:
            OSError: the file cannot be written.
        """
        private_files.write(self._path, secrets.token_hex(_BYTES).encode())

    def _read(self) -> None:
        if not self._path.exists():
            self.renew()
        elif private_files.exposure(self._path) or len(self._path.read_bytes()) < 2 * _BYTES:
            log.warning("key_of_logins_replaced", path=str(self._path), why="others could read it, or it was cut")
            self.renew()
        self._seen = self._stamp()
        self._key, self._is_ours_alone = self._path.read_bytes(), False

    def _stamp(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_ino, found.st_mtime_ns
