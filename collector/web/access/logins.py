"""One-time addresses and cookies of logins."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from itsdangerous import BadSignature, Signer, TimestampSigner, want_bytes

from collector.clock import Clock
from collector.web.access.keys import Keys

ADDRESS_LASTS = timedelta(minutes=10)
LOGIN_LASTS = timedelta(days=30)

_ADDRESS, _LOGIN, _PROOF = b"collector address", b"collector login", b"collector proof"
"""What is signed for one purpose is worth nothing for another."""


class _Stamped(TimestampSigner):
    """Signs with the time of our clock."""

    def __init__(self, key: bytes, purpose: bytes, clock: Clock) -> None:
        super().__init__(key, salt=purpose, key_derivation="hmac", digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        """Return seconds since 1970."""
        return int(self._clock.now().timestamp())

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        """Tell whether a signature is ours, in the one spelling that it has."""
        return hmac.compare_digest(want_bytes(sig), self.get_signature(value))


class Logins:
    """Gives and checks addresses and cookies.

    Args:
        keys: what signs them.
        clock: tells how old they are.
    """

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys, self.clock = keys, clock
        self._began = clock.now().replace(microsecond=0)
        self._used: dict[str, datetime] = {}

    def address(self, site: str) -> str:
        """Return an address that logs in once.

        Args:
            site: scheme, name and port, such as http://127.0.0.1:8321.
        """
        signed = self._signer(_ADDRESS).sign(secrets.token_urlsafe(16)).decode()
        return f"{site}/login?key={signed}"

    def use(self, key: str) -> bool:
        """Use the key of an address up; return whether it was good.

        One from before this process began is not: it may have been used with the process before.
        """
        self._notice_clock()
        try:
            drawn, signed_at = self._signer(_ADDRESS).unsign(
                key, max_age=int(ADDRESS_LASTS.total_seconds()), return_timestamp=True
            )
        except BadSignature:
            return False
        now, name = self.clock.now(), drawn.decode()
        self._used = {one: at for one, at in self._used.items() if now - at <= ADDRESS_LASTS}
        if name in self._used or signed_at < self._began:
            return False
        self._used[name] = signed_at
        return True

    def cookie(self) -> str:
        """Return what a browser keeps to be known again."""
        return self._signer(_LOGIN).sign(secrets.token_urlsafe(16)).decode()

    def knows(self, cookie: str) -> bool:
        """Tell whether a cookie is one of ours that has not ended."""
        try:
            self._signer(_LOGIN).unsign(cookie, max_age=int(LOGIN_LASTS.total_seconds()))
        except BadSignature:
            return False
        return True

    def end_all(self) -> None:
        """End every login, and every address that was not used yet.

        Raises:
            OSError: the key's file cannot be written.
        """
        self._keys.renew()

    def proof(self, port: int, question: str) -> str:
        """Return what only a process with our key can answer to a question.

        Args:
            port: where it listens; whoever passes a question on to it from another port gets an answer of no worth.
            question: anything.
        """
        self._notice_clock()
        signer = Signer(self._keys.current(), salt=_PROOF, key_derivation="hmac", digest_method=hashlib.sha256)
        return signer.get_signature(f"{port} {question}").decode()

    def _notice_clock(self) -> None:
        """Have begun now if the clock was ahead when we began, and has been set back.

        `collector web` asks for a proof before it signs an address: that one is good, then.
        """
        self._began = min(self._began, self.clock.now().replace(microsecond=0))

    def _signer(self, purpose: bytes) -> _Stamped:
        return _Stamped(self._keys.current(), purpose, self.clock)
