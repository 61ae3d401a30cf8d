"""Questions about the quality of stored bars."""

from dataclasses import dataclass

from collector.db.pool import Statements
from collector.domain.flags import SlotFlag
from collector.domain.sessions import Session

_CROSSED = int(SlotFlag.BID_CROSSED | SlotFlag.ASK_CROSSED)
_DOUBTED = int(SlotFlag.TRADE_DOUBTED | SlotFlag.QUOTE_DOUBTED)


@dataclass(frozen=True, slots=True)
class Broken:
    """How many stored bars break a rule, and the OCC symbol of one of their contracts."""

    rule: str
    bars: int
    example: str


@dataclass(frozen=True, slots=True)
class SessionQuality:
    """The option bars of an underlying's session in numbers.

    bars: slots with a row. traded: with volume. quoted: with bid and ask. with_iv: with an implied volatility.
    doubted: flagged as suspicious. quarantined: bars that were not stored (the underlying's own included).
    """

    bars: int
    contracts: int
    traded: int
    quoted: int
    with_iv: int
    doubted: int
    quarantined: int


async def broken(db: Statements, underlying_id: int, session: Session) -> list[Broken]:
    """Return the rules that stored option bars of a session break, by rule; an empty list is what is expected."""
    rows = await db.fetch("verify_option_bars", underlying_id, session.open, session.close, _CROSSED)
    return [Broken(row["rule"], row["bars"], row["example"]) for row in rows]


async def session_quality(db: Statements, underlying_id: int, session: Session) -> SessionQuality:
    """Return the numbers of a session."""
    row = await db.fetchrow("session_quality", underlying_id, session.open, session.close, _DOUBTED)
    return SessionQuality(**(row or {}))


async def record(db: Statements, symbol: str, session: Session, found: SessionQuality) -> bool:
    """Add the numbers to the session's statistics; return whether there is a row of them yet."""
    return bool(
        await db.execute("record_session_quality", session.day, symbol, found.quoted, found.with_iv, found.quarantined)
    )
