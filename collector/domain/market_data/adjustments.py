"""Factors by which a source has adjusted prices.

A split or a dividend multiplies every earlier price by one factor, up to rounding. What was stored and what the source
tells now are compared session by session; prices are whole ten-thousandths.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from collector.domain.market_data.bars import SCALE, Bar

_CENT = SCALE // 100
_FEWEST = 2
"""Sessions that must agree before a factor is believed: one bar alone may have been corrected."""


@dataclass(frozen=True, slots=True)
class Factors:
    """The factors that some pairs of prices leave possible: old price over new one, each known up to its rounding."""

    least: float = 0.0
    most: float = float("inf")

    def common(self, other: "Factors") -> "Factors":
        """Return the factors that both leave possible."""
        return Factors(max(self.least, other.least), min(self.most, other.most))

    def narrowed(self, old: int, new: int, rounding: float) -> "Factors":
        """Return what is left when one more pair is known, each price up to `rounding`; both are above it."""
        return self.common(Factors((old - rounding) / (new + rounding), (old + rounding) / (new - rounding)))

    @property
    def is_empty(self) -> bool:
        """Return whether no one factor explains the pairs."""
        return self.least > self.most

    def __contains__(self, factor: float) -> bool:
        return self.least <= factor <= self.most

    @property
    def middle(self) -> float:
        """Return the factor in the middle of those possible."""
        return (self.least + self.most) / 2


def split_factor(pairs: Iterable[tuple[Bar, Bar]]) -> float | None:
    """Return by what the source has divided prices since they were stored; None: by nothing that two bars agree on.

    Bars that say otherwise say nothing against it: what traded after a split that came to light late has not been
    divided, a bar may have been corrected besides, and before an earlier split both have divided.

    Args:
        pairs: the stored bar of a session and the one that the source tells now, ascending.
    """
    divided = [one for old, new in pairs if not (one := _divided(old, new)).is_empty and 1.0 not in one]
    for first in divided:
        found, sessions = first, 0
        for other in divided:
            if not (common := found.common(other)).is_empty:
                found, sessions = common, sessions + 1
        if sessions >= _FEWEST:
            return found.middle
    return None


def _divided(old: Bar, new: Bar) -> Factors:
    """Return by what all prices of a bar may have been divided."""
    found = Factors()
    for before, now in zip(old[1:5], new[1:5], strict=True):
        # Prices that traded are whole cents; the source may round adjusted ones so, too. What is rounded to nothing
        # tells no factor.
        if min(before, now) > _CENT / 2:
            found = found.narrowed(before, now, _CENT / 2)
    return found


@dataclass(frozen=True, slots=True)
class Readjustment:
    """Sessions that one factor has adjusted anew: old price over new one; first, last: starts of their slots."""

    first: datetime
    last: datetime
    sessions: int
    factor: float


def readjustments(prices: Iterable[tuple[datetime, int, int]]) -> list[Readjustment]:
    """Return the stretches of sessions whose adjusted closes have changed by one factor each, beyond rounding.

    Args:
        prices: slot, stored close and the one that is told now, ascending; what has not changed, too.
    """
    prices = list(prices)
    # Both have been rounded: where all are whole cents, to these, and each factor is known so much less.
    rounding = _CENT / 2 if all(old % _CENT == 0 == new % _CENT for _, old, new in prices) else 1.0
    stretches: list[tuple[list[datetime], Factors]] = []
    for at, old, new in prices:
        known = stretches[-1][1] if stretches else Factors()
        # What is rounded to nothing tells no factor.
        common = known.narrowed(old, new, rounding) if min(old, new) > rounding else known
        if stretches and not common.is_empty:
            stretches[-1][0].append(at)
            stretches[-1] = stretches[-1][0], common
        else:
            stretches.append(([at], Factors().narrowed(old, new, rounding) if common.is_empty else common))
    return [
        Readjustment(slots[0], slots[-1], len(slots), factors.middle)
        for slots, factors in stretches
        if 1.0 not in factors
    ]
