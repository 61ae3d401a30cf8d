"""Account for a session of a symbol in counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.bars import quality_checks
from collector.db.bars.quality_checks import SessionQuality
from collector.db.connection.pool import Statements
from collector.db.readers import bar_records
from collector.domain.code_meanings import GREEKS_REASONS
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.pricing.reasons import GreeksReason
from collector.lineage.missing import Missing, missing
from collector.lineage.values import Copy


@dataclass(frozen=True, slots=True)
class Requested:
    """What one run asked for of the session, by how it ended. bars: how many came."""

    run_id: int | None
    window: str | None
    day: date | None
    attempt: int | None
    login: str | None
    outcome: str
    requests: int
    bars: int
    first_sent_at: datetime
    last_sent_at: datetime


@dataclass(frozen=True, slots=True)
class SessionAccount:
    """A session of a symbol's options in counts.

    quality: of the stored bars. missing: what is not final. requested: what runs asked for. revisions: settled bars
    that were replaced, of so many contracts, when last. greeks: bars by the reason of their Greeks, in words. archived:
    objects that hold the session.
    """

    underlying: Underlying
    session: Session
    quality: SessionQuality
    missing: Missing
    requested: tuple[Requested, ...]
    revisions: int
    revised_contracts: int
    last_revised_at: datetime | None
    greeks: tuple[tuple[str, int], ...]
    archived: tuple[Copy, ...]


async def session(db: Statements, underlying: Underlying, of: Session, series: Sequence[WhatToShow]) -> SessionAccount:
    """Return what is on record about a session of a symbol's options, in counts.

    Args:
        db: the database.
        underlying: whose options.
        of: the product's session, whole.
        series: those that are collected.
    """
    data_set = OPTION_BARS_5MIN
    runs = await bar_records.runs(db, underlying.id, of.open, of.close)
    revised = await bar_records.revised(db, underlying.id, data_set, of.open, of.close) or {}
    reasons = await bar_records.greeks_reasons(db, underlying.id, None, of.open, of.close)
    copies = await bar_records.archived(db, underlying.id, data_set, data_set.span(of).start.date())
    return SessionAccount(
        underlying=underlying,
        session=of,
        quality=await quality_checks.session_quality(db, underlying.id, of),
        missing=await missing(db, underlying, data_set, of, series),
        requested=tuple(
            Requested(
                row["run_id"], row["run_window"], row["run_date"], row["run_attempt"], row["login"], row["outcome"],
                row["requests"], row["bars"], row["first_sent_at"], row["last_sent_at"],
            )
            for row in runs
        ),
        revisions=revised.get("revisions", 0),
        revised_contracts=revised.get("instruments", 0),
        last_revised_at=revised.get("last_replaced_at"),
        greeks=tuple(
            ("not looked at" if row["greeks_reason"] is None else GREEKS_REASONS[GreeksReason(row["greeks_reason"])],
             row["bars"])
            for row in reasons
        ),
        archived=tuple(Copy(**{name: row[name] for name in Copy.__slots__}) for row in copies),
    )  # fmt: skip
