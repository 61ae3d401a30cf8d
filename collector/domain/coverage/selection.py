"""The choice of contracts, by rules.

A rule sees strike, expiration and right of each contract and the underlying's market, and nothing else. Another rule is
another class with `chosen`; which one applies is said in one place, `SelectionSettings.rule`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from collector.domain.market_data.instruments import OptionContract


@dataclass(frozen=True, slots=True)
class Market:
    """What contracts are chosen by: a session's day, and where the underlying stands.

    spot: USD per share. implied_volatility: the underlying's, or what stands for it, a fraction of 1; None: unknown.
    """

    day: date
    spot: Decimal
    implied_volatility: Decimal | None


class Rule(Protocol):
    """A choice among contracts by strike, expiration and right."""

    def chosen(self, candidates: Sequence[OptionContract], market: Market) -> list[OptionContract]:
        """Return the candidates that are chosen, in their order.

        Args:
            candidates: contracts of one underlying, of any expirations.
            market: where the underlying stands.
        """


@dataclass(frozen=True, slots=True)
class Regime:
    """Strikes within ± width (a fraction of spot), and at least so many strikes an expiration.

    Applies to implied volatilities (fractions of 1) below `below_iv`; None is the regime of everything above.
    """

    below_iv: Decimal | None
    width: Decimal
    minimum_strikes: int


DEFAULT_REGIMES = (
    Regime(Decimal("0.20"), Decimal("0.15"), 11),
    Regime(Decimal("0.40"), Decimal("0.25"), 21),
    Regime(None, Decimal("0.35"), 31),
)


@dataclass(frozen=True, slots=True)
class ByRegime:
    """Chooses strikes in a band around spot whose width follows the volatility; of each the call and the put."""

    regimes: Sequence[Regime] = DEFAULT_REGIMES

    def chosen(self, candidates: Sequence[OptionContract], market: Market) -> list[OptionContract]:
        """Return the contracts of the strikes that the volatility's regime selects, expiration by expiration."""
        regime = regime_of(market.implied_volatility, self.regimes)
        strikes: defaultdict[date, set[Decimal]] = defaultdict(set)
        for one in candidates:
            strikes[one.expiration].add(one.strike)
        selected = {
            expiration: set(select_strikes(listed, market.spot, regime)) for expiration, listed in strikes.items()
        }
        return [one for one in candidates if one.strike in selected[one.expiration]]


@dataclass(frozen=True, slots=True)
class ByDistance:
    """Chooses strikes within ± width (a fraction) of spot, bounds included."""

    width: Decimal

    def chosen(self, candidates: Sequence[OptionContract], market: Market) -> list[OptionContract]:
        """Return the contracts whose strikes lie within the band, whatever their expirations."""
        reach = market.spot * self.width
        return [one for one in candidates if abs(one.strike - market.spot) <= reach]


def regime_of(implied_volatility: Decimal | None, regimes: Sequence[Regime] = DEFAULT_REGIMES) -> Regime:
    """Return the regime of an implied volatility.

    An unknown volatility gets the last, widest one: a strike too many costs a request, one too few is lost for good.
    A volatility on a border belongs to the upper regime; the last border's own value does not ("above 40 %").
    """
    if implied_volatility is not None:
        bounded = [regime for regime in regimes if regime.below_iv is not None]
        for regime in bounded:
            last = regime is bounded[-1]
            below = regime.below_iv or Decimal(0)
            if implied_volatility < below or (last and implied_volatility == below):
                return regime
    return regimes[-1]


def select_strikes(strikes: Iterable[Decimal], spot: Decimal, regime: Regime) -> tuple[Decimal, ...]:
    """Return the strikes within the regime's band, or the nearest ones where the band holds too few; ascending.

    Args:
        strikes: the strikes that exist for one expiration, USD per share, in any order.
        spot: the underlying's price, USD per share.
        regime: the band and the minimum.
    """
    nearest_first = sorted(set(strikes), key=lambda strike: (abs(strike - spot), strike))
    reach = spot * regime.width
    inside = sum(1 for strike in nearest_first if abs(strike - spot) <= reach)
    return tuple(sorted(nearest_first[: max(inside, regime.minimum_strikes)]))
