"""Settings of Greeks and of data quality.

The sections that say how implied volatilities are computed and bars are judged: `greeks:`, `quality:`.
"""

from datetime import date
from itertools import pairwise
from typing import Any

from pydantic import Field, field_validator

from collector.config.section import Section


class RatePoint(Section):
    """One point of the curve of rates.

    days: calendar days from the session. rate: interest rate, continuously compounded a year, a fraction of 1.
    """

    days: int = Field(ge=0, le=36500)
    rate: float = Field(ge=0, le=1)


class CashDividend(Section):
    """A dividend paid in cash.

    ex: the first day on which the share trades without it. amount: USD per share.
    """

    ex: date
    amount: float = Field(gt=0)


class DividendSettings(Section):
    """What is known of one underlying's dividends.

    dividend_yield: continuously compounded a year, a fraction of 1; with parity on, only where the quotes cannot tell.
    cash: dividends that are known; where an expiration lies behind one, nobody else is believed about its dividends.
    """

    dividend_yield: float = Field(default=0.0, ge=-1, le=1)
    cash: tuple[CashDividend, ...] = ()

    @field_validator("cash")
    @classmethod
    def _each_day_once(cls, cash: tuple[CashDividend, ...]) -> tuple[CashDividend, ...]:
        days = [dividend.ex for dividend in cash]
        for day in days:
            if days.count(day) > 1:
                raise ValueError(f"{day} is named twice; write what is paid for one day as one sum")
        return cash


class GreeksSettings(Section):
    """How implied volatilities and Greeks are computed.

    enabled: compute them after a session is settled. rates: one point is a constant, more are joined by straight
    lines. parity: draw each expiration's yield from its own quotes. dividends: by symbol, in capitals. ask_dividends:
    ask the source of market data for the next one. widest_usd, widest_fraction: a quote is too wide when its spread
    exceeds both, USD and fraction of the mid. stale_usd: an unchanged quote is stale when the option should have moved
    by this and two spreads, USD. threads: expirations computed at once.
    """

    enabled: bool = True
    rates: tuple[RatePoint, ...] = (RatePoint(days=0, rate=0.04),)
    parity: bool = True
    dividends: dict[str, DividendSettings] = Field(default_factory=dict)
    ask_dividends: bool = True
    widest_usd: float = Field(default=0.25, ge=0)
    widest_fraction: float = Field(default=0.40, ge=0)
    stale_usd: float = Field(default=0.10, ge=0)
    threads: int = Field(default=2, ge=1, le=64)

    @field_validator("rates")
    @classmethod
    def _ascending(cls, rates: tuple[RatePoint, ...]) -> tuple[RatePoint, ...]:
        if not rates or any(a.days >= b.days for a, b in pairwise(rates)):
            raise ValueError("needs a point, and `days` should ascend from point to point")
        return rates

    @field_validator("dividends", mode="before")
    @classmethod
    def _capitals(cls, given: object) -> object:
        """Take names as `symbols` does: without regard to case."""
        if not isinstance(given, dict):
            return given
        names = [name.strip().upper() if isinstance(name, str) else name for name in given]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} is named twice")
        return dict(zip(names, given.values(), strict=True))

    def rate(self, days: float) -> float:
        """Return the interest rate for a number of calendar days; the curve is flat beyond its ends."""
        first, last = self.rates[0], self.rates[-1]
        if days <= first.days:
            return first.rate
        for left, right in pairwise(self.rates):
            if days <= right.days:
                return left.rate + (right.rate - left.rate) * (days - left.days) / (right.days - left.days)
        return last.rate

    def of(self, symbol: str) -> DividendSettings:
        """Return what is known of a symbol's dividends; its name is in capitals."""
        return self.dividends.get(symbol, DividendSettings())

    def parameters(self) -> dict[str, Any]:
        """Return everything that changes a number, as JSON has it."""
        return self.model_dump(mode="json", exclude={"enabled", "threads", "ask_dividends"})


class QualitySettings(Section):
    """When bars are flagged as suspicious; impossible ones always go to the quarantine.

    off_quotes_usd, off_quotes_share: how far trades may lie outside the slot's bids and asks, USD or fraction of the
    price, whichever is more. spread_times, spread_usd, spread_share: a spread is a jump when it exceeds its neighbours'
    median so many times, and by so many USD, and by this fraction of the mid. underlying_share, volatility_share: a
    jump of the underlying's price and of its implied volatility, fractions of 1.
    """

    off_quotes_usd: float = Field(default=0.05, ge=0)
    off_quotes_share: float = Field(default=0.05, ge=0)
    spread_times: float = Field(default=3.0, ge=1)
    spread_usd: float = Field(default=0.05, ge=0)
    spread_share: float = Field(default=0.08, ge=0)
    underlying_share: float = Field(default=0.10, gt=0)
    volatility_share: float = Field(default=0.15, gt=0)
