"""Contracts as people name them."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from numbers import Integral
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
    def has_occ_symbol(self) -> bool:
        """Tell whether an OCC symbol can say the strike, which has at most three decimals."""
        return self.strike * 1000 % 1 == 0

    @property
    def occ_symbol(self) -> str:
        """Return the OCC symbol of 21 characters; what a strike has beyond a thousandth is not in it."""
        return f"{self.root:<6}{self.expiration:%y%m%d}{self.right}{int(self.strike * 1000):08d}"


def parsed(name: ContractName) -> int | Terms:
    """Return what a name means: an id, or terms.

    Raises:
        UsageError: it names no contract.
    """
    if isinstance(name, bool):
        raise _nameless(name)
    if isinstance(name, int | Integral):  # NumPy's numbers, too
        return int(name)
    try:
        words = name.upper().split() if isinstance(name, str) else [str(word).upper() for word in name]
        found = _OCC.fullmatch("".join(words))
        if found is not None:
            day = date(2000 + int(found["day"][:2]), int(found["day"][2:4]), int(found["day"][4:]))
            return Terms(found["root"], day, Decimal(int(found["strike"])) / 1000, found["right"])
        root, expiration, strike, right = words
        price = Decimal(strike)
        if price.is_finite():  # what is missing in a frame is NaN
            return Terms(root, date.fromisoformat(expiration), price, _RIGHTS[right])
    except (ValueError, TypeError, InvalidOperation, KeyError):
        pass
    raise _nameless(name)


def _nameless(name: object) -> UsageError:
    return UsageError(
        f"{name!r} names no contract",
        'Write "SPY 261218C00690000", "SPY 2026-12-18 690 C" or the contract\'s id.',
    )
