"""Weigh empty answers.

Weighing of empty answers: which become final, which wait, which sessions cannot be so empty.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import structlog

from collector.config import Settings
from collector.db.bookkeeping import claims as store
from collector.db.bookkeeping.claims import ALL, Negative, NewClaim, StoredClaim
from collector.db.connection.pool import Database, Statements
from collector.db.contracts import contract_tables as contract_store
from collector.db.contracts import lifecycle
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.coverage.evidence import Emptiness, EmptySession, Finding, Ruling, is_controlled, ruling, weighed
from collector.domain.market_data.data_sets import DATA_SETS, OPTION_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans
from collector.market.calendar import Calendar
from collector.runs.evidence.weighed import Series, Weighed
from collector.runs.preparing.contract_scope import market_of

_BACK = timedelta(days=1)
"""Answers of a run that was killed before it weighed them are weighed by the next one, for so long."""
_AROUND = timedelta(minutes=2)
_HISTORY = timedelta(days=12)
"""Holds six sessions before any."""
_Nights = dict[date, date | None]
"""Session days, and the New York day on which the source last called something of each empty."""
log = structlog.get_logger()


async def weigh(
    db: Database,
    settings: Settings,
    calendar: Calendar,
    underlyings: Sequence[Underlying],
    run_id: int | None,
    asked: Collection[date] = (),
    only: date | None = None,
) -> Weighed:
    """Weigh the empty answers about some underlyings' contracts, in one transaction; repeating it changes nothing.

    Args:
        db: the database.
        settings: series, what is near the money, up to which ask nobody need bid.
        calendar: the sessions.
        underlyings: whose answers are weighed.
        run_id: the run that weighs; None: a person.
        asked: session days that were asked about; how empty they are is kept, also when nothing of it is claimed.
        only: rule on this session day alone; None: on all that hold claims.
    """
    found, unproven = Weighed(), dict[Series, Spans]()
    async with db.transaction() as transaction:
        touched: dict[Underlying, _Nights] = {}
        for underlying in underlyings:
            await store.delete_answered(transaction, underlying.id)
            nights: _Nights = {}
            for data_set in DATA_SETS:
                await _witnessed(transaction, calendar, data_set, underlying, found, unproven, nights)
            # Claims of earlier runs are ruled on again: what they waited for may have come.
            spoken_of = {*nights, *asked, *await store.claimed_days(transaction, underlying.id)}
            spoken_of &= {only} if only else spoken_of
            touched[underlying] = {day: nights.get(day) for day in sorted(spoken_of) if calendar.is_session(day)}
        # All symbols before any ruling: that of all sessions together can hold up a claim of each.
        findings = await _findings(transaction, settings, calendar, touched, run_id, found)
        for underlying, days in touched.items():
            for data_set in DATA_SETS:
                settled = await _rule(
                    transaction, settings, calendar, data_set, underlying, list(days), findings, found
                )
                for claim in settled:
                    series = (claim.instrument, data_set, claim.facts.what_to_show)
                    unproven[series] = unproven.get(series, Spans()) - Spans((claim.span,))
            for data_set in DATA_SETS:
                if unlisted := await _unlisted(transaction, calendar, data_set, underlying):
                    series = (underlying.key, data_set, WhatToShow.TRADES)
                    unproven[series] = unproven.get(series, Spans()) - unlisted
    # What earlier witnesses have proven meanwhile needs no answer of this run.
    found.uncontrolled -= {series for series, spans in unproven.items() if not spans}
    for one in found.implausible:
        tell = log.error if one.session in asked else log.info
        tell("session_implausible", symbol=one.symbol, day=str(one.session), reason=one.words)
    return found


async def _witnessed(
    db: Statements,
    calendar: Calendar,
    data_set: DataSet,
    underlying: Underlying,
    found: Weighed,
    unproven: dict[Series, Spans],
    nights: _Nights,
) -> None:
    """Tell controlled empty answers from others, and keep what they claim.

    The days that they speak of are added to `nights`, each with the New York day on which the last controlled one was
    sent; what nothing controls to `unproven`.
    """
    # "Known" bars tell of an outage only while the source must still have them.
    depth = min(data_set.depths.values())
    negatives = await store.negatives(db, data_set, underlying.id, db.clock.now() - _BACK, depth)
    if not negatives:
        return
    # The control of the first one came before it.
    good = await store.good_answers(db, data_set, underlying.id, min(one.sent_at for one in negatives) - _AROUND)
    came: dict[WhatToShow, list[datetime]] = defaultdict(list)
    oldest: dict[tuple[WhatToShow, int], datetime] = {}
    for one in good:
        came[one.what_to_show].append(one.answered_at)
        key = (one.what_to_show, one.run_id)
        oldest[key] = min(oldest.get(key, one.first_bar), one.first_bar)
    dark = _dark(negatives)
    sessions = _Sessions(calendar, underlying.symbol)
    marks: list[tuple[Negative, bool]] = []
    claims: dict[tuple[int, WhatToShow, Span], NewClaim] = {}
    for negative in negatives:
        what = negative.what_to_show
        controlled = is_controlled(negative.sent_at, negative.answered_at, came[what], dark[what])
        marks.append((negative, controlled))
        # An underlying's other series are not everybody's to have: what they lack makes no session suspect.
        if (negative.instrument > 0 or what is WhatToShow.TRADES) and not negative.settled:
            series = (negative.instrument, data_set, what)
            (found.controlled if controlled else found.uncontrolled).add(series)
            if not controlled:
                unproven[series] = unproven.get(series, Spans()) | negative.spans
        if controlled and not negative.settled:
            reach = oldest.get((what, negative.run_id))
            for claim in _claims(data_set, negative, sessions, reach):
                _add(claims, claim)
        for day in (data_set.day_of(span.start, NEW_YORK) for span in negative.spans):
            # A day that nothing controls is looked at, but has no night.
            night = negative.sent_at.astimezone(NEW_YORK).date() if controlled else None
            nights[day] = max((one for one in (nights.get(day), night) if one is not None), default=None)
    found.uncontrolled -= found.controlled
    await store.mark_weighed(db, data_set, marks)
    await store.add(db, data_set, list(claims.values()))


def _dark(negatives: Iterable[Negative]) -> dict[WhatToShow, list[tuple[datetime, int]]]:
    """Return when which instruments were empty where bars are known, ascending, by series."""
    found: dict[WhatToShow, list[tuple[datetime, int]]] = defaultdict(list)
    for one in sorted((one for one in negatives if one.known), key=lambda one: (one.answered_at, one.instrument)):
        found[one.what_to_show].append((one.answered_at, one.instrument))
    return found


def _claims(data_set: DataSet, negative: Negative, sessions: "_Sessions", reach: datetime | None) -> Iterable[NewClaim]:
    """Yield what a controlled empty answer claims: sessions that had closed long enough, within the source's memory.

    Further back than its memory is taken to reach, an answer of the same run must have shown that it reaches there.
    """
    for span in negative.spans:
        session = sessions.of(data_set.day_of(span.start, NEW_YORK))
        if session is None:
            continue
        # Sent before IB had done correcting: not final, so no claim.
        if negative.sent_at <= session.settles_at:
            continue
        age = negative.sent_at - session.open
        # Beyond what is counted on, empty may mean forgotten.
        if age > data_set.depths.get(negative.what_to_show, age) and (reach is None or reach > session.close):
            continue
        yield NewClaim(
            negative.instrument,
            negative.what_to_show,
            session.day,
            span,
            negative.sent_at,
            negative.run_id,
            negative.login,
            negative.sent_at,
        )


def _add(claims: dict[tuple[int, WhatToShow, Span], NewClaim], new: NewClaim) -> None:
    """Keep the first witness of a claim, and when the latest one was sent."""
    key = (new.instrument, new.what_to_show, new.span)
    first = claims.get(key)
    claims[key] = new if first is None else replace(first, last_sent_at=new.last_sent_at)


class _Sessions:
    """Sessions of a symbol by their day, each computed once."""

    def __init__(self, calendar: Calendar, symbol: str) -> None:
        self._calendar, self._symbol = calendar, symbol
        self._known: dict[date, Session | None] = {}

    def of(self, day: date) -> Session | None:
        """Return the session of a day, None where the calendar has lost it since."""
        if day not in self._known:
            is_session = self._calendar.is_session(day)
            self._known[day] = self._calendar.session(self._symbol, day) if is_session else None
        return self._known[day]


async def _findings(
    db: Statements,
    settings: Settings,
    calendar: Calendar,
    touched: dict[Underlying, _Nights],
    run_id: int | None,
    found: Weighed,
) -> dict[tuple[str, date], Finding]:
    """Judge each session of each symbol, and over all symbols; return what was found by symbol (or `ALL`) and day.

    A session that was found implausible is looked at again whatever has changed: another run may have repaired it.
    """
    findings: dict[tuple[str, date], Finding] = {}
    all_days = {day for days in touched.values() for day in days}
    looked_at = {underlying: set(days) for underlying, days in touched.items()}
    for symbol in settings.symbol_names:
        known = await contract_store.underlying(db, symbol)
        if known is not None:
            doubted = all_days.intersection(await store.doubted_days(db, symbol))
            looked_at[known] = looked_at.get(known, set()) | doubted
    for underlying, days in looked_at.items():
        for day in sorted(days):
            counted = await _counted(db, settings, calendar, underlying, day)
            night = touched.get(underlying, {}).get(day)
            is_quoted = _is_quoted(settings, underlying.symbol)
            finding = await _judged(db, underlying.symbol, day, counted, night, run_id, quoted=is_quoted)
            _note(found, underlying.symbol, day, finding)
            findings[underlying.symbol, day] = finding
    # Without quotes most contracts that did not trade have no bar at all, which says nothing beside those with quotes.
    quoted = [symbol for symbol in settings.symbol_names if _is_quoted(settings, symbol)]
    for day in sorted(all_days):
        whole = sum(await store.of_session(db, day, quoted or settings.symbol_names), Emptiness())
        night = max((last for days in touched.values() if (last := days.get(day)) is not None), default=None)
        finding = await _judged(db, ALL, day, whole, night, run_id, quoted=bool(quoted))
        # Where a symbol is implausible by itself, that says it already.
        if not finding.plausible and all(one.plausible for (_, other), one in findings.items() if other == day):
            _note(found, ALL, day, finding)
        findings[ALL, day] = finding
    return findings


async def _counted(
    db: Statements, settings: Settings, calendar: Calendar, underlying: Underlying, day: date
) -> Emptiness:
    market = await market_of(db, calendar, underlying, day)
    contracts = await contract_store.selected(db, underlying.id, day, day)
    rule = settings.selection_for(underlying.symbol).nearness().money
    # Without a price nothing is near the money: the session is judged by its other contracts alone.
    near = [] if market is None else [one.id for one in rule.chosen(contracts, market)]
    session, series = calendar.session(underlying.symbol, day), settings.series_for(underlying.symbol)
    return await store.emptiness(db, OPTION_BARS_5MIN, underlying.id, session, series, near)


def _is_quoted(settings: Settings, symbol: str) -> bool:
    return any(what is not WhatToShow.TRADES for what in settings.series_for(symbol))


async def _judged(
    db: Statements,
    symbol: str,
    day: date,
    counted: Emptiness,
    night: date | None,
    run_id: int | None,
    *,
    quoted: bool,
) -> Finding:
    before = await store.earlier(db, day, symbol)
    finding = weighed(
        counted,
        [one.share(quoted=quoted) for one in await store.plausible(db, symbol, day)],
        quoted=quoted,
        night=night,
        before=None if before is None else (before.emptiness, before.nights),
        accepted=before is not None and before.accepted,
    )
    await store.record(db, day, symbol, finding, run_id)
    return finding


def _note(found: Weighed, symbol: str, day: date, finding: Finding) -> None:
    if finding.implausible:
        found.implausible.append(EmptySession(symbol=symbol, session=day, words=finding.implausible))
    elif finding.remark:
        found.accepted.append(EmptySession(symbol=symbol, session=day, words=finding.remark))


async def _rule(
    db: Statements,
    settings: Settings,
    calendar: Calendar,
    data_set: DataSet,
    underlying: Underlying,
    days: Sequence[date],
    findings: dict[tuple[str, date], Finding],
    found: Weighed,
) -> list[StoredClaim]:
    """Settle what is proven, which is returned, and say of the rest what it waits for."""
    if not days:
        return []
    now, series = db.clock.now(), settings.series_for(underlying.symbol)
    sessions = [calendar.session(underlying.symbol, day) for day in days]
    past = calendar.sessions(underlying.symbol, days[0] - _HISTORY, days[-1])
    proven: list[tuple[StoredClaim, Ruling]] = []
    waiting: list[tuple[StoredClaim, Ruling, str]] = []
    unlisted: list[StoredClaim] = []
    for claim in await store.claims(db, data_set, underlying.id, sessions, past, settings.evidence.no_bid_usd):
        # Before the listing, as far as is known: other contracts' bars, which make a session plausible, say nothing of
        # this one. Only another night does, and then the session is expected no more, rather than settled.
        if not claim.listed and not claim.facts.with_bars:
            if claim.facts.has_second_night:
                unlisted.append(claim)
            else:
                waiting.append(_waiting(claim))
            continue
        own, over_all = findings[underlying.symbol, claim.day], findings[ALL, claim.day]
        words = own.holds(claim.expiration, now) or over_all.holds(claim.expiration, now)
        verdict = ruling(claim.facts, series, plausible=not words)
        if verdict in (Ruling.SETTLED, Ruling.SINGLE_WITNESS):
            proven.append((claim, verdict))
        elif verdict is Ruling.AWAITING:
            waiting.append(_waiting(claim))
        else:
            waiting.append((claim, verdict, words))
    await store.confirm(db, data_set, proven)
    await store.set_states(db, data_set, waiting)
    await store.deselect_before_listing(db, _wholly(unlisted, series, sessions))
    found.settled += sum(verdict is Ruling.SETTLED for _, verdict in proven)
    found.single_witness += sum(verdict is Ruling.SINGLE_WITNESS for _, verdict in proven)
    found.awaiting += sum(verdict is Ruling.AWAITING for _, verdict, _ in waiting)
    return [claim for claim, _ in proven]


async def _unlisted(db: Statements, calendar: Calendar, data_set: DataSet, underlying: Underlying) -> Spans:
    """Expect nothing of an underlying before it was listed, and return the slots that are not expected any more.

    A request for such sessions alone is empty, and has none beside it that is not: nothing would ever control it. But
    of a series that is told whole one answer has the bars from the first on, and nothing before.
    """
    if not any(what.ends_now for what in data_set.series):
        return Spans()
    first = await contract_store.first_selected(db, data_set, underlying.id)
    if first is None:
        return Spans()
    today = db.clock.now().astimezone(NEW_YORK).date()
    sessions = calendar.sessions(underlying.symbol, first, max(first, today))
    return await lifecycle.deselect_unlisted(db, data_set, underlying.id, sessions)


def _waiting(claim: StoredClaim) -> tuple[StoredClaim, Ruling, str]:
    """Return how a claim waits for its second witness; one that nobody waited for any more is not taken up again."""
    return (claim, Ruling.HELD, store.UNCONFIRMED) if claim.unconfirmed else (claim, Ruling.AWAITING, "")


def _wholly(
    claims: Sequence[StoredClaim], series: Sequence[WhatToShow], sessions: Sequence[Session]
) -> list[tuple[int, date]]:
    """Return contracts (ids) and session days that are claimed empty from open to close in every series."""
    claimed: dict[tuple[int, date, WhatToShow], Spans] = defaultdict(Spans)
    for claim in claims:
        claimed[claim.instrument, claim.day, claim.facts.what_to_show] |= Spans((claim.span,))
    whole = {session.day: Spans((OPTION_BARS_5MIN.span(session),)) for session in sessions}
    empty = {(instrument, day) for instrument, day, _ in claimed}
    return sorted(
        (instrument, day)
        for instrument, day in empty
        if not any(whole[day] - claimed[instrument, day, what] for what in series)
    )
