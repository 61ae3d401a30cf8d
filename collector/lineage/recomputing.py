"""Compute stored Greeks again from their kept inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from collector.db.bars.greeks_columns import whole_numbers
from collector.db.connection.pool import Row
from collector.domain.market_data.bars import SCALE
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.pricing.american_price import CALL, PUT
from collector.domain.pricing.chain import ALGORITHM, ExpirationDay, InputRules, Terms, compute
from collector.domain.pricing.dividends import Dividend, present_value
from collector.domain.pricing.parity import Prior
from collector.domain.pricing.reasons import GreeksReason
from collector.jobs.greeks_pass import years_to

NAMES = ("implied_volatility", "delta", "gamma", "theta", "vega", "rho")
_LARGEST = 2**31 - 1
"""What a column of integers holds."""
_RULES = ("widest_usd", "widest_fraction", "stale_usd")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the Greeks of a contract in a slot were computed from.

    spot: USD, None where there was no price. forward: of the underlying at expiration, USD. years: from the slot's end
    to the expiration's close. rate, dividend_yield: continuously compounded, a year. pairs: of quotes that the yield
    was found from, error: of it. dividends: cash dividends still to come, USD and years before the expiration.
    source: what the dividends are known from. version: of the parameters.
    """

    spot: float | None
    forward: float | None
    years: float
    rate: float
    dividend_yield: float
    error: float
    pairs: int
    dividends: tuple[tuple[float, float], ...]
    source: str | None
    version: int
    computed_at: datetime


@dataclass(frozen=True, slots=True)
class Recomputed:
    """The numbers computed again, as whole numbers of the columns' last digits; None where there are none.

    reason: why, or from what. equal: they are what is stored; None: they cannot be compared, `note` says why.
    """

    numbers: Mapping[str, int | None]
    reason: GreeksReason | None
    equal: bool | None
    note: str = ""


def inputs_of(carry: Row, slot: datetime) -> Inputs | None:
    """Return what the Greeks of a slot were computed from, None where that was not kept."""
    place = None if carry["first_slot"] is None else (slot - carry["first_slot"]) // OPTION_BARS_5MIN.bar_size
    if place is None or not 0 <= place < len(carry["spots"]):
        return None
    stored = carry["spots"][place]
    spot = None if stored is None else stored / SCALE
    [years] = years_to(carry["expires_at"], [slot]).tolist()
    ahead = tuple((amount, before) for amount, before in carry["dividends"] if before < years)
    forward = None
    if spot is not None:
        set_aside = present_value(_dividends(ahead), carry["rate"], np.array([years]))[0]
        forward = float((spot - set_aside) * np.exp((carry["rate"] - carry["dividend_yield"]) * years))
    return Inputs(
        spot, forward, years, carry["rate"], carry["dividend_yield"], carry["error"], carry["pairs"], ahead,
        carry["dividend_source"], carry["greeks_version"], carry["computed_at"],
    )  # fmt: skip


def recompute(carry: Row, strike: float, bars: Sequence[Row], slot: datetime, *, is_call: bool) -> Recomputed:
    """Compute the Greeks of a contract in a slot again.

    Args:
        carry: what is kept of the expiration on the session; its inputs were kept.
        strike: under the terms of the time at which they were computed, USD.
        bars: the contract's stored bars of the session.
        slot: the slot, which has a bar.
        is_call: whether it is a call.
    """
    parameters: Mapping[str, Any] = carry["parameters"] or {}
    if parameters.get("algorithm") != ALGORITHM:
        known = parameters.get("algorithm", "an unknown one")
        return Recomputed({}, None, None, f"made by calculation {known}; this version of the collector has {ALGORITHM}")
    stored = next(row for row in bars if row["time"] == slot)
    slots = [carry["first_slot"] + place * OPTION_BARS_5MIN.bar_size for place in range(len(carry["spots"]))]
    terms = Terms(
        carry["rate"], Prior(carry["dividend_yield"]), from_parity=False, dividends=_dividends(carry["dividends"])
    )
    rules = InputRules(**{name: parameters[name] for name in _RULES})
    spot = np.array([np.nan if price is None else price / SCALE for price in carry["spots"]])
    day = _day(strike, bars, slots, spot, carry["expires_at"], is_call=is_call)
    computed = compute(day, terms, rules)
    at = np.array([0]), np.array([slots.index(slot)])
    whole = [values.tolist()[0] for values in whole_numbers(computed, at)]
    numbers = {name: _held(value) for name, value in zip(NAMES, whole, strict=True)}
    reason = GreeksReason(int(computed.reason[at][0]))
    if stored["greeks_reason"] == GreeksReason.UNKNOWN_DIVIDEND:
        note = "computed, and not stored: the whole expiration contradicts itself"
        return Recomputed(numbers, reason, None, note)
    equal = reason == stored["greeks_reason"] and all(numbers[name] == stored[name] for name in NAMES)
    return Recomputed(numbers, reason, equal)


def _day(
    strike: float,
    bars: Sequence[Row],
    slots: Sequence[datetime],
    spot: "np.typing.NDArray[np.float64]",
    expires_at: datetime,
    *,
    is_call: bool,
) -> ExpirationDay:
    """Return one contract's session as the calculation takes a whole expiration."""
    places = {slot: place for place, slot in enumerate(slots)}
    shape = (1, len(slots))
    bid, ask, trade = (np.full(shape, np.nan) for _ in range(3))
    volume, flags, present = np.zeros(shape), np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    for row in bars:
        place = places.get(row["time"])
        if place is None:
            continue
        present[0, place], flags[0, place], volume[0, place] = True, row["flags"], row["volume"] or 0
        for target, name in ((bid, "bid_close"), (ask, "ask_close"), (trade, "close")):
            target[0, place] = np.nan if row[name] is None else row[name] / SCALE
    return ExpirationDay(
        strike=np.array([strike]),
        sign=np.array([CALL if is_call else PUT], dtype=np.int64),
        spot=spot,
        years=years_to(expires_at, slots),
        present=present,
        bid=bid,
        ask=ask,
        trade=trade,
        volume=volume,
        flags=flags,
    )


def _dividends(paid: Sequence[Sequence[float]]) -> tuple[Dividend, ...]:
    return tuple(Dividend(amount, years_before) for amount, years_before in paid)


def _held(value: float) -> int | None:
    """Return a number as its column holds it, None where there is none or it is too large."""
    return None if value != value or abs(value) > _LARGEST else int(value)  # noqa: PLR0124 - NaN differs from itself
