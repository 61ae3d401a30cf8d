"""Tell why values are missing, a sentence a cause."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from collector.db.bookkeeping import coverage_table
from collector.db.connection.pool import Row, Statements
from collector.db.readers import bar_records
from collector.domain.code_meanings import GREEKS_REASONS, QUARANTINE_REASONS
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, DataSet, InstrumentKind
from collector.domain.market_data.instruments import Instrument, OptionContract, Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans
from collector.domain.pricing.reasons import COMPUTED, GreeksReason
from collector.domain.quality.quality_rules import Impossible
from collector.domain.run_vocabulary import Asks, GapState
from collector.lineage import wording


class Cause(StrEnum):
    """Why slots of a series are not final."""

    LOST = "lost"
    REFUSED = "refused"
    AWAITING = "awaiting"
    HELD = "held"
    PROVISIONAL = "provisional"
    FAILED = "failed"
    UNCOVERED = "uncovered"
    UNASKED = "unasked"
    NOT_OVER = "not over"


@dataclass(frozen=True, slots=True)
class Hole:
    """Slots of a series of some instruments that are missing for one cause.

    spans: of all of them together. instruments: how many. slots: series-slots in all. sentence: in words.
    """

    what_to_show: WhatToShow
    cause: Cause
    spans: Spans
    instruments: int
    slots: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Unvalued:
    """Stored bars of contracts without volatility and Greeks. reason: in words."""

    reason: str
    bars: int


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing of a session of an instrument, or of all of a symbol's contracts.

    instruments: of which bars are expected. expected: their series-slots. unvalued: of options; bars that are there and
    have no volatility. note: why nothing is expected. gone: instruments whose bars were stored and are not in the
    database any more, and which archive has them, in words.
    """

    session: Session
    data_set: DataSet
    instruments: int
    expected: int
    holes: tuple[Hole, ...]
    unvalued: tuple[Unvalued, ...]
    note: str = ""
    gone: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return a sentence a cause."""
        valued = tuple(f"{wording.counted(one.bars, 'bar')} without volatility: {one.reason}." for one in self.unvalued)
        told = (text for text in (self.note, self.gone) if text)
        return (*told, *(hole.sentence for hole in self.holes), *valued)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Slots of one series of one instrument, and what the sentence says of them."""

    what: WhatToShow
    cause: Cause
    instrument_id: int
    spans: Spans
    words: str


async def missing(
    db: Statements,
    underlying: Underlying,
    data_set: DataSet,
    session: Session,
    series: Sequence[WhatToShow],
    contract: Instrument | None = None,
    *,
    among: Sequence[int] | None = None,
    within: Span | None = None,
) -> Missing:
    """Return what is not final of a session, a sentence a cause.

    Args:
        db: the database; its clock tells what is over.
        underlying: whose bars, or whose contracts'.
        data_set: of contracts or of the underlying.
        session: of the product, whole.
        series: those that are collected.
        contract: this instrument alone; None: all of the data set.
        among: contracts by their ids, where only some are looked at; None: all.
        within: slots of the session, where only some are looked at; None: all.
    """
    only = among if contract is None else [contract.key]
    whole = session
    if within is not None and (part := data_set.part(session, within.start, within.end)) is not None:
        session = part
    wanted = await coverage_table.missing(db, data_set, underlying.id, [session], series, None, only)
    open_ = await coverage_table.missing(db, data_set, underlying.id, [session], series, Asks.NOT_SETTLED, only)
    ids = sorted({one.instrument_id for one in wanted})
    span = data_set.span(session)
    pieces = list(await _lost(db, ids, data_set, span, series))
    pieces += await _open(db, data_set, span, open_)
    note = "" if ids else await _unwanted(db, underlying, data_set, session, contract, some=among is not None)
    return Missing(
        session,
        data_set,
        len(ids),
        sum(data_set.count(one.missing) for one in wanted),
        tuple(_holes(pieces, data_set, alone=contract is not None or data_set.kind is InstrumentKind.UNDERLYING)),
        await _unvalued(db, underlying, data_set, span, only, whole.settles_at),
        note,
        await _gone(db, underlying, data_set, whole, contract, ids, some=only is not None),
    )


