"""Words of a run: windows, statuses, scopes, stages.

Gaps and verdicts, too.
"""

from enum import StrEnum
from typing import cast


class Window(StrEnum):
    """The named collection times; the value is `run_type` in the database.

    The members are built in. Any other name is a window of the owner's: `Window("power_hour")` is one, and always the
    same object. Windows of the owner's fetch bars.
    """

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
    ARCHIVE = "archive"
    DAILY_BARS = "daily_bars"
    MANUAL = "manual"
    GAP_FILL = "gap_fill"
    BACKFILL = "backfill"

    @classmethod
    def _missing_(cls, value: object) -> "Window | None":
        """Return the owner's window of a name; it is no member, so that iteration yields the built-in ones alone."""
        if not isinstance(value, str):
            return None
        window = str.__new__(cls, value)
        window._name_ = window._value_ = value
        return cast("Window", cls._value2member_map_.setdefault(value, window))

    @property
    def asks_gateway(self) -> bool:
        """Tell whether it talks to IB: only such a window can show that the gateway is back."""
        return self not in OFFLINE

    @property
    def fetches(self) -> bool:
        """Tell whether it fetches bars: only such a window can be complete or not, and make good what was missed."""
        return self not in OFFLINE | READS_CHAINS


BUILT_IN = frozenset(Window)

BY_HAND = frozenset({Window.MANUAL, Window.GAP_FILL, Window.BACKFILL})
"""Windows that only a person starts: by `run`, `gaps fill` and `backfill`. They have no time and no settings."""

OVER_SESSIONS = frozenset({Window.GAP_FILL, Window.BACKFILL})
"""Windows that are about many sessions alike, and not about the one whose date they carry."""

OFFLINE = frozenset({Window.GAP_CHECK, Window.WEEKLY, Window.BACKUP, Window.ARCHIVE})
"""Windows that ask the gateway for nothing."""

SAVING = frozenset({Window.BACKUP, Window.ARCHIVE})
"""Windows that copy what is stored, while nothing is collected."""

WAITING = SAVING | {Window.DAILY_BARS}
"""Windows that wait for their turn, so that they end nobody's time."""

READS_CHAINS = frozenset({Window.CHAIN_REFRESH, Window.PRE_MARKET})
"""Windows that read the option chains of a coming session, and no bars."""


class Role(StrEnum):
    """What a scheduled window that fetches bars does for a session."""

    INTRADAY = "intraday"
    """It fetches inside the session; what it misses, a later one collects."""
    CLOSING = "closing"
    """It fetches the whole session after the close."""
    REPAIRING = "repairing"
    """It fetches in the nights after what is unsettled of the last sessions."""


SETTLING = frozenset({Role.CLOSING, Role.REPAIRING})
"""Roles of the windows that settle sessions."""


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
    ARCHIVE = "archive"
    CLOSE = "close"
