"""Words of a run: windows, statuses, scopes, stages.

The words of a run: windows, statuses, scopes; gaps and verdicts.
"""

from enum import StrEnum


class Window(StrEnum):
    """The named collection times; the value is `run_type` in the database."""

    MORNING = "morning"
    MIDDAY = "midday"
    AFTERNOON = "afternoon"
    EXPIRY_CHECK = "expiry_check"
    EOD = "eod"
    LATE_NIGHT = "late_night"
    GAP_CHECK = "gap_check"
    CHAIN_REFRESH = "chain_refresh"
    WEEKLY = "weekly"
    PRE_MARKET = "pre_market"
    BACKUP = "backup"
    MANUAL = "manual"


OFFLINE = frozenset({Window.GAP_CHECK, Window.WEEKLY, Window.BACKUP})
"""Windows that ask the gateway for nothing."""

NEEDS_GATEWAY = frozenset(set(Window) - OFFLINE)
"""Windows that talk to IB: only they can show that the gateway is back."""

FETCHING = NEEDS_GATEWAY - {Window.CHAIN_REFRESH, Window.PRE_MARKET}
"""Windows that fetch bars: only they can be complete or not, and make good what was missed."""

WINDOWS = frozenset(Window)
"""What a table calls a window may be none of this version's: a newer one, or an earlier system, may have written it."""


class Scope(StrEnum):
    """Which of the selected contracts a window asks for."""

    ALL = "all"
    EXPIRING_AND_NEAR = "expiring_and_near"
    EXPIRING = "expiring"


class Asks(StrEnum):
    """What a window takes for done: covered slots (intraday) or settled ones."""

    NOT_COVERED = "not_covered"
    NOT_SETTLED = "not_settled"


class RunStatus(StrEnum):
    """How a run stands or ended."""

    RUNNING = "running"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class GapState(StrEnum):
    """A gap is open, filled, or lost: it can never be fetched again."""

    OPEN = "open"
    FILLED = "filled"
    LOST = "lost"


class GapType(StrEnum):
    """Why slots are missing."""

    MISSING_BARS = "missing_bars"
    CONNECTION_FAILURE = "connection_failure"
    RATE_LIMIT = "rate_limit"
    PERMISSION = "permission"


class Verdict(StrEnum):
    """What is known of a slot, from its TRADES series."""

    TRADED = "traded"
    NO_TRADE = "no_trade"
    UNKNOWN = "unknown"


class Stage(StrEnum):
    """Where in the run something failed; PREFLIGHT means that nothing had been asked for yet."""

    PREFLIGHT = "preflight"
    UNDERLYING = "underlying"
    DISCOVER = "discover"
    SELECT = "select"
    PLAN = "plan"
    FETCH = "fetch"
    STORE = "store"
    BACKUP = "backup"
    CLOSE = "close"
