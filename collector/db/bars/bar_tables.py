"""Store bars with the coverage that they justify.

Bars and the coverage that they justify, in one transaction, touching only what differs.

A batch goes by COPY into temporary tables, one row a slot with the answered series side by side; one statement then
compares with what is stored, writes what differs, and keeps settled values that IB changed in `bar_revisions`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import TypeAlias

from collector.db.bars import quarantine
from collector.db.bookkeeping import requests_table as requests
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection.pool import Database, Transaction
from collector.db.connection.sql_values import spans_literal
from collector.db.connection.statements import OF_UNDERLYINGS, of, second_column
from collector.domain.market_data.adjustments import readjustments
from collector.domain.market_data.bars import SCALE, Bar
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import (
    OPTION_SERIES,
    Instrument,
    OptionContract,
    Underlying,
    WhatToShow,
)
from collector.domain.market_data.spans import Spans
from collector.domain.quality.flags import QUARANTINED
from collector.domain.quality.quality_rules import Quarantined

_NULL = r"\N"
_NO_TRADE = "\t".join([_NULL] * 7)
_NO_QUOTE = "\t".join([_NULL] * 4)
# Twice as fast as an f-string of so many whole numbers.
_TRADE = "\t".join(["%s"] * 7)
_QUOTE = "\t".join(["%s"] * 4)
_OPTION_COLUMNS = (
    "contract_id", "time", "open", "high", "low", "close", "volume", "bar_count", "vwap",
    "bid_open", "bid_high", "bid_low", "bid_close", "ask_open", "ask_high", "ask_low", "ask_close", "flags",
)  # fmt: skip
_UNDERLYING_COLUMNS = (
    "underlying_id", "time", "open", "high", "low", "close", "volume", "bar_count", "vwap",
)  # fmt: skip
_NOWHERE = datetime(2000, 1, 1, tzinfo=UTC)
"""Where answers lie that speak for nothing."""
_CLOSE_ONLY = frozenset({WhatToShow.OPTION_IMPLIED_VOLATILITY, WhatToShow.ADJUSTED_LAST})
"""Series of which the close alone is kept."""


@dataclass(frozen=True, slots=True)
class SeriesAnswer:
    """What the answered requests for one series justify.

    bars: ascending, complete slots only. covered: slots that the answers speak for, clipped to sessions, without the
    refused ones. settled: of these the final ones, of sessions in which the series has at least one bar. refused: slots
    whose bar went into quarantine, neither covered nor settled by these answers. empty: of the covered ones those of
    sessions without any bar, of which nobody knows yet that nobody traded.
    """

    bars: tuple[Bar, ...]
    covered: Spans
    settled: Spans = field(default_factory=Spans)
    refused: Spans = field(default_factory=Spans)
    empty: Spans = field(default_factory=Spans)


@dataclass(frozen=True, slots=True)
class InstrumentAnswers:
    """The answered series of one instrument and kind of bars; series that were not answered are absent.

    instrument: bears its database id.
    quarantined: bars that cannot be true, kept with the reason; their slots are refused in the series that they are of.
    requests: on record with them, also those that failed and brought nothing; then there may be no series at all.
    flags: bits of `collector.domain.quality.flags.SlotFlag` by slot; they count for series that have a bar in the slot
    which differs from the stored one, or was answered together with all other series. Crossings are read from the
    stored row.
    """

    instrument: Underlying | OptionContract
    data_set: DataSet
    series: Mapping[WhatToShow, SeriesAnswer]
    flags: Mapping[datetime, int] = field(default_factory=dict)
    requests: tuple[RequestRecord, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """Staged rows (a row an instrument and slot) by what became of them."""

    inserted: int = 0
    updated: int = 0
    identical: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.inserted + other.inserted, self.updated + other.updated, self.identical + other.identical)


_Slots: TypeAlias = dict[WhatToShow, dict[datetime, str]]
"""By series: slot → the series' columns in COPY's text format."""


@dataclass(slots=True)
class _Row:
    """One instrument of a batch, its answers gathered."""

    id: int
    data_set: DataSet
    key: int
    slots: _Slots
    covered: dict[WhatToShow, Spans]
    settled: dict[WhatToShow, Spans]
    refused: dict[WhatToShow, Spans]
    empty: dict[WhatToShow, Spans]
    flags: dict[datetime, int]

    def times(self) -> list[datetime]:
        refused = (slot for spans in self.refused.values() for span in spans for slot in self.data_set.slots(span))
        return sorted(set().union(refused, *self.slots.values()))

    def flag_refused(self) -> None:
        """Flag the slots that a series refuses, but for those that another of its answers has a true bar for."""
        for what, refused in self.refused.items():
            for slot in (
                slot for span in refused for slot in self.data_set.slots(span) if slot not in self.slots[what]
            ):
                self.flags[slot] = self.flags.get(slot, 0) | QUARANTINED[what]

    def confirm(self, what: WhatToShow, slots: Spans, final: Spans) -> None:
        """Take slots that the series refuses for answered, for their bars have come twice."""
        confirmed = self.refused[what] & slots
        self.refused[what] -= confirmed
        self.covered[what] |= confirmed
        self.settled[what] |= confirmed & final

    def hull(self) -> tuple[datetime, datetime] | None:
        """Return the first answered slot's start and the last one's end."""
        every = (*self.covered.values(), *self.refused.values())
        bounds = [bound for spans in every if spans for bound in (spans.hull.start, spans.hull.end)]
        for slots in self.slots.values():
            if slots:
                bounds += (min(slots), max(slots) + self.data_set.bar_size)
        return (min(bounds), max(bounds)) if bounds else None


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the bars of one data set are stored: its staging table, its statements, the text of its slots.

    volume_unit: of the volume's column, in ten-thousandths. valued: tells which refused slots have a value. compared:
    tells what is stored of a series that is told anew as a whole; None: there is no such series.
    """

    data_set: DataSet
    create_stage: str
    stage: str
    columns: tuple[str, ...]
    volume_unit: int
    upsert: str
    valued: str
    lines: Callable[[_Row, Mapping[datetime, str]], list[str]]
    compared: str | None = None


