"""Reactions to failed requests.

What to do when a request fails: one row per outcome, and the rule that reads the table.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from collector.domain.market_data.answers import Outcome


class GiveUpOn(StrEnum):
    """What is given up when the attempts are used up."""

    REQUEST = "request"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Reaction:
    """How one outcome is answered.

    attempts: how often a request may end so in one run, the first time included. first_delay_s, longest_delay_s: the
    back-off doubles between them, with jitter on its upper half. give_up_on: what is given up after the last attempt.
    why: one sentence. halved_after: after so many attempts a request of several sessions is asked as two of half as
    many, which count their own attempts; 0: never.
    """

    attempts: int
    first_delay_s: float
    longest_delay_s: float
    give_up_on: GiveUpOn
    why: str
    halved_after: int = 0


REACTIONS: Mapping[Outcome, Reaction] = {
    Outcome.TIME_OUT: Reaction(
        4, 2, 60, GiveUpOn.REQUEST, "IB drops requests silently; the pacer slows down meanwhile.", halved_after=2
    ),
    Outcome.PACING: Reaction(8, 5, 120, GiveUpOn.REQUEST, "The pacer pauses everything and halves its concurrency."),
    Outcome.PERMISSION: Reaction(1, 0, 0, GiveUpOn.REQUEST, "The series has a breaker of its own; other series go on."),
    Outcome.UNKNOWN_CONTRACT: Reaction(
        3, 5, 60, GiveUpOn.REQUEST, "IB says so falsely during outages; believed when repeated."
    ),
    Outcome.OTHER_LOGIN: Reaction(30, 30, 300, GiveUpOn.RUN, "Someone uses the same username; it may take minutes."),
    Outcome.FARM_DOWN: Reaction(30, 2, 60, GiveUpOn.RUN, "The supervisor waits for the farm before the next attempt."),
    Outcome.DISCONNECTED: Reaction(
        10, 1, 60, GiveUpOn.RUN, "The supervisor reconnects; its patience is spent before an attempt fails again."
    ),
    Outcome.REJECTED: Reaction(
        1, 0, 0, GiveUpOn.REQUEST, "IB finds fault with the request itself; the letter tells why."
    ),
    Outcome.UNKNOWN: Reaction(
        3, 10, 120, GiveUpOn.REQUEST, "An unknown text: a few tries, then parked with its words."
    ),
}


def delay_s(outcome: Outcome, failures: int, random_source: random.Random) -> float | None:
    """Return the seconds to wait before the next attempt, or None when it is time to give up.

    Args:
        outcome: how the last attempt ended.
        failures: how often this request has ended so in this run, the last time included.
        random_source: the source of jitter.
    """
    reaction = REACTIONS[outcome]
    if failures >= reaction.attempts:
        return None
    longest = min(reaction.first_delay_s * 2.0 ** (failures - 1), reaction.longest_delay_s)
    return float(longest) * random_source.uniform(0.5, 1.0)
