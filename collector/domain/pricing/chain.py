"""Implied volatilities and Greeks of one expiration.

Implied volatilities and Greeks of one expiration on one session: contracts by slots, numbers or reasons.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from collector.domain.pricing.american_price import CALL, PUT
from collector.domain.pricing.dividends import Dividend, DividendSource
from collector.domain.pricing.greeks import RATE_BUMP, greeks
from collector.domain.pricing.implied import Solved, implied
from collector.domain.pricing.lattice import model_of
from collector.domain.pricing.models import Model
from collector.domain.pricing.normal import Floats
from collector.domain.pricing.parity import Carry, Pairs, Prior, disagree, implied_carry, near_the_money, refuted
from collector.domain.pricing.reasons import COMPUTED, GreeksReason
from collector.domain.quality.flags import SlotFlag

Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

ABSENT = -1
"""In `reason`: there is no row for that contract and slot."""

ALGORITHM = 2
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
    the quotes. dividends: cash dividends before the expiration; the yield is besides them. source: who told of them,
    or of the prior.
    """

    rate: float
    prior: Prior
    from_parity: bool = True
    dividends: tuple[Dividend, ...] = ()
    source: DividendSource = DividendSource.CONFIGURED

    @property
    def cash_dividends(self) -> float:
        """Return the sum of the cash dividends, USD per share."""
        return sum(dividend.amount for dividend in self.dividends)


@dataclass(frozen=True, slots=True)
class Computed:
    """The numbers by contract and slot, NaN where there are none, and the reason of each as `GreeksReason`.

    source: what their dividends are known from.
    """

    carry: Carry
    source: DividendSource
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
    carry, source, near = Carry(terms.prior.dividend_yield, 0.0, 0), terms.source, pairs_of(day, reason, rules)
    if terms.from_parity:
        carry = implied_carry(near, terms.rate, terms.prior, terms.dividends)
        source = DividendSource.PARITY if carry.pairs and not terms.dividends else terms.source
    result = Computed(carry, source, reason, *(np.full(day.present.shape, np.nan) for _ in range(6)))
    longest = float(day.years.max(initial=0.0))
    model, bumped = (
        model_of(rate, carry.dividend_yield, terms.dividends, longest) for rate in (terms.rate, terms.rate + RATE_BUMP)
    )
    for sign in (CALL, PUT):
        usable = np.isfinite(price) & (day.sign == sign)[:, None]
        _fill(result, day, price, np.nonzero(usable), model, bumped, sign)
    _drop_stale(result, day, rules)
    owned = terms.dividends and terms.source is DividendSource.CONFIGURED
    told = terms.source is DividendSource.TICK
    if (terms.from_parity and not owned and _contradicts_itself(result, day)) or (
        told and refuted(near, terms.rate, terms.prior.dividend_yield, terms.dividends)
    ):
        result = replace(result, source=DividendSource.UNKNOWN)
        result.reason[np.isin(result.reason, COMPUTED)] = GreeksReason.UNKNOWN_DIVIDEND
        _clear(result)
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


def pairs_of(day: ExpirationDay, reason: Ints, rules: InputRules) -> Pairs:
    """Return the pairs of fit quotes near the money, of some slots; reason as `inputs` returns it."""
    calls, puts = _paired(day)
    strikes = day.strike[calls]
    places: list[tuple[int, int]] = []
    for slot in range(rules.parity_every // 2, len(day.spot), rules.parity_every):
        if day.spot[slot] > 0.0 and day.years[slot] > 0.0 and len(strikes):
            nearest = near_the_money(strikes, float(day.spot[slot]), rules.parity_strikes)
            places += [(place, slot) for place in nearest]
    place, slot_of = np.array(places, dtype=np.intp).reshape(-1, 2).T
    return _quoted(day, reason, calls[place], puts[place], slot_of)[0]


def _paired(day: ExpirationDay) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the rows of the calls and of the puts of the strikes that have both, strikes ascending."""
    calls = {float(day.strike[row]): int(row) for row in np.flatnonzero(day.sign == CALL)}
    puts = {float(day.strike[row]): int(row) for row in np.flatnonzero(day.sign == PUT)}
    strikes = sorted(calls.keys() & puts.keys())
    return (
        np.array([calls[strike] for strike in strikes], dtype=np.intp),
        np.array([puts[strike] for strike in strikes], dtype=np.intp),
    )


def _quoted(
    day: ExpirationDay,
    reason: Ints,
    call: npt.NDArray[np.intp],
    put: npt.NDArray[np.intp],
    slot: npt.NDArray[np.intp],
) -> tuple[Pairs, tuple[npt.NDArray[np.intp], ...]]:
    """Return the pairs of which both quotes are fit, and their calls', puts' and slots' places."""
    both = (reason[call, slot] == GreeksReason.FROM_QUOTE) & (reason[put, slot] == GreeksReason.FROM_QUOTE)
    call, put, slot = call[both], put[both], slot[both]
    spread, mid = day.ask - day.bid, 0.5 * (day.bid + day.ask)
    pairs = Pairs(
        call=mid[call, slot],
        put=mid[put, slot],
        spread=spread[call, slot] + spread[put, slot],
        strike=day.strike[call],
        spot=day.spot[slot],
        years=day.years[slot],
    )
    return pairs, (call, put, slot)


def _contradicts_itself(result: Computed, day: ExpirationDay) -> bool:
    """Return whether calls and puts of the same strikes disagree as they do before a dividend that nobody told of."""
    calls, puts = _paired(day)
    place, slot = (found.ravel() for found in np.indices((len(calls), len(day.spot))))
    pairs, (call, put, slot) = _quoted(day, result.reason, calls[place], puts[place], slot)
    vega = 50.0 * (result.vega[call, slot] + result.vega[put, slot])  # the mean, by 1 instead of a point
    return disagree(pairs, (result.volatility[call, slot], result.volatility[put, slot]), vega)


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
