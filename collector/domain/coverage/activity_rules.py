"""Judge which contracts are active enough.

Which contracts are active enough to be collected: open interest, volume, and volume that is out of the ordinary.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActivityRules:
    """The least activity of a contract that is chosen.

    open_interest_etf, open_interest_stock: contracts open. daily_volume: contracts a session, on average.
    unusual_times: a session's volume of so many times its average chooses a contract whatever the other rules say.
    history_sessions: with fewer sessions of history a contract is chosen: nothing is known against it.
    """

    open_interest_etf: int = 100
    open_interest_stock: int = 50
    daily_volume: float = 10.0
    unusual_times: float = 5.0
    history_sessions: int = 5


DEFAULT = ActivityRules()


@dataclass(frozen=True, slots=True)
class Activity:
    """What is known of a contract.

    open_interest: contracts open, None if never asked. sessions: with stored history before the latest one.
    average_volume: contracts a session over those. latest_volume: of the latest session. held_this_week: bars of this
    week are stored already, and the series must not break.
    """

    open_interest: int | None
    sessions: int
    average_volume: float
    latest_volume: float
    held_this_week: bool = False


def is_active(known: Activity, *, is_etf: bool, rules: ActivityRules = DEFAULT) -> bool:
    """Return whether a contract is active enough, or too little is known to say that it is not."""
    if known.held_this_week or known.sessions < rules.history_sessions or is_unusual(known, rules):
        return True
    least = rules.open_interest_etf if is_etf else rules.open_interest_stock
    held = known.open_interest is None or known.open_interest >= least
    return held and known.average_volume >= rules.daily_volume


def is_unusual(known: Activity, rules: ActivityRules = DEFAULT) -> bool:
    """Return whether the latest session's volume is so many times the average; a contract without any has none."""
    return known.average_volume > 0 and known.latest_volume >= rules.unusual_times * known.average_volume