def _option_lines(row: _Row, stamps: Mapping[datetime, str]) -> list[str]:
    trades = row.slots.get(WhatToShow.TRADES, {}).get
    bid = row.slots.get(WhatToShow.BID, {}).get
    ask = row.slots.get(WhatToShow.ASK, {}).get
    flags, id_ = row.flags.get, row.id
    return [
        f"{id_}\t{stamps[at]}\t{trades(at, _NO_TRADE)}\t{bid(at, _NO_QUOTE)}\t{ask(at, _NO_QUOTE)}\t{flags(at, 0)}\n"
        for at in row.times()
    ]


def _underlying_lines(row: _Row, stamps: Mapping[datetime, str]) -> list[str]:
    trades = row.slots.get(WhatToShow.TRADES, {}).get
    second = next((slots for what, slots in row.slots.items() if what is not WhatToShow.TRADES), {}).get
    flags, id_ = row.flags.get, row.id
    return [
        f"{id_}\t{stamps[at]}\t{trades(at, _NO_TRADE)}\t{second(at, _NULL)}\t{flags(at, 0)}\n" for at in row.times()
    ]


_OPTION = _Kind(
    OPTION_BARS_5MIN,
    "create_stage_option_bars",
    "stage_option_bars",
    _OPTION_COLUMNS,
    SCALE,
    "upsert_option_bars",
    "valued_option_slots",
    _option_lines,
)


def _of_underlyings(data_set: DataSet) -> _Kind:
    adjusted = WhatToShow.ADJUSTED_LAST in data_set.series
    return _Kind(
        data_set,
        of("create_stage", data_set),
        f"stage_{data_set.name}",
        (*_UNDERLYING_COLUMNS, second_column(data_set), "flags"),
        1,
        of("upsert", data_set),
        of("valued", data_set),
        _underlying_lines,
        of("compared", data_set) if adjusted else None,
    )


_KINDS = {_OPTION.data_set: _OPTION, **{one: _of_underlyings(one) for one in OF_UNDERLYINGS}}


