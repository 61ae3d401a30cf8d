"""Read how sessions stand, by symbol."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from collector.db.bookkeeping import claims
from collector.db.connection.pool import Row, Statements
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.reports.session_standing import SessionStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a symbol's session had when it was measured last; None where it never was.

    settled_contracts: those settled in every series. fill, quote_coverage, iv_coverage: fractions of 1. unknown:
    slots. flagged: bars that are doubted; quarantined: bars that were not stored. at: when.
    """

    settled_contracts: int | None = None
    fill: float | None = None
    quote_coverage: float | None = None
    iv_coverage: float | None = None
    unknown: int | None = None
    flagged: int | None = None
    quarantined: int | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SymbolSession:
    """How a symbol's session stands, and what was measured of it."""

    standing: SessionStanding
    measured: Measured = Measured()


async def known(
    db: Statements, first: date, last: date, series: Callable[[str], Sequence[WhatToShow]]
) -> dict[tuple[date, str], SymbolSession]:
    """Return the sessions between two days of which anything is known, by day and symbol.

    They stand as they were measured last, with the gaps, claims and doubts of this moment.

    Args:
        db: the database.
        first: day of the first session.
        last: of the last one, included.
        series: the configured ones of a symbol's options.
    """
    rows = await db.fetch("session_standings", first, last)
    found = {
        (row["day"], row["symbol"]): SymbolSession(
            SessionStanding(
                contracts=row["contracts"],
                completeness=_fraction(row["completeness"]),
                unsettled=_unsettled(row, len(series(row["symbol"]))),
                open_slots=row["open_slots"],
                lost_slots=row["lost_slots"],
                awaiting=row["awaiting"],
            ),
            Measured(
                settled_contracts=row["settled_contracts"],
                fill=_fraction(row["fill"]),
                quote_coverage=_fraction(row["quote_coverage"]),
                iv_coverage=_fraction(row["iv_coverage"]),
                unknown=row["unknown"],
                flagged=row["flagged"],
                quarantined=row["quarantined"],
                at=row["measured_at"],
            ),
        )
        for row in rows
    }
    for doubt in await claims.implausible(db):
        for key in [key for key in found if key[0] == doubt.session and doubt.symbol in (key[1], claims.ALL)]:
            found[key] = replace(found[key], standing=replace(found[key].standing, doubt=doubt.words))
    return found


async def first_session(db: Statements) -> date | None:
    """Return the first session of which anything was measured or run, None while there is none."""
    found: date | None = await db.fetchval("first_session")
    return found


async def under_way(
    db: Statements,
    found: Mapping[tuple[date, str], SymbolSession],
    sessions: Sequence[tuple[Underlying, Session, Sequence[WhatToShow]]],
    now: datetime,
) -> dict[tuple[date, str], SymbolSession]:
    """Return a session that is under way as it stands now, by day and symbol: what counts is what is covered.

    Args:
        db: the database.
        found: what `known` has found of it.
        sessions: the underlyings with the product's session and the configured series of their options.
        now: slots that are not over are not looked at.
    """
    as_it_is, data_set = {}, OPTION_BARS_5MIN
    for underlying, session, series in sessions:
        span, key = data_set.span(session), (session.day, underlying.symbol)
        end, names = data_set.ended(session, now), [what.value for what in series]
        row = await db.fetchrow("covered_of_session", data_set.id, underlying.id, session.day, span.start, end, names)
        whole = (end - span.start) * row["series"] if row else None
        before = found.get(key, SymbolSession(SessionStanding()))
        standing = replace(
            before.standing,
            contracts=row["contracts"] if row else 0,
            completeness=row["covered"] / whole if row and whole else None,
            under_way=True,
        )
        as_it_is[key] = replace(before, standing=standing)
    return as_it_is


def _unsettled(row: Row, series: int) -> int:
    """Return how many series-slots were not settled.

    One at least where a contract was not, for percents are rounded, or where an earlier system did not count slots.
    """
    completeness = _fraction(row["completeness"])
    if completeness is None:
        return 0
    at_least = 1 if completeness < 1 or row["settled_contracts"] < row["contracts"] else 0
    return max(round((1 - completeness) * int(row["slots"]) * series), at_least)


def _fraction(percent: float | None) -> float | None:
    return None if percent is None else percent / 100
