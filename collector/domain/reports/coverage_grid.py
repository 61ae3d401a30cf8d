"""What is held of a session, condensed for drawing.

Slots × contracts, condensed so that a report can carry and draw it: neighbouring contracts share a band, bands of
neighbouring expirations a section.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_SECTIONS = 6
MOST_BANDS = 8
"""Of a section."""


class Holding(IntEnum):
    """What is held of a contract's slot, each slot in one of these ways.

    VALUED: bid and ask, and a volatility computed from them. QUOTED: bid and ask. UNQUOTED: it is known that there is
    no pair of them. AWAITING: an empty answer awaits a second one. QUARANTINED: a bar came that cannot be true.
    MISSING: not known yet.
    """

    UNEXPECTED = 0
    VALUED = 1
    QUOTED = 2
    UNQUOTED = 3
    AWAITING = 4
    QUARANTINED = 5
    MISSING = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageBand:
    """A few neighbouring contracts: per slot, how many of them are held in each way; none of a way at all: empty."""

    contracts: int
    valued: tuple[int, ...] = ()
    quoted: tuple[int, ...] = ()
    unquoted: tuple[int, ...] = ()
    awaiting: tuple[int, ...] = ()
    quarantined: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()

    def counts(self, holding: Holding, slots: int) -> tuple[int, ...]:
        """Return how many are held in one way, one number a slot."""
        found: tuple[int, ...] = getattr(self, holding.name.lower())
        return found or (0,) * slots


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageSection:
    """Contracts of one expiration, or of a few that follow each other; bands by expiration, strike and right."""

    first: date
    last: date
    lowest: float
    highest: float
    contracts: int
    bands: tuple[CoverageBand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LackingContract:
    """A contract of which something is missing. contract: its OCC symbol.

    unsettled: slots that are not final, by series. quarantined: slots with a bar that cannot be true. awaiting, lost:
    of the unsettled ones, those that lack a second answer only, and those that nobody can ever fetch.
    """

    contract: str
    unsettled: tuple[tuple[str, int], ...] = ()
    quarantined: int = 0
    awaiting: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageGrid:
    """A symbol's session. slots: starts, ascending, aware UTC.

    worst: the contracts that lack most, the worst first.
    """

    slots: tuple[datetime, ...]
    sections: tuple[CoverageSection, ...]
    worst: tuple[LackingContract, ...] = ()

    @classmethod
    def of(
        cls,
        slots: Sequence[datetime],
        contracts: Sequence[tuple[date, float]],
        held: "npt.NDArray[np.uint8]",
        worst: Sequence[LackingContract] = (),
    ) -> "CoverageGrid":
        """Condense what is held of a session.

        Args:
            slots: starts of the slots, ascending.
            contracts: expiration and strike of each, by expiration, strike and right: neighbours share a band.
            held: contracts × slots, a `Holding` each.
            worst: the contracts that lack most.
        """
        return cls(
            slots=tuple(slots),
            sections=tuple(_section(contracts[start:end], held[start:end]) for start, end in _parts(contracts)),
            worst=tuple(worst),
        )

    def total(self, holding: Holding) -> int:
        """Return how many slots of contracts are held in one way."""
        name = holding.name.lower()
        return sum(sum(getattr(band, name)) for section in self.sections for band in section.bands)


def _parts(contracts: Sequence[tuple[date, float]]) -> list[tuple[int, int]]:
    """Return where sections begin and end: whole expirations each, about as many contracts in one as in another."""
    bounds: dict[int, tuple[int, int]] = {}
    start = 0
    counts = [len(list(of_one)) for _, of_one in groupby(contracts, key=lambda one: one[0])]
    for number, count in enumerate(counts):
        part = number if len(counts) <= MOST_SECTIONS else start * MOST_SECTIONS // len(contracts)
        bounds[part] = (bounds.get(part, (start, 0))[0], start + count)
        start += count
    return list(bounds.values())


def _section(contracts: Sequence[tuple[date, float]], held: "npt.NDArray[np.uint8]") -> CoverageSection:
    count = min(MOST_BANDS, len(contracts))
    bounds = [len(contracts) * i // count for i in range(count + 1)]
    strikes = [strike for _, strike in contracts]
    return CoverageSection(
        first=contracts[0][0],
        last=contracts[-1][0],
        lowest=min(strikes),
        highest=max(strikes),
        contracts=len(contracts),
        bands=tuple(_band(held[start:end]) for start, end in pairwise(bounds)),
    )


def _band(held: "npt.NDArray[np.uint8]") -> CoverageBand:
    by_slot = {one.name.lower(): (held == one).sum(axis=0) for one in Holding if one is not Holding.UNEXPECTED}
    return CoverageBand(
        contracts=len(held), **{name: tuple(map(int, counts)) for name, counts in by_slot.items() if counts.any()}
    )