async def store(
    db: Database,
    batch: Sequence[InstrumentAnswers],
    run_id: int,
    *,
    login: str = "",
    option_series: Sequence[WhatToShow] = OPTION_SERIES,
) -> Counts:
    """Store a batch of answers with their coverage and the record of their requests, all or nothing.

    A column is touched only by an answer of its own series, and never erased: an answered series without a bar for a
    slot leaves what is there. A batch may be stored again when the fate of its transaction is not known.

    Args:
        db: the database.
        batch: the answers; an instrument may appear more than once, the later bar of a slot counts.
        run_id: the run that asked.
        login: the source's login that asked.
        option_series: the configured series of options; `has_gaps` tells whether one of them is not covered.

    Raises:
        DatabaseUnavailable, DatabaseError: nothing of the batch was stored.
    """
    by_kind: dict[DataSet, list[InstrumentAnswers]] = {}
    for answers in batch:
        by_kind.setdefault(answers.data_set, []).append(answers)
    kinds = [(_KINDS[one], by_kind[one]) for one in _KINDS if one in by_kind]
    gathered = [(kind, own, _gathered(kind, own)) for kind, own in kinds]
    asked = [request for answers in batch for request in answers.requests]
    counts = Counts()
    if not asked and not any(rows for _, _, rows in gathered):
        return counts
    async with db.transaction(*_stages(batch, gathered)) as transaction:
        for kind, own, rows in gathered:
            if rows:
                bad = [(answers.instrument, one) for answers in own for one in answers.quarantined]
                series = option_series if kind is _OPTION else kind.data_set.series
                counts += await _store(transaction, kind, rows, bad, series, run_id)
        await requests.record(transaction, asked, run_id, login)
    return counts


def _stages(batch: Sequence[InstrumentAnswers], gathered: Iterable[tuple[_Kind, object, list[_Row]]]) -> list[str]:
    """Name the staging tables that a batch needs: each one that a connection has is emptied by every commit."""
    stages = [kind.create_stage for kind, _, rows in gathered if rows]
    if any(answers.quarantined for answers in batch):
        stages.append(quarantine.PREPARED)
    if any(answers.requests for answers in batch):
        stages.append(requests.PREPARED)
    return stages


async def _store(
    transaction: Transaction,
    kind: _Kind,
    rows: list[_Row],
    bad: Sequence[tuple[Instrument, Quarantined]],
    series: Sequence[WhatToShow],
    run_id: int,
) -> Counts:
    data_set = kind.data_set
    lines = _lines(kind, rows)
    if lines:
        await transaction.copy(kind.stage, kind.columns, "".join(lines))
    if bad:
        await _set_apart(transaction, kind, rows, bad, run_id)
    counts, now, names = Counts(), transaction.clock.now(), [what.value for what in series]
    for group, start, end in _groups(rows):
        ids = [row.id for row in group]
        if kind.compared is not None:
            await _note_readjustments(transaction, kind, kind.compared, ids, start, end, run_id)
        row = await transaction.fetchrow(
            kind.upsert, ids, start, end, names, run_id, now, data_set.id, *_coverage(group)
        )
        if row is not None:
            inserted, updated = row["inserted"], row["updated"]
            counts += Counts(inserted, updated, row["staged"] - inserted - updated)
    return counts


async def _set_apart(
    transaction: Transaction, kind: _Kind, rows: list[_Row], bad: Sequence[tuple[Instrument, Quarantined]], run_id: int
) -> None:
    """Keep what cannot be true, and have the slots that it leaves without a value asked for again."""
    data_set, by_key = kind.data_set, {row.key: row for row in rows}
    for one in await quarantine.add(transaction, data_set, bad, run_id):
        row = by_key.get(one.key)
        if row is not None and one.what_to_show in row.refused:
            row.confirm(one.what_to_show, one.slots, one.final)
    refusing = [(row.key, what, spans) for row in rows for what, spans in row.refused.items() if spans]
    instrument_ids, series = [key for key, _, _ in refusing], [what.value for _, what, _ in refusing]
    refused = [spans_literal(spans) for _, _, spans in refusing]
    valued = await transaction.fetch(kind.valued, instrument_ids, series, refused)
    valued_ids, valued_series, valued_times = (
        [row[name] for row in valued] for name in ("instrument_id", "what_to_show", "time")
    )
    await transaction.execute(
        "uncover_refused_slots", data_set.id, data_set.bar_size, instrument_ids, series, refused, valued_ids,
        valued_series, valued_times,
    )  # fmt: skip


