"""Empty answers, claims, and how empty sessions are.

What speaks for empty answers.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from collector.db.bookkeeping.coverage_table import session_slots
from collector.db.connection.pool import Row, Statements
from collector.db.contracts.contract_rows import contract_of
from collector.domain.coverage.evidence import SECOND_AFTER, Claim, Emptiness, EmptySession, Finding, Ruling
from collector.domain.coverage.purge import latest_of_another_night
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import OptionContract, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans

ALL = "ALL"
"""Stands for all symbols of a session together."""
UNCONFIRMED = "no second witness came in time"
"""Why a claim is held that nobody waits for; a second witness settles it all the same."""


@dataclass(frozen=True, slots=True)
class Negative:
    """An answer that had no bar in some sessions. instrument: a contract's id, or an underlying's below zero.

    spans: the asked parts of these sessions. known: bars of the series are stored there. settled: these parts have
    settled since.
    """

    instrument: int
    what_to_show: WhatToShow
    run_id: int
    login: str
    sent_at: datetime
    answered_at: datetime
    spans: Spans
    known: bool
    settled: bool


@dataclass(frozen=True, slots=True)
class Good:
    """An answer with bars. first_bar: the start of its first one."""

    what_to_show: WhatToShow
    run_id: int
    answered_at: datetime
    first_bar: datetime


@dataclass(frozen=True, slots=True)
class NewClaim:
    """A series of a session that controlled answers called empty. span: what was asked of the session."""

    instrument: int
    what_to_show: WhatToShow
    day: date
    span: Span
    first_sent_at: datetime
    first_run_id: int
    first_login: str
    last_sent_at: datetime


@dataclass(frozen=True, slots=True)
class StoredClaim:
    """A claim with its facts. listed: the session does not lie before the contract was listed.

    expiration: the contract's, None for an underlying. unconfirmed: nobody waits for its second witness any more
    (`mark_held`).
    """

    instrument: int
    day: date
    span: Span
    listed: bool
    facts: Claim
    expiration: date | None = None
    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier looks at a session found. nights: New York days that found the same share."""

    emptiness: Emptiness
    plausible: bool
    nights: tuple[date, ...]
    accepted: bool


