"""Another rule for the choice of contracts, as somebody might write it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist

from collector.domain.coverage.selection import Market
from collector.domain.market_data.instruments import OptionContract, Right


@dataclass(frozen=True, slots=True)
class ByDelta:
    """Chooses contracts whose |delta| lies between bounds, by Black and Scholes without interest; if unknown, all."""

    least: float
    most: float

    def chosen(self, candidates: Sequence[OptionContract], market: Market) -> list[OptionContract]:
        """Return the candidates between the bounds."""
        if market.implied_volatility is None:
            return list(candidates)
        return [one for one in candidates if self.least <= _delta(one, market, market.implied_volatility) <= self.most]


def _delta(one: OptionContract, market: Market, volatility: object) -> float:
    root = float(str(volatility)) * sqrt(max((one.expiration - market.day).days, 1) / 365)
    call = NormalDist().cdf(log(market.spot / one.strike) / root + root / 2)
    return call if one.right is Right.CALL else 1 - call
