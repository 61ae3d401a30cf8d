"""Tell a contract's history by slots or sessions."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from collector.db.bookkeeping import coverage_table
from collector.db.connection.pool import Row, Statements
from collector.db.readers import bar_records, histories, report_rows
from collector.domain.code_meanings import FLAGS
from collector.domain.market_data.bars import decimal
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract, Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans
from collector.domain.run_vocabulary import GapState, Verdict
from collector.lineage import wording
from collector.lineage.missing import Missing

NOT_EXPECTED = "not_expected"
"""The verdict of what nobody asked for."""

_PRICES = ("open", "high", "low", "close")
_COMPARED = (
    *_PRICES,
    "volume",
    "bar_count",
    "vwap",
    *(f"{side}_{name}" for side in ("bid", "ask") for name in _PRICES),
)
_WHOLE = {"volume", "bar_count"}


@dataclass(frozen=True, slots=True)
class Step:
    """A slot of a contract, or a whole session of it; prices in USD per share, None where there is none.

    time: when it starts. bid_low, ask_high: the extremes of the quotes inside. close, bid_close and so on: the last of
    it. verdict: traded, no_trade, unknown or not_expected, by TRADES. flags: what is doubtful. holes: what is not
    final, a sentence a series and cause.
    """

    time: datetime
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None
    volume: int | None
    bid_low: Decimal | None
    bid_close: Decimal | None
    ask_close: Decimal | None
    ask_high: Decimal | None
    implied_volatility: Decimal | None
    delta: Decimal | None
    open_interest: int | None
    verdict: str
    flags: tuple[str, ...]
    holes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A number that was replaced. name: of the column; was, became: None for no number."""

    name: str
    was: Decimal | int | None
    became: Decimal | int | None


@dataclass(frozen=True, slots=True)
class Revision:
    """A settled bar that was replaced. time: its slot's start; run_id: the run that brought what followed."""

    time: datetime
    replaced_at: datetime
    run_id: int
    changes: tuple[Change, ...]


async def slots(db: Statements, contract: OptionContract, session: Session, missing: Missing) -> tuple[Step, ...]:
    """Return all slots of a session, those without a bar among them.

    Args:
        db: the database.
        contract: whose.
        session: whole.
        missing: what the contract lacks of it.
    """
    span = OPTION_BARS_5MIN.span(session)
    bars = {row["time"]: row for row in await histories.bars(db, contract.id, span.start, span.end)}
    [(_, verdicts)] = await report_rows.verdicts(db, [contract], span)
    holes = [(hole.spans, hole.sentence) for hole in missing.holes]
    steps = []
    for slot, verdict in zip(OPTION_BARS_5MIN.slots(span), verdicts, strict=True):
        bar = bars.get(slot)
        known = NOT_EXPECTED if bar is None and not missing.instruments else str(verdict)
        steps.append(_step(slot, bar, known, tuple(words for spans, words in holes if slot in spans)))
    return tuple(steps)


async def sessions(
    db: Statements,
    underlying: Underlying,
    contract: OptionContract,
    of: Sequence[Session],
    series: Sequence[WhatToShow],
) -> tuple[Step, ...]:
    """Return a contract's sessions as steps of a day, ascending.

    Args:
        db: the database.
        underlying: the contract's.
        contract: whose.
        of: the product's sessions, whole, ascending.
        series: those that are collected.
    """
    if not of:
        return ()
    data_set, ids = OPTION_BARS_5MIN, [contract.id]
    hull = Span(of[0].open, of[-1].close)
    bars = {row["day"]: row for row in await histories.days(db, contract.id, hull.start, hull.end)}
    wanted = await coverage_table.missing(db, data_set, underlying.id, of, series, None, ids)
    rows = await bar_records.coverage(db, ids, data_set, hull)
    settled = {WhatToShow(row["what_to_show"]): row["settled"] for row in rows}
    expected = {one.what_to_show: _slots(one.missing, of) for one in wanted}
    done = {one.what_to_show: _slots(one.missing & settled.get(one.what_to_show, Spans()), of) for one in wanted}
    gaps = await bar_records.gaps(db, ids, data_set, hull)
    lost = [(row["what_to_show"], row["span"], row["reason"]) for row in gaps if row["state"] == GapState.LOST]
    steps = []
    for session in of:
        bar, day = bars.get(session.day), session.day
        counts = {what: (slots[day], slots[day] - done[what][day]) for what, slots in expected.items() if slots[day]}
        if bar is None and not counts:
            continue
        holes = (*_lacking(counts), *_lost(lost, session.span))
        is_settled = counts.get(WhatToShow.TRADES, (0, 1))[1] == 0
        verdict = Verdict.NO_TRADE if is_settled else Verdict.UNKNOWN
        if bar is not None and bar["volume"]:
            verdict = Verdict.TRADED
        steps.append(_step(session.open, bar, str(verdict), holes))
    return tuple(steps)


