"""The TWS wire format: length-prefixed messages of NUL-terminated text fields."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

HELLO = b"API\0"
"""What a client sends before its first message."""

_LENGTH = struct.Struct(">I")
_MAX_MESSAGE_BYTES = 1 << 20
"""No request comes near it; a longer one is a client that speaks something else."""


class WireError(ValueError):
    """The bytes received are no TWS message; the connection is of no further use."""


def text(value: object) -> str:
    """Return a value as IB writes it: None is empty, a boolean 1 or 0, 100.0 is 100.0 and 12.30 is 12.3."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Decimal):
        return number(value)
    return str(value)


def number(value: Decimal) -> str:
    """Return a decimal without exponent and trailing zeros, in full precision."""
    written = str(value)
    if "E" in written:
        written = format(value, "f")
    return written.rstrip("0").rstrip(".") if "." in written else written


def frame(*fields: object) -> bytes:
    """Return one message: its length in four bytes, then each field followed by NUL."""
    return framed("\0".join(map(text, fields)) + "\0")


def framed(body: str) -> bytes:
    """Return a message whose fields are already joined and terminated."""
    encoded = body.encode()
    return _LENGTH.pack(len(encoded)) + encoded


class Inbox:
    """Collects received bytes and gives back whole messages, however they were cut."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, received: bytes) -> None:
        """Add bytes that have just been read."""
        self._bytes += received

    def take_hello(self) -> bool:
        """Remove the greeting (API and a NUL) once it is complete; True when it was.

        Raises:
            WireError: what came instead is something else.
        """
        start = bytes(self._bytes[: len(HELLO)])
        if not HELLO.startswith(start):
            raise WireError(f"expected the greeting API, got {start!r}")
        if start != HELLO:
            return False
        del self._bytes[: len(HELLO)]
        return True

    def messages(self) -> Iterator[str]:
        """Yield the text of each complete message, in order of arrival.

        Raises:
            WireError: a message announces a length that no request has.
        """
        while len(self._bytes) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes)
            if length > _MAX_MESSAGE_BYTES:
                raise WireError(f"a message of {length} bytes was announced")
            end = _LENGTH.size + length
            if len(self._bytes) < end:
                return
            body = self._bytes[_LENGTH.size : end].decode(errors="backslashreplace")
            del self._bytes[:end]
            yield body


@dataclass(frozen=True, slots=True)
class ContractQuery:
    """The twelve contract fields of a request; empty text and 0 mean that the client left them open.

    expiry is YYYYMMDD or YYYYMM; strike is USD per share; right is C, P or empty.
    """

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    expiry: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""


class Fields:
    """A cursor over the fields of one received message; reading past the end or a wrong type raises WireError."""

    def __init__(self, values: Sequence[str]) -> None:
        self._values = values
        self._next = 0

    @classmethod
    def of(cls, body: str) -> "Fields":
        """Split the text of a message."""
        return cls(body.split("\0")[:-1])

    def text(self) -> str:
        """Return the next field."""
        try:
            value = self._values[self._next]
        except IndexError:
            raise WireError(f"the message ends after {len(self._values)} fields") from None
        self._next += 1
        return value

    def integer(self) -> int:
        """Return the next field as an integer; empty is 0."""
        value = self.text()
        try:
            return int(value or 0)
        except ValueError:
            raise WireError(f"field {self._next} is {value!r}, not an integer") from None

    def decimal(self) -> Decimal:
        """Return the next field as a decimal; empty is 0."""
        value = self.text()
        try:
            return Decimal(value or 0)
        except ArithmeticError:
            raise WireError(f"field {self._next} is {value!r}, not a number") from None

    def flag(self) -> bool:
        """Return the next field as a boolean; empty is False."""
        return self.integer() != 0

    def skip(self, count: int) -> None:
        """Pass over fields that nobody needs."""
        for _ in range(count):
            self.text()

    def contract(self) -> ContractQuery:
        """Return the next twelve fields as a contract."""
        return ContractQuery(
            con_id=self.integer(),
            symbol=self.text().upper(),
            sec_type=self.text().upper(),
            expiry=self.text(),
            strike=self.decimal(),
            right=self.text().upper()[:1],
            multiplier=self.text(),
            exchange=self.text().upper(),
            primary_exchange=self.text().upper(),
            currency=self.text().upper(),
            local_symbol=self.text(),
            trading_class=self.text(),
        )