async def _gone(
    db: Statements,
    underlying: Underlying,
    data_set: DataSet,
    session: Session,
    contract: Instrument | None,
    ids: Sequence[int],
    *,
    some: bool,
) -> str:
    """Return a sentence about bars that were stored and are not in the database any more, none where all are there."""
    span, day = data_set.span(session), session.day
    copies = await bar_records.archived(db, underlying.id, data_set, span.start.date())
    if data_set.kind is InstrumentKind.UNDERLYING:
        there = set(ids) if await bar_records.bars(db, underlying, data_set, span.start, span.end) else set[int]()
        others = there
    else:
        there = await bar_records.with_bars(db, ids, span)
        others = there or (await _others_with_bars(db, underlying, session, span) if some else set[int]())
    gone = await bar_records.with_answers(db, [one for one in ids if one not in there], data_set, span)
    # Of a session without any bar the archive tells as well, and what has settled once the requests are forgotten.
    whole = not others and (
        bool(gone) or any(copy["rows"] for copy in copies) or await _settled(db, ids, data_set, span)
    )
    if not gone and not whole:
        return ""
    if isinstance(contract, OptionContract):
        whose = f"bars of {contract.occ_symbol[:6].strip()} {contract.occ_symbol[6:]}"
    elif whole:
        whose = f"bars of {underlying.symbol}"
    else:
        whose = f"bars of {wording.counted(len(gone), 'contract')} of {underlying.symbol}"
    held = [f"{copy['place']}/{copy['path']}" for copy in copies if copy["rows"]]
    where = f"the archive has the session: {', '.join(held)}" if held else "no archive has the session"
    return f"The {whose} on {day} are not in the database any more; {where}."


async def _others_with_bars(db: Statements, underlying: Underlying, session: Session, span: Span) -> set[int]:
    """Return contracts with bars beside those looked at: of a session that has some, the archive says nothing of it."""
    wanted = await coverage_table.missing(
        db, OPTION_BARS_5MIN, underlying.id, [session], (WhatToShow.TRADES,), None, None
    )
    return await bar_records.with_bars(db, [one.instrument_id for one in wanted], span)


async def _settled(db: Statements, ids: Sequence[int], data_set: DataSet, span: Span) -> bool:
    """Tell whether anything of options has settled; before a listing an underlying settles without a bar."""
    if data_set.kind is InstrumentKind.UNDERLYING:
        return False
    return any(row["settled"] for row in await bar_records.coverage(db, ids, data_set, span))


async def _unwanted(
    db: Statements,
    underlying: Underlying,
    data_set: DataSet,
    session: Session,
    contract: Instrument | None,
    *,
    some: bool,
) -> str:
    if some:
        return f"None of these contracts was selected on {session.day}, so that none of their bars were asked for."
    if contract is None and data_set.kind is InstrumentKind.OPTION:
        return f"No selection of contracts of {underlying.symbol} is on record for {session.day}: nothing was expected."
    if not isinstance(contract, OptionContract):
        return f"No bars of {underlying.symbol} are expected on {session.day}."
    if contract.expiration < session.day:
        return f"The contract expired on {contract.expiration}, before the session of {session.day}."
    life = await bar_records.life(db, contract.id, session.day)
    since = "" if life is None else f"; it is known since {life['first_seen']}"
    return f"The contract was not selected on {session.day}, so that none of its bars were asked for{since}."


async def _lost(
    db: Statements, ids: Sequence[int], data_set: DataSet, span: Span, series: Sequence[WhatToShow]
) -> Iterator[_Piece]:
    rows = await bar_records.gaps(db, ids, data_set, span)
    names = {what.value for what in series}
    return (
        _Piece(
            WhatToShow(row["what_to_show"]),
            Cause.LOST,
            row["instrument_id"],
            Spans((row["span"],)) & Spans((span,)),
            f"lost since {wording.minute(row['lost_at'])}: {row['reason']}",
        )
        for row in rows
        if row["state"] == GapState.LOST and row["what_to_show"] in names
    )


async def _open(db: Statements, data_set: DataSet, span: Span, open_: Sequence[coverage_table.Missing]) -> list[_Piece]:
    ids = sorted({one.instrument_id for one in open_})
    if not ids:
        return []
    refused = _by_series(await bar_records.quarantined(db, ids, data_set, span))
    claims = _by_series(await bar_records.claims(db, ids, data_set, span))
    covered = _by_series(await bar_records.coverage(db, ids, data_set, span))
    asked = _by_series(await bar_records.asked(db, ids, data_set, span))
    now, pieces = db.clock.now(), []
    for one in open_:
        key = (one.instrument_id, one.what_to_show)
        left = one.missing
        parts: list[tuple[Cause, Spans, str]] = (
            [(Cause.NOT_OVER, Spans((Span(data_set.slot_of(now), span.end),)), "the session is not over")]
            if now < span.end
            else []
        )
        parts += [_of_refused(row, data_set) for row in refused.get(key, [])]
        parts += [_of_claim(row) for row in claims.get(key, [])]
        for row in covered.get(key, []):
            words = "answered before the session had settled; eod or late_night asks again"
            parts.append((Cause.PROVISIONAL, row["covered"], words))
        for cause, spans, words in parts:
            if part := left & spans:
                pieces.append(_Piece(one.what_to_show, cause, one.instrument_id, part, words))
                left -= part
        if left:
            cause, words = await _of_requests(db, data_set, one, left, asked.get(key, []), narrow=len(ids) == 1)
            pieces.append(_Piece(one.what_to_show, cause, one.instrument_id, left, words))
    return pieces


