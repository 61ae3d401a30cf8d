"""Read how a person names contracts and instants."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from collector.db.connection.pool import Row, Statements
from collector.db.contracts import contract_tables
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import Unknown, UsageError
from collector.domain.market_data.data_sets import DATA_SETS, OPTION_BARS_5MIN, DataSet, InstrumentKind
from collector.domain.market_data.instruments import Instrument, OptionContract, Right, Underlying

_OCC = re.compile(r"(?P<root>[A-Z][A-Z0-9.]{0,5}) *(?P<day>\d{6})(?P<right>[CP])(?P<strike>\d{8})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_RIGHTS = {"C": Right.CALL, "CALL": Right.CALL, "P": Right.PUT, "PUT": Right.PUT}
_LONGEST_ID = 18
_SPELLING = 'Write it as "SPY 261218C00690000", "SPY 2026-12-18 690 C", a contract\'s id, or an underlying\'s symbol.'
_MOST = 3
"""Contracts that are named instead of an unknown one."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person says of a contract: the underlying's symbol or the contract's root; strike in USD."""

    symbol: str
    expiration: date
    strike: Decimal
    right: Right

    @property
    def occ_symbol(self) -> str:
        """Return the 21-character OCC symbol."""
        return f"{self.symbol:<6}{self.expiration:%y%m%d}{self.right}{int(self.strike * 1000):08d}"

    def __str__(self) -> str:
        return f"{self.symbol} {self.expiration} {self.strike.normalize():f} {self.right}"


async def instrument(db: Statements, text: str) -> tuple[Instrument, Underlying]:
    """Return the contract or the underlying that a person names, and the underlying that it is about.

    Args:
        db: the database.
        text: an OCC symbol with or without blanks, terms ("SPY 2026-12-18 690 C", in any order after the symbol), a
            contract's id, or an underlying's symbol.

    Raises:
        Unknown: nothing of that name is known; it names the nearest ones.
        UsageError: several contracts have these terms.
    """
    words = " ".join(text.upper().split())
    if words.isdecimal() and len(words) <= _LONGEST_ID:
        return await _by_id(db, int(words))
    known = {one.id: one for one in await contract_tables.underlyings(db)}
    by_symbol = {one.symbol: one for one in known.values()}
    if words in by_symbol:
        return by_symbol[words], by_symbol[words]
    terms = terms_of(words)
    if terms is None:
        names = f" Known underlyings: {', '.join(sorted(by_symbol))}." if by_symbol else ""
        raise Unknown(f"{text!r} names neither a contract nor an underlying that is known", _SPELLING + names)
    if _OCC.fullmatch(words):
        ids = [row["contract_id"] for row in await db.fetch("contracts_by_symbol", terms.occ_symbol)][:1]
        near: list[Row] = [] if ids else await _nearest(db, terms)
    else:
        near = await _nearest(db, terms)
        exact = [row for row in near if _matches(row, terms)]
        if len(exact) > 1:
            symbols = ", ".join(_short(row["contract_symbol"]) for row in exact)
            raise UsageError(f"{terms} are the terms of several contracts", f"Name one of them: {symbols}.")
        ids = [row["contract_id"] for row in exact]
    if not ids:
        raise _unknown(terms, near)
    found = (await contract_tables.by_ids(db, ids))[ids[0]]
    return found, by_symbol[found.symbol]


def data_set_of(named: Instrument, size: str | None = None) -> DataSet:
    """Return the kind of bars of an instrument that have a size as it is written, of 5 minutes where none is given.

    Raises:
        UsageError: no such bars are kept of it.
    """
    kind = InstrumentKind.OPTION if isinstance(named, OptionContract) else InstrumentKind.UNDERLYING
    found = {one.size: one for one in DATA_SETS if one.kind is kind}
    wanted = OPTION_BARS_5MIN.size if size is None else size.strip().lower()
    if wanted not in found:
        raise UsageError(f"no bars of {size!r} are kept of {kind}s", f"Sizes: {', '.join(found)}.")
    return found[wanted]


def terms_of(words: str) -> Terms | None:
    """Return the terms that an OCC symbol, or symbol, expiration, strike and right say, None if they are neither."""
    if match := _OCC.fullmatch(words):
        try:
            day = datetime.strptime(match["day"], "%y%m%d").replace(tzinfo=UTC).date()
        except ValueError:
            return None
        return Terms(match["root"], day, Decimal(match["strike"]) / 1000, Right(match["right"]))
    symbol, *others = words.split()
    days = [one for one in others if _DAY.fullmatch(one)]
    rights = [_RIGHTS[one] for one in others if one in _RIGHTS]
    strikes = [one for one in others if one not in days and one not in _RIGHTS]
    if (len(days), len(rights), len(strikes)) != (1, 1, 1):
        return None
    try:
        strike = Decimal(strikes[0])
        day = date.fromisoformat(days[0])
    except (InvalidOperation, ValueError):
        return None
    return Terms(symbol, day, strike, rights[0]) if strike.is_finite() and 0 < strike < 10**5 else None


def instant_of(text: str) -> datetime:
    """Return the instant that a person wrote, UTC; New York's time where he names no zone.

    Args:
        text: `2026-11-25 15:30`, `2026-11-25T20:30Z`, `2026-11-25 15:30 America/New_York` or with an offset.

    Raises:
        UsageError: it is no such instant.
    """
    words = text.strip()
    zone: ZoneInfo = NEW_YORK
    stem, _, name = words.rpartition(" ")
    if "/" in name or name.upper() in {"UTC", "GMT"}:
        try:
            words, zone = stem, ZoneInfo(name if "/" in name else "UTC")
        except (ZoneInfoNotFoundError, ValueError):
            raise UsageError(f"{name!r} is no time zone", "Write it as America/New_York.") from None
    try:
        found = datetime.fromisoformat(words.strip())
    except ValueError:
        found = datetime.min  # noqa: DTZ901 - stands for nothing
    if not date.min.year < found.year < date.max.year:  # in another zone it may be of a year that does not exist
        raise UsageError(f"{text!r} is no instant", 'Write it as "2026-11-25 15:30" (New York).')
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


async def _by_id(db: Statements, contract_id: int) -> tuple[Instrument, Underlying]:
    found = (await contract_tables.by_ids(db, [contract_id] if contract_id < 2**31 else [])).get(contract_id)
    underlying = None if found is None else await contract_tables.underlying(db, found.symbol)
    if found is None or underlying is None:
        raise Unknown(f"no contract has the id {contract_id}", _SPELLING)
    return found, underlying


async def _nearest(db: Statements, terms: Terms) -> list[Row]:
    return await db.fetch("nearest_contracts", terms.symbol, terms.expiration, terms.strike, terms.right.value, _MOST)


def _matches(row: Row, terms: Terms) -> bool:
    return (row["expiration_date"], row["strike_price"], row["option_type"]) == (
        terms.expiration, terms.strike, terms.right,
    )  # fmt: skip


def _unknown(terms: Terms, near: Sequence[Row]) -> Unknown:
    if not near:
        return Unknown(f"no contract {terms} is known, and none of {terms.symbol}", "See: collector chains list")
    symbols = ", ".join(_short(row["contract_symbol"]) for row in near)
    return Unknown(f"no contract {terms} is known", f"The nearest known ones: {symbols}.")


def short_symbol(contract: OptionContract) -> str:
    """Return a contract's OCC symbol as people write it, with one blank: SPY 261218C00690000."""
    return _short(contract.occ_symbol)


def _short(occ_symbol: str) -> str:
    return f"{occ_symbol[:6].strip()} {occ_symbol[6:]}"
