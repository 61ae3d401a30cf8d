"""Read how many sessions stand, by symbol."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from collector.db.bookkeeping import claims
from collector.db.connection.pool import Statements
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.reports.session_standing import SessionStanding


async def standings(db: Statements, first: date, last: date) -> dict[tuple[date, str], SessionStanding]:
    """Return the sessions between two days of which anything is known, by day and symbol.

    What was measured last, with the gaps, claims and doubts of this moment.

    Args:
        db: the database.
        first: day of the first session.
        last: of the last one, included.
    """
    rows = await db.fetch("session_standings", first, last)
    found = {
        (row["day"], row["symbol"]): SessionStanding(
            contracts=row["contracts"],
            completeness=None if row["completeness"] is None else row["completeness"] / 100,
            open_slots=row["open_slots"],
            lost_slots=row["lost_slots"],
            awaiting=row["awaiting"],
        )
        for row in rows
    }
    for doubt in await claims.implausible(db):
        for key in [key for key in found if key[0] == doubt.session and doubt.symbol in (key[1], claims.ALL)]:
            found[key] = replace(found[key], doubt=doubt.words)
    return found


async def under_way(
    db: Statements,
    known: Mapping[tuple[date, str], SessionStanding],
    sessions: Sequence[tuple[Underlying, Session, Sequence[WhatToShow]]],
    now: datetime,
) -> dict[tuple[date, str], SessionStanding]:
    """Return a session that is under way as it stands now, by day and symbol: what counts is what is covered.

    Args:
        db: the database.
        known: what `standings` has found of it.
        sessions: the underlyings with the product's session and the configured series of their options.
        now: slots that are not over are not looked at.
    """
    found, data_set = {}, OPTION_BARS_5MIN
    for underlying, session, series in sessions:
        span, key = data_set.span(session), (session.day, underlying.symbol)
        end, names = data_set.ended(session, now), [what.value for what in series]
        row = await db.fetchrow("covered_of_session", data_set.id, underlying.id, session.day, span.start, end, names)
        whole = (end - span.start) * row["series"] if row else None
        found[key] = replace(
            known.get(key, SessionStanding()),
            contracts=row["contracts"] if row else 0,
            completeness=row["covered"] / whole if row and whole else None,
            under_way=True,
        )
    return found