async def revisions(db: Statements, contract: OptionContract, span: Span) -> tuple[Revision, ...]:
    """Return the settled bars of a span that were replaced, by slot, the latest replaced first."""
    rows = await bar_records.revisions(db, contract, OPTION_BARS_5MIN, span.start, span.end)
    if not rows:
        return ()
    stored = await bar_records.bars(db, contract, OPTION_BARS_5MIN, span.start, span.end)
    following: dict[datetime, Mapping[str, Any]] = {row["time"]: row for row in stored}
    found = []
    for row in rows:
        changes = tuple(_changes(row, following.get(row["time"], {})))
        following[row["time"]] = row
        if changes:
            found.append(Revision(row["time"], row["replaced_at"], row["run_id"], changes))
    return tuple(sorted(found, key=lambda one: (one.time, -one.replaced_at.timestamp())))


def span_of_days(first: date, last: date) -> Span:
    """Return a span that holds the sessions of some days, whatever their hours."""
    midnight = datetime.combine(first, datetime.min.time(), UTC)
    return Span(midnight, midnight + timedelta(days=(last - first).days + 2))


def _changes(before: Row, after: Mapping[str, Any]) -> Iterable[Change]:
    """Yield what differs between a bar, in whole numbers, and the one that followed it."""
    for name in _COMPARED:
        was, became = before[name], after.get(name)
        if was != became:
            yield Change(name, *(one if one is None or name in _WHOLE else decimal(one) for one in (was, became)))


def _slots(spans: Spans, of: Sequence[Session]) -> Counter[date]:
    """Return how many slots of each session lie in spans; both ascend, so that one pass is enough."""
    found, place = Counter[date](), 0
    for span in spans:
        while place < len(of) and of[place].close <= span.start:
            place += 1
        for session in islice(of, place, None):
            if session.open >= span.end:
                break
            part = min(session.close, span.end) - max(session.open, span.start)
            found[session.day] += part // OPTION_BARS_5MIN.bar_size
    return found


def _lacking(counts: Mapping[WhatToShow, tuple[int, int]]) -> Iterable[str]:
    for what, (expected, lacking) in counts.items():
        if lacking:
            yield f"{what}: {lacking} of {wording.counted(expected, 'slot')} not final."


def _lost(lost: Sequence[tuple[str, Span, str | None]], own: Span) -> Iterable[str]:
    for what, span, reason in lost:
        if span.start < own.end and own.start < span.end:
            yield f"{wording.hours(span)} {what}: lost: {reason}."


def _step(time: datetime, bar: Row | None, verdict: str, holes: tuple[str, ...]) -> Step:
    def value(name: str) -> Decimal | None:
        found: Decimal | None = None if bar is None else bar[name]
        return found

    return Step(
        time=time,
        open=value("open"),
        high=value("high"),
        low=value("low"),
        close=value("close"),
        volume=None if bar is None else bar["volume"],
        bid_low=value("bid_low"),
        bid_close=value("bid_close"),
        ask_close=value("ask_close"),
        ask_high=value("ask_high"),
        implied_volatility=value("implied_volatility"),
        delta=value("delta"),
        open_interest=None if bar is None else bar["open_interest"],
        verdict=verdict,
        flags=() if bar is None else tuple(words for flag, words in FLAGS.items() if bar["flags"] & flag),
        holes=holes,
    )