@dataclass(frozen=True, slots=True)
class Awaited:
    """Claims of a session that lack only their second witness.

    oldest: when the first of those was sent that half an hour confirms; None: all need another night.
    """

    day: date
    oldest: datetime | None
    claims: int
    expiring: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A contract whose bars are stored: of each series the last slot that has one, where there is any."""

    contract: OptionContract
    last: Mapping[WhatToShow, datetime]


async def negatives(
    db: Statements, data_set: DataSet, underlying_id: int, since: datetime, depth: timedelta
) -> list[Negative]:
    """Return the empty answers about an underlying and its contracts that nobody has weighed, as they were sent.

    Args:
        db: the database.
        data_set: of which bars.
        underlying_id: whose.
        since: not sent before.
        depth: what lies further back than this may be forgotten by the source: nothing there counts as known.
    """
    return [
        Negative(
            row["instrument_id"],
            WhatToShow(row["what_to_show"]),
            row["run_id"],
            row["login"] or "",
            row["sent_at"],
            row["answered_at"],
            row["negatives"],
            bool(row["known"]),
            row["settled"],
        )
        for row in await db.fetch("unweighed_negatives", data_set.id, underlying_id, since, depth)
    ]


async def good_answers(db: Statements, data_set: DataSet, underlying_id: int, since: datetime) -> list[Good]:
    """Return the answers with bars about an underlying and its contracts, as they came."""
    return [
        Good(WhatToShow(row["what_to_show"]), row["run_id"], row["answered_at"], row["first_bar"])
        for row in await db.fetch("good_answers", data_set.id, underlying_id, since)
    ]


async def mark_weighed(db: Statements, data_set: DataSet, weighed: Sequence[tuple[Negative, bool]]) -> None:
    """Note of empty answers whether they were controlled."""
    await db.execute(
        "mark_weighed",
        data_set.id,
        [negative.instrument for negative, _ in weighed],
        [negative.what_to_show.value for negative, _ in weighed],
        [negative.sent_at for negative, _ in weighed],
        [controlled for _, controlled in weighed],
    )


async def add(db: Statements, data_set: DataSet, claims: Sequence[NewClaim]) -> None:
    """Keep claims, one a series and span; one that is there keeps its first witness and learns of the latest.

    Only an answer about all of a claim's span is another witness of it.
    """
    await db.execute(
        "add_negative_claims",
        data_set.id,
        [one.instrument for one in claims],
        [one.what_to_show.value for one in claims],
        [one.day for one in claims],
        [one.span.start for one in claims],
        [one.span.end for one in claims],
        [one.first_sent_at for one in claims],
        [one.first_run_id for one in claims],
        [one.first_login for one in claims],
        [one.last_sent_at for one in claims],
    )


async def delete_answered(db: Statements, underlying_id: int) -> int:
    """Forget claims of which slots have settled since, and return how many they were."""
    count: int = await db.fetchval("delete_answered_claims", underlying_id)
    return count


async def claimed_days(db: Statements, underlying_id: int) -> list[date]:
    """Return the session days on which there are claims, ascending."""
    return [row["session_date"] for row in await db.fetch("claimed_days", underlying_id)]


async def claims(
    db: Statements,
    data_set: DataSet,
    underlying_id: int,
    sessions: Sequence[Session],
    past: Sequence[Session],
    no_bid: Decimal,
) -> list[StoredClaim]:
    """Return the claims on sessions with their facts.

    Args:
        db: the database.
        data_set: of which bars.
        underlying_id: whose.
        sessions: the product's whole sessions.
        past: its sessions since a few before the first of them.
        no_bid: up to this ask nobody need bid, USD.
    """
    if not sessions:
        return []
    rows = await db.fetch(
        "claims",
        data_set.id,
        underlying_id,
        *session_slots(data_set, sessions),
        *session_slots(data_set, past),
        no_bid,
    )
    return [_claim(row) for row in rows]


async def doubted_days(db: Statements, symbol: str) -> list[date]:
    """Return the session days that were found implausible for a symbol, ascending."""
    return [row["session_date"] for row in await db.fetch("doubted_sessions", symbol)]


async def emptiness(
    db: Statements,
    data_set: DataSet,
    underlying_id: int,
    session: Session,
    series: Sequence[WhatToShow],
    near: Collection[int],
) -> Emptiness:
    """Return how empty a whole session is; `near`: ids of its contracts near the money."""
    span = data_set.span(session)
    row = await db.fetchrow(
        "count_empty_contracts",
        data_set.id,
        underlying_id,
        session.day,
        span.start,
        span.end,
        [what.value for what in series],
        list(near),
    )
    if row is None:
        return Emptiness()
    return Emptiness(row["answered"], row["empty"], row["near"], row["near_without_ask"], row["without_trades"])


async def earlier(db: Statements, day: date, symbol: str) -> Earlier | None:
    """Return what earlier looks at a session found, None when nobody has looked."""
    row = await db.fetchrow("session_evidence", day, symbol)
    if row is None:
        return None
    return Earlier(_emptiness(row), row["plausible"], tuple(row["found_on"]), row["accepted_at"] is not None)


async def plausible(db: Statements, symbol: str, before: date) -> list[Emptiness]:
    """Return the last five plausible sessions of a symbol before a day, the latest first."""
    return [_emptiness(row) for row in await db.fetch("plausible_sessions", symbol, before)]


async def of_session(db: Statements, day: date, symbols: Sequence[str]) -> list[Emptiness]:
    """Return what is known of a session's symbols."""
    return [_emptiness(row) for row in await db.fetch("evidence_of_session", day, list(symbols))]


async def record(db: Statements, day: date, symbol: str, finding: Finding, run_id: int | None) -> None:
    """Keep what a look at a session found."""
    found = finding.emptiness
    await db.execute(
        "record_evidence",
        day,
        symbol,
        found.answered,
        found.empty,
        found.near,
        found.near_without_ask,
        found.without_trades,
        finding.plausible,
        finding.implausible or finding.remark,
        list(finding.nights),
        run_id,
        db.clock.now(),
    )


async def accept(db: Statements, day: date, symbols: Sequence[str]) -> None:
    """Accept a session as empty as it looks, of some symbols; `ALL`: over all of them."""
    await db.execute("accept_session", day, list(symbols), db.clock.now())


async def confirm(db: Statements, data_set: DataSet, ruled: Sequence[tuple[StoredClaim, Ruling]]) -> int:
    """Settle claims; slots with quotes whose TRADES have settled empty say from now on that nobody traded.

    Returns:
        The number of series whose coverage changed.
    """
    if not ruled:
        return 0
    changed: int = await db.fetchval(
        "confirm_negatives",
        data_set.id,
        *_keys(one for one, _ in ruled),
        [verdict is Ruling.SINGLE_WITNESS for _, verdict in ruled],
    )
    untraded: dict[Span, list[int]] = {}
    for one, _ in ruled if data_set == OPTION_BARS_5MIN else ():  # no other size has rows that say who traded
        if one.facts.what_to_show is WhatToShow.TRADES:
            untraded.setdefault(one.span, []).append(one.instrument)
    for span, ids in untraded.items():
        await db.execute("note_no_trade", data_set.id, ids, span.start, span.end)
    return changed


