"""A password that is tried over the network."""

import hashlib
import hmac
import ipaddress
from datetime import timedelta

from collector.clock import Clock

_FIRST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(seconds=256)
_MOST_GUESSERS = 1000


def same(given: str, wanted: str) -> bool:
    """Tell whether two secrets are the same; how long that takes tells nothing of them."""
    digests = (hashlib.sha256(text.encode(errors="surrogateescape")).digest() for text in (given, wanted))
    return hmac.compare_digest(*digests)


class Door:
    """Lets in who knows the password; who was wrong waits, twice as long each time.

    Args:
        password: the right one; None lets nobody in.
        clock: tells how long somebody has waited.
    """

    def __init__(self, password: str | None, clock: Clock) -> None:
        self._password, self._clock = password, clock
        self._guessers: dict[str, tuple[int, float]] = {}

    def wait(self, client: str) -> timedelta:
        """Return how long a client still has to wait before it may try."""
        _, until = self._guessers.get(_network(client), (0, 0.0))
        return max(timedelta(seconds=until - self._clock.monotonic()), timedelta())

    def opens(self, client: str, password: str) -> bool:
        """Tell whether a password is right; one that is not makes the client wait.

        Args:
            client: its address; those of one IPv6 network are one.
            password: what was given.
        """
        name = _network(client)
        failures, _ = self._guessers.pop(name, (0, 0.0))
        if self._password is not None and same(password, self._password):
            return True
        wait = min(_FIRST_WAIT * 2 ** min(failures, 30), _LONGEST_WAIT)
        self._guessers[name] = (failures + 1, self._clock.monotonic() + wait.total_seconds())
        if len(self._guessers) > _MOST_GUESSERS:
            self._guessers.pop(next(iter(self._guessers)))
        return False


def _network(client: str) -> str:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else client  # noqa: PLR2004
