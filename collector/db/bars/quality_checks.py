"""Questions about the quality of stored bars."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from collector.db.connection.pool import Statements
from collector.db.connection.statements import OF_UNDERLYINGS, of
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.sessions import Session
from collector.domain.quality.flags import SlotFlag

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


@dataclass(frozen=True, slots=True)
class RecordedQuality:
    """What a session's statistics say of a symbol's bars, as last measured; None where it was not.

    bars_per_contract: rows of an average contract. error_rate: contracts of which a request was given up on, of all;
    quote_coverage, iv_coverage: slots with bid and ask, and with an implied volatility, of the expected ones; all
    three are fractions of 1. flagged: bars that are doubted. quarantined: bars that were not stored.
    """

    bars_per_contract: float | None
    error_rate: float | None
    quote_coverage: float | None
    iv_coverage: float | None
    flagged: int | None
    quarantined: int | None


async def broken(db: Statements, underlying_id: int, session: Session) -> list[Broken]:
    """Return the rules that stored bars of a session break, by kind of bars and rule; an empty list is expected.

    An example is a contract, or the name of the underlying's bars.
    """
    data_set = OPTION_BARS_5MIN
    rows = await db.fetch(
        "verify_option_bars", data_set.id, data_set.bar_size, underlying_id, session.open, session.close, _CROSSED
    )
    for own in OF_UNDERLYINGS:
        span = own.span(session)
        rows += await db.fetch(of("verify", own), own.id, own.bar_size, underlying_id, span.start, span.end)
    return [Broken(row["rule"], row["bars"], row["example"]) for row in rows]


async def session_quality(db: Statements, underlying_id: int, session: Session) -> SessionQuality:
    """Return the numbers of a session."""
    row = await db.fetchrow("session_quality", underlying_id, session.open, session.close, _DOUBTED)
    return SessionQuality(**(row or {}))


async def record(db: Statements, symbol: str, session: Session, found: SessionQuality) -> bool:
    """Add the numbers to the session's statistics; return whether there is a row of them yet."""
    numbers = (found.quoted, found.with_iv, found.quarantined, found.doubted)
    return bool(await db.execute("record_session_quality", session.day, symbol, *numbers))


async def recorded(db: Statements, day: date) -> dict[str, RecordedQuality]:
    """Return what the statistics of a session say of its bars, by symbol; those without a row are absent."""
    return {
        row["symbol"]: RecordedQuality(
            bars_per_contract=None if row["avg_bars_per_contract"] is None else float(row["avg_bars_per_contract"]),
            error_rate=_fraction(row["error_rate_percent"]),
            quote_coverage=_fraction(row["quote_percent"]),
            iv_coverage=_fraction(row["iv_percent"]),
            flagged=row["flagged_bars"],
            quarantined=row["quarantined_bars"],
        )
        for row in await db.fetch("recorded_quality", day)
    }


def _fraction(percent: Decimal | None) -> float | None:
    return None if percent is None else float(percent / 100)
