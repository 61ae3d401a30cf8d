"""Which strikes of an expiration are collected: a band around spot whose width follows the underlying's volatility."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal


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


def is_near(strike: Decimal, spot: Decimal, width: Decimal) -> bool:
    """Return whether a strike lies within ± width (a fraction) of spot; bounds included."""
    return abs(strike - spot) <= spot * width
