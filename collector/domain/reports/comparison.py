"""Compare a run with earlier runs of its window.

A run against the same window of the last sessions: what is unusually little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from collector.domain.run_vocabulary import RunStatus

COMPARED_SESSIONS = 20
"""So many past sessions of the same window are looked at."""

ENOUGH_SESSIONS = 5
"""With fewer there is no "usual" yet, and nothing is flagged."""

UNUSUALLY_FEW = 0.7
"""Less than this share of the median is flagged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """The last attempt at the same window of an earlier session.

    reached: fraction of 1, completeness or coverage, whichever the window aims at. slots: length of the session's span
    in slots, 0 when not known (an early close has fewer slots, and fewer bars are then usual).
    """

    session: date
    status: RunStatus
    reached: float | None = None
    bars: int = 0
    contracts: int = 0
    slots: int = 0
    duration_s: float | None = None
    run_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One figure that is unusually low; `usual` is the median, scaled to the session's length."""

    what: str
    value: int
    usual: int


def unusual(*, bars: int, contracts: int, slots: int, past: Sequence[PastRun]) -> tuple[Flag, ...]:
    """Flag bars and contracts below 70 % of the median of the past successful or partial runs.

    Args:
        bars: bars received by the run.
        contracts: contracts of its scope.
        slots: length of its span in slots; 0 when not known.
        past: runs of the same window, in any order; only the latest 20 sessions count.
    """
    latest = sorted(past, key=lambda run: run.session)[-COMPARED_SESSIONS:]
    usable = [run for run in latest if run.status in (RunStatus.SUCCESS, RunStatus.PARTIAL)]
    if len(usable) < ENOUGH_SESSIONS:
        return ()
    flags = []
    for what, value, usual in (
        ("bars", bars, median(run.bars * _scale(slots, run.slots) for run in usable)),
        ("contracts", contracts, median(run.contracts for run in usable)),
    ):
        if value < UNUSUALLY_FEW * usual:
            flags.append(Flag(what=what, value=value, usual=round(usual)))
    return tuple(flags)


def _scale(slots: int, past_slots: int) -> float:
    return slots / past_slots if slots and past_slots else 1.0
