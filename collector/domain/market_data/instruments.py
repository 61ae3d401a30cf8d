"""What can be asked for: underlyings and option contracts."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias


class Right(StrEnum):
    """Call or put, spelled as IB and the OCC spell it."""

    CALL = "C"
    PUT = "P"


class WhatToShow(StrEnum):
    """The kinds of bars that are asked for; with an instrument, one makes a series."""

    TRADES = "TRADES"
    BID = "BID"
    ASK = "ASK"
    OPTION_IMPLIED_VOLATILITY = "OPTION_IMPLIED_VOLATILITY"
    ADJUSTED_LAST = "ADJUSTED_LAST"
    """Daily bars as if splits and dividends had never been."""

    @property
    def ends_now(self) -> bool:
        """Tell whether one request asks for all of it up to now: each dividend changes what came before."""
        return self is WhatToShow.ADJUSTED_LAST


OPTION_SERIES = (WhatToShow.TRADES, WhatToShow.BID, WhatToShow.ASK)
UNDERLYING_SERIES = (WhatToShow.TRADES, WhatToShow.OPTION_IMPLIED_VOLATILITY)


@dataclass(frozen=True, slots=True)
class Underlying:
    """A stock or ETF whose options are collected.

    source_id: the source's number, which only the source understands. id: the database's, 0 until it is stored.
    """

    symbol: str
    source_id: int
    name: str = ""
    sec_type: str = "STK"
    exchange: str = "SMART"
    primary_exchange: str = ""
    currency: str = "USD"
    id: int = 0

    @property
    def key(self) -> int:
        """Return the number that names it among all instruments: minus its id."""
        return -self.id

    @property
    def is_defined(self) -> bool:
        """Tell whether the source has defined it: one without the source's number has one below 0 until then."""
        return self.source_id > 0

    def renumbered(self, found: "Underlying") -> "Renumbering | None":
        """Return the change of the source's number from this one to what is found now, None where it is the same."""
        if found.source_id == self.source_id:
            return None
        return Renumbering(self.symbol, self.source_id, found.source_id)

    def difference(self, found: "Underlying") -> str:
        """Return in words by what another definition is not that of this security; empty: it is.

        What is not known here, of an adopted one for instance, is no difference.
        """
        pairs = (
            ("symbol", self.symbol, found.symbol),
            ("type", self.sec_type, found.sec_type),
            ("currency", self.currency, found.currency),
            ("primary exchange", self.primary_exchange, found.primary_exchange),
        )
        return ", ".join(
            f"{name} {new or 'unknown'} instead of {old}" for name, old, new in pairs if old not in ("", new)
        )


@dataclass(frozen=True, slots=True)
class Renumbering:
    """Another number that the source gave an underlying; both are the source's."""

    symbol: str
    earlier: int
    present: int


@dataclass(frozen=True, slots=True)
class OptionContract:
    """One option contract; strike in USD per share.

    source_id: the source's number, which only the source understands. id: the database's, 0 until it is stored; it is
    the contract's for ever, whatever else changes.
    """

    symbol: str
    source_id: int
    expiration: date
    strike: Decimal
    right: Right
    multiplier: int = 100
    exchange: str = "SMART"
    trading_class: str = ""
    currency: str = "USD"
    id: int = 0

    @property
    def key(self) -> int:
        """Return the number that names it among all instruments: its id."""
        return self.id

    @property
    def occ_symbol(self) -> str:
        """Return the 21-character OCC symbol: root (6, padded), YYMMDD, C or P, strike × 1000 (8 digits)."""
        root = self.trading_class or self.symbol
        return f"{root:<6}{self.expiration:%y%m%d}{self.right}{int(self.strike * 1000):08d}"


Instrument: TypeAlias = Underlying | OptionContract
