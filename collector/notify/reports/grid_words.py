"""Put what is held of a session into words.

The axes and the legend of a session's picture, and the contracts that lack most.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from collector.domain.reports.coverage_grid import Holding
from collector.notify.reports.wording import NEW_YORK, count, many, percent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from collector.domain.reports.coverage_grid import CoverageGrid, CoverageSection, LackingContract
    from collector.domain.reports.run_report import RunReport

HOLDING_WORDS: Final = {
    Holding.VALUED: "quotes and IV",
    Holding.QUOTED: "quotes, no IV",
    Holding.UNQUOTED: "no quotes",
    Holding.AWAITING: "await confirmation",
    Holding.QUARANTINED: "quarantined",
    Holding.MISSING: "missing",
}
_SHARES = (Holding.VALUED, Holding.QUOTED, Holding.UNQUOTED)
_WORST = 10
_NARROWEST = 0.06
"""The share of the width that the label of an hour needs."""


def section(one: CoverageSection) -> tuple[str, str]:
    """Return the expirations and the strikes of a section, a line each."""
    first, last = _day(one.first), _day(one.last)
    strikes = f"{one.lowest:,g} – {one.highest:,g}" if one.lowest != one.highest else f"{one.lowest:,g}"
    return first if first == last else f"{first} – {last}", strikes


def hours(slots: Sequence[datetime]) -> list[tuple[str, float]]:
    """Return the hours of New York along a session, each with its share of the width; "" where a label has no room."""
    full = [number for number, slot in enumerate(slots) if slot.astimezone(NEW_YORK).minute == 0]
    edges = sorted({0, *full, len(slots)})
    parts = [(start, (end - start) / len(slots)) for start, end in pairwise(edges)]
    return [
        (f"{slots[start].astimezone(NEW_YORK).hour}" if start in full and share > _NARROWEST else "", share)
        for start, share in parts
    ]


def held(grid: CoverageGrid) -> list[tuple[Holding, str]]:
    """Return the legend: shares of what is known, and how many slots of contracts are not, or cannot be true."""
    totals = {one: grid.total(one) for one in HOLDING_WORDS}
    every = max(sum(totals.values()), 1)
    shares = [(one, f"{HOLDING_WORDS[one]} {percent(totals[one] / every)}") for one in _SHARES if totals[one]]
    troubles = [one for one in HOLDING_WORDS if one not in _SHARES and (totals[one] or one is Holding.MISSING)]
    return [*shares, *((one, f"{HOLDING_WORDS[one]} {count(totals[one])}") for one in troubles)]


def worst(report: RunReport) -> list[tuple[str, str]]:
    """Return the contracts of a run that lack most, by name, each with what it lacks."""
    found = [one for symbol in report.symbols if symbol.grid for one in symbol.grid.worst]
    ranked = sorted(found, key=lambda one: (-sum(slots for _, slots in one.unsettled), -one.quarantined))
    return [(one.contract, lacking(one)) for one in ranked[:_WORST]]


def lacking(one: LackingContract) -> str:
    """Return what a contract lacks."""
    by_slots: dict[int, list[str]] = {}
    for series, slots in one.unsettled:
        by_slots.setdefault(slots, []).append(series)
    parts = [f"{many(slots, 'slot')} of {', '.join(series)}" for slots, series in by_slots.items()]
    parts += [f"{one.quarantined:,} quarantined"] if one.quarantined else []
    parts += [f"{one.awaiting:,} await confirmation"] if one.awaiting else []
    return " · ".join([*parts, *([f"{one.lost:,} lost"] if one.lost else [])])


def _day(value: date) -> str:
    return f"{value.day} {value:%b}"
