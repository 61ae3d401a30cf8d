"""What one run is asked to do, and what its parts share."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from collector.domain.answers import Failure
from collector.domain.instruments import OptionContract, Underlying
from collector.domain.runs import Asks, Scope, Window
from collector.domain.sessions import Session
from collector.domain.spans import SLOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One window for one session date.

    day: the session's date, also after midnight in Israel. span: the last so much of the session, None for all of it.
    force: ask again for what is settled. deadline: when the next window begins; None: no limit. scheduled: when it was
    due. sessions_back: how many earlier sessions are looked at too (late_night, backfill).
    """

    window: Window
    day: date
    symbols: tuple[str, ...]
    asks: Asks = Asks.NOT_SETTLED
    scope: Scope = Scope.ALL
    span: timedelta | None = None
    force: bool = False
    scheduled: datetime | None = None
    deadline: datetime | None = None
    sessions_back: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A symbol ready to be collected: its sessions, clipped to what the order asks for, and its selected contracts."""

    underlying: Underlying
    sessions: tuple[Session, ...]
    contracts: tuple[OptionContract, ...]
    spot: Decimal | None


@dataclass(frozen=True, slots=True)
class NotPrepared:
    """A symbol that cannot be collected in this run, and why; the others go on."""

    symbol: str
    failure: Failure


def clipped(session: Session, span: timedelta | None, now: datetime) -> Session | None:
    """Return the part of a session that can be asked for now: complete slots only, the last `span` of them.

    The bounds stay on the session's slot grid. None when no slot is complete yet.
    """
    elapsed = (min(now, session.close) - session.open) // SLOT
    end = session.open + elapsed * SLOT
    start = session.open if span is None else max(session.open, end - (-(-span // SLOT)) * SLOT)
    if start >= end:
        return None
    return Session(session.day, start, end, session.next_open if end == session.close else end, session.early_close)
