"""Option contracts that exist, and since when.

Which option contracts exist, and since when: expirations by rule, strikes by where the underlying has been.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np

from collector.simulator.exchange import sessions
from collector.simulator.exchange.listings import STOCKS, Option, Right, Stock
from collector.simulator.exchange.underlyings.paths import Paths

_WEDNESDAY, _FRIDAY = 2, 4

_DAILY_LEAD = timedelta(days=14)
_WEEKLY_LEAD = timedelta(days=50)
_MONTHLY_LEAD = timedelta(days=300)
_QUARTERLY_LEAD = timedelta(days=380)
_LEAPS_LEAD = timedelta(days=900)
_HORIZON = timedelta(days=905)

_NEAR_DAYS, _MIDDLE_DAYS = 70, 200
"""Days to expiration up to which the finest, and from which only the coarsest, strike step is listed."""

# Contract numbers: a fixed base plus a scrambled record of (stock, expiration, strike, right).
_BASE = 700_000_000
_BITS = 29
_MODULUS = 1 << _BITS
_SCRAMBLE = 0x0F3A_95E5
_UNSCRAMBLE = pow(_SCRAMBLE, -1, _MODULUS)
_EPOCH = sessions.COUNTED_FROM.toordinal()
_STRIKE_BITS, _DAY_BITS = 12, 13
_HALVES = 1 << _STRIKE_BITS


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract number says about its contract.

    Attributes:
        stock: the underlying.
        expiration: the last trading day.
        halves: the strike in units of 0.50 USD.
        right: C or P.
    """

    stock: Stock
    expiration: date
    halves: int
    right: Right

    @property
    def con_id(self) -> int:
        """The contract's number."""
        record = [stock.con_id for stock in STOCKS].index(self.stock.con_id)
        record = (record << _DAY_BITS) | (self.expiration.toordinal() - _EPOCH)
        record = (record << _STRIKE_BITS) | self.halves
        record = (record << 1) | (self.right == "P")
        return _BASE + record * _SCRAMBLE % _MODULUS


def terms_of(con_id: int) -> Terms | None:
    """Return what a contract number stands for, None when it cannot be an option's."""
    if not _BASE <= con_id < _BASE + _MODULUS:
        return None
    record = (con_id - _BASE) * _UNSCRAMBLE % _MODULUS
    right: Right = "P" if record & 1 else "C"
    record >>= 1
    record, halves = record >> _STRIKE_BITS, record & (_HALVES - 1)
    number, day = record >> _DAY_BITS, record & ((1 << _DAY_BITS) - 1)
    if number >= len(STOCKS) or halves == 0:
        return None
    return Terms(STOCKS[number], date.fromordinal(_EPOCH + day), halves, right)


def _third_friday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(_FRIDAY - first.weekday()) % 7 + 14)


def lead(stock: Stock, expiration: date) -> timedelta | None:
    """Return how long before its expiration a date's contracts are listed, None when nothing expires then.

    Fridays that are holidays hand their expiration to the session before.
    """
    if not sessions.is_session(expiration):
        return None
    friday = expiration + timedelta(days=_FRIDAY - expiration.weekday())
    if expiration.weekday() < _FRIDAY and sessions.session_on_or_before(friday) == expiration:
        nominal = friday
    else:
        nominal = expiration
    if nominal == _third_friday(nominal.year, nominal.month):
        return _LEAPS_LEAD if nominal.month in {1, 12} else _MONTHLY_LEAD
    if stock.daily_expirations and _ends_quarter(expiration):
        return _QUARTERLY_LEAD
    if nominal.weekday() == _FRIDAY:
        return _WEEKLY_LEAD
    return _DAILY_LEAD if stock.daily_expirations else None


def _ends_quarter(day: date) -> bool:
    following = day + timedelta(days=1)
    while not sessions.is_session(following):
        following += timedelta(days=1)
    return following.month != day.month and day.month % 3 == 0


@lru_cache(maxsize=512)
def expirations(stock: Stock, day: date) -> tuple[date, ...]:
    """Return the expirations listed on a day that have not passed before it, ascending."""
    found = []
    for candidate in sessions.sessions_between(day, day + _HORIZON):
        before = lead(stock, candidate)
        if before is not None and day >= candidate - before:
            found.append(candidate)
    return tuple(found)


class Chains:
    """The option chains under one market's paths.

    Args:
        paths: the underlyings' paths; strikes are listed around where they closed.
        expirations_kept: number of expirations whose contracts are kept in memory.
    """

    def __init__(self, paths: Paths, expirations_kept: int = 512) -> None:
        self._paths = paths
        self.strikes = lru_cache(maxsize=expirations_kept)(self._compute_strikes)
        """strikes(stock, expiration) -> {strike in halves of a dollar: first trading day}, ascending by strike."""
        self.contracts = lru_cache(maxsize=expirations_kept)(self._compute_contracts)
        """contracts(stock, expiration) -> all options ever listed for it, by strike, calls first."""
        self.option = lru_cache(maxsize=32_768)(self._compute_option)
        """option(con_id) -> the option, whenever it is or was listed; None when there never is such a contract."""

    def _compute_option(self, con_id: int) -> Option | None:
        terms = terms_of(con_id)
        if terms is None or lead(terms.stock, terms.expiration) is None:
            return None
        listed = self.strikes(terms.stock, terms.expiration).get(terms.halves)
        return None if listed is None else _option(terms, listed)

    def _compute_contracts(self, stock: Stock, expiration: date) -> tuple[Option, ...]:
        rights: tuple[Right, Right] = ("C", "P")
        return tuple(
            _option(Terms(stock, expiration, halves, right), listed)
            for halves, listed in self.strikes(stock, expiration).items()
            for right in rights
        )

    def _compute_strikes(self, stock: Stock, expiration: date) -> dict[int, date]:
        """Walk the life of an expiration: on its first day and each Monday after, strikes follow the spot."""
        before = lead(stock, expiration)
        if before is None:
            return {}
        life = sessions.sessions_between(expiration - before, expiration)
        frequent = before <= _WEEKLY_LEAD
        checks = [day for n, day in enumerate(life) if n == 0 or frequent or day.weekday() == 0]
        spots = self._paths.closes(stock, tuple(sessions.previous_session(day) for day in checks))
        days_left = np.array([(expiration - day).days for day in checks])
        halves = np.arange(1, _HALVES)
        distance = np.abs(halves[None, :] / 2.0 / spots[:, None] - 1.0)
        listed = np.zeros(distance.shape, dtype=bool)
        finest = np.where(days_left <= _NEAR_DAYS, 0, np.where(days_left <= _MIDDLE_DAYS, 1, 2))
        for rung, (step, width) in enumerate(stock.steps):
            on_step = halves % round(step * 2.0) == 0
            reach = np.where(finest <= rung, width, 0.0)
            if rung == len(stock.steps) - 1:  # the widest strikes exist only where there is time to get there
                reach = reach * np.where(before <= _DAILY_LEAD, 0.4, 1.0)
            listed |= on_step[None, :] & (distance <= reach[:, None])
        first = listed.argmax(axis=0)
        exists = listed.any(axis=0)
        return {int(halves[n]): checks[first[n]] for n in np.flatnonzero(exists)}


def _option(terms: Terms, listed: date) -> Option:
    symbol = terms.stock.symbol
    strike = Decimal(terms.halves) / 2
    return Option(terms.con_id, symbol, terms.expiration, strike, terms.right, symbol, listed)
