"""Coverage of slots and contracts, condensed for drawing.

Slots × contracts, condensed so that a report can carry and draw it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from collector.domain.run_vocabulary import Verdict

MOST_BANDS = 48
"""A strip has at most so many rows; each stands for a few contracts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageBand:
    """A few neighbouring contracts: per slot, how many of them have each verdict; all three as long as the slots."""

    label: str
    contracts: int
    traded: tuple[int, ...]
    no_trade: tuple[int, ...]
    unknown: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageStrip:
    """A symbol's slots (starts, ascending, aware UTC) × bands of contracts (in the order they were given)."""

    slots: tuple[datetime, ...]
    bands: tuple[CoverageBand, ...]

    @classmethod
    def of(
        cls,
        slots: Sequence[datetime],
        rows: Sequence[tuple[str, Sequence[Verdict | None]]],
        most_bands: int = MOST_BANDS,
    ) -> "CoverageStrip":
        """Condense one row per contract into at most `most_bands` bands of neighbours.

        Args:
            slots: starts of the slots, ascending.
            rows: per contract a label (its expiration, say) and one verdict per slot, None where the slot is not
                expected. Sort them by expiration, then strike: neighbours share a band.
            most_bands: the greatest number of bands.

        Raises:
            ValueError: a row is not as long as the slots.
        """
        if any(len(verdicts) != len(slots) for _, verdicts in rows):
            raise ValueError("every row of a coverage strip needs one verdict per slot")
        count = min(most_bands, len(rows))
        bounds = [len(rows) * i // count for i in range(count + 1)] if count else []
        groups = [rows[start:end] for start, end in pairwise(bounds)]
        return cls(slots=tuple(slots), bands=tuple(_band(group, len(slots)) for group in groups))


def _band(group: Sequence[tuple[str, Sequence[Verdict | None]]], width: int) -> CoverageBand:
    def counts(verdict: Verdict) -> tuple[int, ...]:
        return tuple(sum(verdicts[i] is verdict for _, verdicts in group) for i in range(width))

    return CoverageBand(
        label=group[0][0],
        contracts=len(group),
        traded=counts(Verdict.TRADED),
        no_trade=counts(Verdict.NO_TRADE),
        unknown=counts(Verdict.UNKNOWN),
    )