async def _note_readjustments(
    transaction: Transaction, kind: _Kind, compared: str, ids: list[int], start: datetime, end: datetime, run_id: int
) -> None:
    """Keep by which factors the source has adjusted anew what is about to be replaced."""
    by_id: dict[int, list[tuple[datetime, int, int]]] = {}
    for row in await transaction.fetch(compared, ids, start, end):
        by_id.setdefault(row["underlying_id"], []).append((row["time"], row["old"], row["new"]))
    found = [(id_, one) for id_, prices in by_id.items() for one in readjustments(prices)]
    if found:
        await transaction.execute(
            "add_adjustment_revisions",
            kind.data_set.id,
            [id_ for id_, _ in found],
            [one.first for _, one in found],
            [one.last for _, one in found],
            [one.sessions for _, one in found],
            [Decimal(f"{one.factor:.8f}") for _, one in found],
            run_id,
            transaction.clock.now(),
        )


def _gathered(kind: _Kind, batch: Iterable[InstrumentAnswers]) -> list[_Row]:
    """Bring the answers of each instrument of a kind together."""
    rows: dict[int, _Row] = {}
    for answers in batch:
        if answers.instrument.id == 0:
            raise ValueError(f"{answers.instrument} has no database id")
        if not answers.series:
            continue
        row = rows.setdefault(
            answers.instrument.id,
            _Row(answers.instrument.id, kind.data_set, answers.instrument.key, {}, {}, {}, {}, {}, {}),
        )
        for at, bits in answers.flags.items():
            row.flags[at] = row.flags.get(at, 0) | bits
        for what, answer in answers.series.items():
            row.slots.setdefault(what, {}).update(_columns(kind, what, answer.bars))
            row.covered[what] = row.covered[what] | answer.covered if what in row.covered else answer.covered
            row.settled[what] = row.settled[what] | answer.settled if what in row.settled else answer.settled
            row.empty[what] = row.empty[what] | answer.empty if what in row.empty else answer.empty
            row.refused[what] = row.refused[what] | answer.refused if what in row.refused else answer.refused
    for row in rows.values():
        row.flag_refused()
    return list(rows.values())


def _columns(kind: _Kind, what: WhatToShow, bars: Iterable[Bar]) -> dict[datetime, str]:
    """Return the series' own columns by slot, as COPY reads them."""
    if what in _CLOSE_ONLY:
        return {bar.time: str(bar.close) for bar in bars}
    if what is not WhatToShow.TRADES:
        return {bar[0]: _QUOTE % bar[1:5] for bar in bars}
    unit, half = kind.volume_unit, kind.volume_unit // 2
    return {
        time: _TRADE % (
            open_, high, low, close, _NULL if volume is None else (volume + half) // unit,
            _NULL if count is None else count, _NULL if vwap is None else vwap,
        )
        for time, open_, high, low, close, volume, count, vwap, _ in bars
    }  # fmt: skip


class _Stamps(dict[datetime, str]):
    """The text of each slot's start, made once."""

    def __missing__(self, at: datetime) -> str:
        return self.setdefault(at, at.isoformat())


def _lines(kind: _Kind, rows: list[_Row]) -> list[str]:
    """Return lines for the staging table."""
    stamps = _Stamps()
    return [line for row in rows for line in kind.lines(row, stamps)]


def _coverage(rows: list[_Row]) -> tuple[list[int], list[str], list[str], list[str], list[str]]:
    """Return the answered series: instruments, series, and as texts what is covered, settled and empty of each."""
    answered = [(row, what) for row in rows for what in row.covered]
    instrument_ids = [row.key for row, _ in answered]
    series = [what.value for _, what in answered]
    covered, settled, empty = (
        [spans_literal(spans) for spans in column]
        for column in (
            [row.covered[what] for row, what in answered],
            [row.settled[what] for row, what in answered],
            [row.empty[what] for row, what in answered],
        )
    )
    return instrument_ids, series, covered, settled, empty


def _groups(rows: list[_Row]) -> list[tuple[list[_Row], datetime, datetime]]:
    """Group instruments by the days that their answers speak for, in order, with bounds for what is read of bars.

    Without it, one late answer for an old session would make every other contract's bars since then be read.
    """
    groups: dict[tuple[date, date], list[tuple[_Row, datetime, datetime]]] = {}
    for row in rows:
        start, end = row.hull() or (_NOWHERE, _NOWHERE)
        key = (start.astimezone(UTC).date(), (end - timedelta(microseconds=1)).astimezone(UTC).date())
        groups.setdefault(key, []).append((row, start, end))
    return [
        ([row for row, _, _ in group], min(start for _, start, _ in group), max(end for _, _, end in group))
        for _, group in sorted(groups.items(), key=itemgetter(0))
    ]