async def set_states(db: Statements, data_set: DataSet, ruled: Sequence[tuple[StoredClaim, Ruling, str]]) -> None:
    """Note which claims await their second witness, and which are held, and why."""
    if ruled:
        await db.execute(
            "set_claim_states",
            data_set.id,
            *_keys(one for one, _, _ in ruled),
            [verdict.value for _, verdict, _ in ruled],
            [reason for _, _, reason in ruled],
        )


async def deselect_before_listing(db: Statements, empty: Sequence[tuple[int, date]]) -> int:
    """Expect nothing of contracts (ids) on sessions before they were listed; return how many contracts changed."""
    if not empty:
        return 0
    count: int = await db.fetchval(
        "deselect_before_listing", [contract_id for contract_id, _ in empty], [day for _, day in empty]
    )
    return count


async def mark_held(db: Statements, days: Sequence[date] | None, before: datetime) -> int:
    """Wait no longer for second witnesses of sessions (None: of all) whose first was sent before an instant."""
    count: int = await db.fetchval("mark_claims_held", None if days is None else list(days), before, UNCONFIRMED)
    return count


async def awaited(db: Statements, symbols: Sequence[str] | None = None) -> list[Awaited]:
    """Return what awaits a second witness, by session."""
    return [
        Awaited(row["session_date"], row["oldest"], row["claims"], row["expiring"])
        for row in await db.fetch("awaited", None if symbols is None else list(symbols))
    ]


async def awaiting_expiries(
    db: Statements, data_set: DataSet, underlying_id: int, session: Session, series: Sequence[WhatToShow]
) -> set[int]:
    """Return the contracts (ids) that expire on a session and lack nothing of it but second witnesses."""
    names = [what.value for what in series]
    span, next_day = data_set.span(session), session.next_open.date()
    rows = await db.fetch(
        "awaiting_expiries", data_set.id, underlying_id, session.day, span.start, span.end, names, next_day
    )
    return {row["id"] for row in rows}


async def implausible(db: Statements, day: date | None = None) -> list[EmptySession]:
    """Return the sessions (of one day, or all) that look emptier than they can be and hold claims, ascending."""
    return [
        EmptySession(symbol=row["symbol"], session=row["session_date"], words=row["reason"])
        for row in await db.fetch("implausible_sessions", day)
    ]


async def recent(
    db: Statements, data_set: DataSet, underlying_id: int, now: datetime
) -> dict[tuple[int, WhatToShow], Spans]:
    """Return what was called empty so lately that asking again proves nothing yet, by instrument and series.

    That is half an hour; for sessions before a contract was listed, until another night.
    """
    rows = await db.fetch("recent_claims", data_set.id, underlying_id, now - SECOND_AFTER, latest_of_another_night(now))
    return {(row["instrument_id"], WhatToShow(row["what_to_show"])): row["spans"] for row in rows}


async def candidates(
    db: Statements, underlying_id: int, today: date, spot: Decimal | None, session: Span, count: int
) -> list[Candidate]:
    """Return living contracts near the money that have bars in a session: what controls can ask for."""
    rows = await db.fetch("control_candidates", underlying_id, today, spot, session.start, session.end, count)
    names = {WhatToShow.TRADES: "trades", WhatToShow.BID: "bids", WhatToShow.ASK: "asks"}
    return [
        Candidate(contract_of(row), {what: row[name] for what, name in names.items() if row[name] is not None})
        for row in rows
    ]


def _keys(claims_: Iterable[StoredClaim]) -> tuple[list[int], list[str], list[datetime], list[datetime]]:
    ruled = list(claims_)
    return (
        [one.instrument for one in ruled],
        [one.facts.what_to_show.value for one in ruled],
        [one.span.start for one in ruled],
        [one.span.end for one in ruled],
    )


def _emptiness(row: Row) -> Emptiness:
    return Emptiness(row["answered"], row["empty"], row["near"], row["near_without_ask"], row["trades_empty"])


def _claim(row: Row) -> StoredClaim:
    with_bars = {WhatToShow.TRADES: row["trades"], WhatToShow.BID: row["bids"], WhatToShow.ASK: row["asks"]}
    return StoredClaim(
        instrument=row["instrument_id"],
        day=row["session_date"],
        span=row["span"],
        listed=row["listed"],
        expiration=row["expiration_date"],
        unconfirmed=row["reason"] == UNCONFIRMED,
        facts=Claim(
            what_to_show=WhatToShow(row["what_to_show"]),
            first_sent_at=row["first_sent_at"],
            last_sent_at=row["last_sent_at"],
            with_bars=frozenset(what for what, has in with_bars.items() if has),
            ask_above_bound=row["ask_above_bound"],
            traded_before=row["traded_before"],
            neighbours_traded=row["neighbours_traded"],
            of_underlying=row["instrument_id"] < 0,
        ),
    )
