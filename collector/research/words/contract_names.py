"""Contracts as people name them."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from collector.domain.errors import UsageError

ContractName: TypeAlias = int | str | tuple[str, date | str, Decimal | float | str, str]
"""A contract: its id, its OCC symbol with blanks or without, "SPY 2026-12-18 690 C", or these four terms."""

_OCC = re.compile(r"(?P<root>[A-Z0-9.]{1,6})(?P<day>\d{6})(?P<right>[CP])(?P<strike>\d{8})")
_RIGHTS = {"C": "C", "CALL": "C", "P": "P", "PUT": "P"}


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of a contract; strike in USD per share."""

    root: str
    expiration: date
    strike: Decimal
    right: str

    @property
    def occ_symbol(self) -> str:
        """Return the OCC symbol of 21 characters."""
        return f"{self.root:<6}{self.expiration:%y%m%d}{self.right}{int(self.strike * 1000):08d}"


def parsed(name: ContractName) -> int | Terms:
    """Return what a name means: an id, or terms.

    Raises:
        UsageError: it names no contract.
    """
    if isinstance(name, int):
        return name
    words = name.upper().split() if isinstance(name, str) else [str(word).upper() for word in name]
    try:
        found = _OCC.fullmatch("".join(words))
        if found is not None:
            day = date(2000 + int(found["day"][:2]), int(found["day"][2:4]), int(found["day"][4:]))
            return Terms(found["root"], day, Decimal(int(found["strike"])) / 1000, found["right"])
        root, expiration, strike, right = words
        price = Decimal(strike)
        if price.is_finite():  # what is missing in a frame is NaN
            return Terms(root, date.fromisoformat(expiration), price, _RIGHTS[right])
    except (ValueError, InvalidOperation, KeyError):
        pass
    raise UsageError(
        f"{name!r} names no contract",
        'Write "SPY 261218C00690000", "SPY 2026-12-18 690 C" or the contract\'s id.',
    )
