"""Conditions that hold a run up for a while.

A condition begins, lasts and ends while a run is at work. One that is gone for less than two minutes goes on when it
comes back: what comes and goes is one condition, and it lasts as soon as it has been there for two minutes in all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

LASTING = timedelta(minutes=2)
"""What has been there for so long is worth telling, and what is gone for so long is over."""


class ConditionKind(StrEnum):
    """What holds a run up."""

    GATEWAY_AWAY = "gateway_away"
    FARM_AWAY = "farm_away"
    OTHER_LOGIN = "other_login"
    BREAKER_OPEN = "breaker_open"
    PACING_PAUSE = "pacing_pause"
    DATABASE_AWAY = "database_away"
    DISK_LOW = "disk_low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition in one run.

    reason: in words, the latest. since: when it began. until: when it was last there; None as long as it is. there_s:
    seconds in which it was there. told: its owner has been told while the run was at work.
    """

    kind: ConditionKind
    reason: str
    since: datetime
    until: datetime | None = None
    there_s: float = 0.0
    told: bool = False

    @property
    def lasts(self) -> bool:
        """Return whether it has been there long enough to be told and reported."""
        return self.there_s >= LASTING.total_seconds()


def followed(
    known: Sequence[Condition], present: Mapping[ConditionKind, str], now: datetime, elapsed_s: float
) -> tuple[Condition, ...]:
    """Return the conditions after a further look, in the order of their beginning.

    Args:
        known: the conditions so far.
        present: what is there now, and why.
        now: the instant of the look, aware.
        elapsed_s: seconds since the look before.
    """
    latest = {one.kind: one for one in known}
    going_on = {kind for kind, one in latest.items() if one.until is None or now - one.until < LASTING}
    found = [one for one in known if one is not latest[one.kind]]
    for kind, one in latest.items():
        if kind in going_on:
            found.append(_gone_on(one, present.get(kind), now, elapsed_s))
        elif one.lasts or kind not in present:  # else it makes room: a short one is of no interest once it is over
            found.append(one)
    begun = [Condition(kind=kind, reason=reason, since=now) for kind, reason in present.items() if kind not in going_on]
    return tuple(sorted((*found, *begun), key=lambda one: one.since))


def _gone_on(one: Condition, reason: str | None, now: datetime, elapsed_s: float) -> Condition:
    there_s = one.there_s + (elapsed_s if one.until is None else 0.0)
    if reason is not None:
        return replace(one, reason=reason, until=None, there_s=there_s)
    return replace(one, until=now if one.until is None else one.until, there_s=there_s)