def _by_series(rows: Iterable[Row]) -> dict[tuple[int, WhatToShow], list[Row]]:
    found: dict[tuple[int, WhatToShow], list[Row]] = {}
    for row in rows:
        found.setdefault((row["instrument_id"], WhatToShow(row["what_to_show"])), []).append(row)
    return found


def _of_refused(row: Row, data_set: DataSet) -> tuple[Cause, Spans, str]:
    why = QUARANTINE_REASONS[Impossible(row["reason"])]
    words = f"a bar came that cannot be true, {why}; late_night asks again, and the same bar a second time settles it"
    slot = data_set.slot_of(row["time"])
    return Cause.REFUSED, Spans((Span(slot, slot + data_set.bar_size),)), words


def _of_claim(row: Row) -> tuple[Cause, Spans, str]:
    first = row["first_sent_at"]
    seen = "no controlled answer yet" if first is None else f"first found empty {wording.minute(first)}"
    if row["state"] == "awaiting":
        return Cause.AWAITING, Spans((row["span"],)), f"called empty, awaits a second witness; {seen}"
    return Cause.HELD, Spans((row["span"],)), f"called empty, and not believed: {row['reason']}; {seen}"


async def _of_requests(
    db: Statements,
    data_set: DataSet,
    one: coverage_table.Missing,
    left: Spans,
    asked: Sequence[Row],
    *,
    narrow: bool,
) -> tuple[Cause, str]:
    """Return why slots are open that no answer speaks for; `narrow`: look for requests of these slots alone."""
    if narrow and asked:
        rows = _by_series(await bar_records.asked(db, [one.instrument_id], data_set, left.hull))
        asked = rows.get((one.instrument_id, one.what_to_show), [])
    if not asked:
        return Cause.UNASKED, "never asked for; open gap, late_night asks"
    [row] = asked
    how = f"asked {wording.times(row['asked'])}, last {wording.minute(row['sent_at'])}"
    again = "open gap, late_night asks again"
    if row["outcome"] in (Outcome.BARS, Outcome.NO_DATA):
        return Cause.UNCOVERED, f"{how}, answered, but not for these slots; {again}"
    return Cause.FAILED, f"{how}, {wording.outcome(row['outcome'], row['code'], row['message'])}; {again}"


def _holes(pieces: Sequence[_Piece], data_set: DataSet, *, alone: bool) -> Iterator[Hole]:
    """Yield the pieces with the same cause together: in order of time for one instrument, else the most slots first."""
    groups: dict[tuple[object, ...], list[_Piece]] = {}
    for piece in pieces:
        groups.setdefault((piece.what, piece.cause, piece.words), []).append(piece)
    found = []
    for own in groups.values():
        spans = Spans(span for piece in own for span in piece.spans)
        slots = sum(data_set.count(piece.spans) for piece in own)
        instruments = len({piece.instrument_id for piece in own})
        where = ", ".join(wording.hours(span) for span in spans)
        what, words = own[0].what, own[0].words
        if alone:
            sentence = f"{where} {what}: {words}"
        else:
            which = f"{wording.counted(instruments, 'contract')}, {wording.counted(slots, 'slot')}"
            sentence = f"{what}, {which} ({wording.hours(spans.hull)}): {words}"
        found.append(Hole(what, own[0].cause, spans, instruments, slots, f"{sentence}."))
    if alone:
        return iter(sorted(found, key=lambda hole: (hole.spans.hull.start, hole.what_to_show)))
    return iter(sorted(found, key=lambda hole: -hole.slots))


async def _unvalued(
    db: Statements,
    underlying: Underlying,
    data_set: DataSet,
    span: Span,
    contract_ids: Sequence[int] | None,
    settles_at: datetime,
) -> tuple[Unvalued, ...]:
    if data_set.kind is not InstrumentKind.OPTION:
        return ()
    rows = await bar_records.greeks_reasons(db, underlying.id, contract_ids, span.start, span.end)
    return tuple(
        Unvalued(_greeks_words(row["greeks_reason"], settles_at, db.clock.now()), row["bars"])
        for row in rows
        if row["greeks_reason"] not in COMPUTED
    )


def _greeks_words(reason: int | None, settles_at: datetime, now: datetime) -> str:
    if reason is None:
        later = now < settles_at
        return "not computed before the session has settled" if later else "to be computed by the next run"
    return GREEKS_REASONS[GreeksReason(reason)].removeprefix("none: ")
