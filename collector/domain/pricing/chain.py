"""Implied volatilities and Greeks of one expiration.

Implied volatilities and Greeks of one expiration on one session: contracts by slots, numbers or reasons.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from collector.domain.pricing.american_price import CALL, PUT, American
from collector.domain.pricing.greeks import RATE_BUMP, greeks
from collector.domain.pricing.implied import Solved, implied
from collector.domain.pricing.lattice import Dividend, Lattice
from collector.domain.pricing.models import Model
from collector.domain.pricing.normal import Floats
from collector.domain.pricing.parity import Carry, Pairs, Prior, implied_carry, near_the_money
from collector.domain.pricing.reasons import GreeksReason
from collector.domain.quality.flags import SlotFlag

Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

ABSENT = -1
"""In `reason`: there is no row for that contract and slot."""

ALGORITHM = 1
"""Counts changes of the calculation itself; part of the version that is stored with every number."""

_LARGEST = 9e7
"""What the columns hold."""


@dataclass(frozen=True, slots=True)
class InputRules:
    """Which prices are fit to be inverted.

    widest_usd, widest_fraction: a quote is too wide when its spread exceeds both, USD and fraction of the mid.
    stale_usd: an unchanged quote is stale when the option should have moved by this and two spreads, USD.
    parity_strikes: pairs of strikes around the spot that parity looks at in a slot. parity_every: one slot in so many.
    """

    widest_usd: float = 0.25
    widest_fraction: float = 0.40
    stale_usd: float = 0.10
    parity_strikes: int = 6
    parity_every: int = 6


@dataclass(frozen=True, slots=True)
class ExpirationDay:
    """The prices of one expiration on one session.

    strike, sign (CALL or PUT): by contract. spot (NaN: none), years (to the expiration, at the slot's end): by slot.
    present: there is a row. bid, ask, trade: closes, NaN where there is none. volume: of the slot's trades, 0 if
    unknown. flags: bits of `SlotFlag`. These are contracts × slots, slots ascending.
    """

    strike: Floats
    sign: Ints
    spot: Floats
    years: Floats
    present: Flags
    bid: Floats
    ask: Floats
    trade: Floats
    volume: Floats
    flags: Ints


@dataclass(frozen=True, slots=True)
class Terms:
    """What the future is discounted with.

    rate: to this expiration. prior: what is known of the yield besides the quotes. from_parity: draw the yield from
    the quotes. dividends: cash dividends before the expiration; with them parity is not looked at.
    """

    rate: float
    prior: Prior
    from_parity: bool = True
    dividends: tuple[Dividend, ...] = ()


@dataclass(frozen=True, slots=True)
class Computed:
    """The numbers by contract and slot, NaN where there are none, and the reason of each as `GreeksReason`."""

    carry: Carry
    reason: Ints
    volatility: Floats
    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats
    rho: Floats

    def numbers(self) -> tuple[Floats, ...]:
        """Return volatility, delta, gamma, theta, vega and rho."""
        return self.volatility, self.delta, self.gamma, self.theta, self.vega, self.rho


def compute(day: ExpirationDay, terms: Terms, rules: InputRules) -> Computed:
    """Return the implied volatilities and Greeks of one expiration on one session."""
    price, reason = inputs(day, rules)
    carry = Carry(terms.prior.dividend_yield, 0.0, 0)
    if terms.from_parity and not terms.dividends:
        carry = implied_carry(pairs_of(day, price, reason, rules), terms.rate, terms.prior)
    result = Computed(carry, reason, *(np.full(day.present.shape, np.nan) for _ in range(6)))
    model, bumped = _models(terms, carry.dividend_yield, float(day.years.max(initial=0.0)))
    for sign in (CALL, PUT):
        usable = np.isfinite(price) & (day.sign == sign)[:, None]
        _fill(result, day, price, np.nonzero(usable), model, bumped, sign)
    _drop_stale(result, day, rules)
    _drop_unfit(result)
    return result


def inputs(day: ExpirationDay, rules: InputRules) -> tuple[Floats, Ints]:
    """Return the price to invert by contract and slot (NaN: none), and the reason as far as it is known."""
    bid, ask, flags = day.bid, day.ask, day.flags
    spread, mid = ask - bid, 0.5 * (bid + ask)
    with np.errstate(invalid="ignore"):
        two_sided, crossed = (bid > 0.0) & (ask >= bid) & (ask > 0.0), bid > ask
        wide = spread > np.maximum(rules.widest_usd, rules.widest_fraction * mid)
        traded = (day.trade > 0.0) & (day.volume > 0.0)
    doubted = (flags & int(SlotFlag.QUOTE_DOUBTED)) != 0
    from_quote = two_sided & ~wide & ~doubted
    from_trade = ~from_quote & traded & ((flags & int(SlotFlag.TRADE_DOUBTED)) == 0)
    reason = np.select(
        [from_quote, from_trade, doubted, crossed, two_sided & wide, ask > 0.0, traded, day.trade > 0.0],
        [
            GreeksReason.FROM_QUOTE, GreeksReason.FROM_TRADE, GreeksReason.SUSPICIOUS, GreeksReason.CROSSED,
            GreeksReason.TOO_WIDE, GreeksReason.NO_BID, GreeksReason.SUSPICIOUS, GreeksReason.STALE,
        ],
        GreeksReason.NO_PRICE,
    ).astype(np.int64)  # fmt: skip
    reason[:, ~(day.spot > 0.0)] = GreeksReason.NO_UNDERLYING
    reason[:, day.years <= 0.0] = GreeksReason.EXPIRED
    price = np.where(reason == GreeksReason.FROM_QUOTE, mid, day.trade)
    price[reason > GreeksReason.FROM_TRADE] = np.nan
    price[~day.present] = np.nan
    reason[~day.present] = ABSENT
    return price, reason


def _models(terms: Terms, dividend_yield: float, longest: float) -> tuple[Model, Model]:
    if terms.dividends:
        return (
            Lattice(terms.rate, dividend_yield, terms.dividends),
            Lattice(terms.rate + RATE_BUMP, dividend_yield, terms.dividends),
        )
    return American(terms.rate, dividend_yield, longest), American(terms.rate + RATE_BUMP, dividend_yield, longest)


def _fill(
    result: Computed,
    day: ExpirationDay,
    price: Floats,
    usable: tuple[npt.NDArray[np.intp], ...],
    model: Model,
    bumped: Model,
    sign: int,
) -> None:
    contract, slot = usable
    if len(contract) == 0:
        return
    spot, strike, years = day.spot[slot], day.strike[contract], day.years[slot]
    solved = implied(model, model.options(sign, spot, strike, years), price[usable])
    result.reason[contract[solved.outcome == Solved.BELOW], slot[solved.outcome == Solved.BELOW]] = (
        GreeksReason.BELOW_INTRINSIC
    )
    result.reason[contract[solved.outcome == Solved.ABOVE], slot[solved.outcome == Solved.ABOVE]] = (
        GreeksReason.ABOVE_BOUND
    )
    found = np.flatnonzero(solved.outcome == Solved.FOUND)
    volatility = solved.volatility[found]
    at = contract[found], slot[found]
    known = greeks(model, bumped, sign, spot[found], strike[found], years[found], volatility)
    for target, values in zip(
        result.numbers(), (volatility, known.delta, known.gamma, known.theta, known.vega, known.rho), strict=True
    ):
        target[at] = values


def pairs_of(day: ExpirationDay, price: Floats, reason: Ints, rules: InputRules) -> Pairs:
    """Return the pairs of fit quotes near the money, of some slots; price and reason as `inputs` returns them."""
    calls = {float(day.strike[row]): int(row) for row in np.flatnonzero(day.sign == CALL)}
    puts = {float(day.strike[row]): int(row) for row in np.flatnonzero(day.sign == PUT)}
    strikes = np.array(sorted(calls.keys() & puts.keys()))
    rows: list[tuple[int, int, int]] = []
    for slot in range(rules.parity_every // 2, len(day.spot), rules.parity_every):
        if day.spot[slot] > 0.0 and day.years[slot] > 0.0 and len(strikes):
            nearest = near_the_money(strikes, float(day.spot[slot]), rules.parity_strikes)
            rows += [(calls[strike], puts[strike], slot) for strike in strikes[nearest].tolist()]
    call, put, slot_of = np.array(rows, dtype=np.intp).reshape(-1, 3).T
    quoted = (reason[call, slot_of] == GreeksReason.FROM_QUOTE) & (reason[put, slot_of] == GreeksReason.FROM_QUOTE)
    call, put, slot_of = call[quoted], put[quoted], slot_of[quoted]
    spread = day.ask - day.bid
    return Pairs(
        call=price[call, slot_of],
        put=price[put, slot_of],
        spread=spread[call, slot_of] + spread[put, slot_of],
        strike=day.strike[call],
        spot=day.spot[slot_of],
        years=day.years[slot_of],
    )


def _drop_stale(result: Computed, day: ExpirationDay, rules: InputRules) -> None:
    """Take back numbers from quotes that did not move although the underlying did."""
    moved = np.abs(result.delta[:, 1:] * np.diff(day.spot))
    with np.errstate(invalid="ignore"):
        still = (day.bid[:, 1:] == day.bid[:, :-1]) & (day.ask[:, 1:] == day.ask[:, :-1])
        stale = still & (moved > rules.stale_usd + 2.0 * (day.ask - day.bid)[:, 1:])
    stale &= result.reason[:, 1:] == GreeksReason.FROM_QUOTE
    result.reason[:, 1:][stale] = GreeksReason.STALE
    _clear(result)


def _drop_unfit(result: Computed) -> None:
    """Take back numbers that the columns cannot hold."""
    usable = (result.reason == GreeksReason.FROM_QUOTE) | (result.reason == GreeksReason.FROM_TRADE)
    fits = np.ones(usable.shape, dtype=bool)
    for numbers in result.numbers():
        fits &= np.abs(np.nan_to_num(numbers, nan=np.inf)) < _LARGEST
    result.reason[usable & ~fits] = GreeksReason.OUT_OF_RANGE
    _clear(result)


def _clear(result: Computed) -> None:
    none = result.reason > GreeksReason.FROM_TRADE
    for numbers in result.numbers():
        numbers[none] = np.nan
