"""Find slots that an answer lacks, and why.

What is expected and not settled is missing; what one witness has settled is not.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from collector.config import Settings
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, DataSet
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span
from collector.market.calendar import Calendar
from collector.market.exchange import FIRST_DAY, LAST_DAY
from collector.research.answers import REASONS
from collector.research.database import Server
from collector.research.lookup import Known, days_with_bars, terms_of
from collector.research.words import instants

MEANINGS = {
    "never_collected": "nothing of the symbol was selected on the session, so nothing was asked for",
    "not_selected": "the contract was named, but was not selected on the session",
    "not_over": "the slots have not passed, or the session is not final yet",
    "not_asked": "nothing has been answered for the slots, and no run has looked for them yet",
    "open_gap": "asked for in vain; the next run that repairs asks again (detail: what stood in the way)",
    "provisional": "answered before the session was final; it is asked for again",
    "awaiting": "one witness says that there is nothing; a second one is awaited",
    "held": "witnesses say that there is nothing, and it is not believed (detail: why)",
    "quarantined": "what came cannot be true and stands in quarantine (detail: why)",
    "lost": "the source does not have it any more (detail: its words)",
    "dropped": "settled once, and dropped from the database since; no archive that can be read has it",
    "stored_later": "stored after the instant that was asked for",
    "unknown_as_of": "changed since, not yet final or forgotten in between, so what it was then is not on record",
}
"""Reasons of a hole; what one witness has settled is none."""

COVERAGE = pa.schema(
    [
        ("symbol", pa.string()),
        ("session", pa.date32()),
        ("contract_id", pa.int32()),
        ("contract_symbol", pa.string()),
        ("series", pa.string()),
        ("expected", pa.int32()),
        ("covered", pa.int32()),
        ("settled", pa.int32()),
        ("single_witness", pa.int32()),
    ]
)
"""Columns of a coverage; the last four count slots. An underlying's own series have no contract."""


@dataclass(frozen=True)
class Ground:
    """What tells which slots are expected: the exchange's days, the configured series, the time."""

    server: Server
    calendar: Calendar
    settings: Settings

    def sessions(self, symbol: str, data_set: DataSet, span: Span) -> list[Session]:
        """Return what a span has of a symbol's sessions, ascending."""
        first = max(span.start.astimezone(NEW_YORK).date() - timedelta(days=1), FIRST_DAY)
        last = min(span.end.astimezone(NEW_YORK).date() + timedelta(days=1), LAST_DAY - timedelta(days=1))
        parts = (data_set.part(one, span.start, span.end) for one in self.calendar.sessions(symbol, first, last))
        return [part for part in parts if part is not None]

    def sessions_with(self, symbol: str, raw: pa.Table) -> list[Session]:
        """Return the whole sessions in which raw bars of options start."""
        days = pc.unique(raw["time"].cast(pa.timestamp("us")).cast(pa.date32(), safe=False)).to_pylist()
        return [self.calendar.session(symbol, day) for day in sorted(days) if self.calendar.is_session(day)]

    def selected(self, known: Known, data_set: DataSet) -> list[tuple[date, date]]:
        """Return the stretches of days on which anything of an underlying is selected: first and last day of each."""
        rows = self.server.select("selected_days", known.id, data_set.id).to_pylist()
        return [(row["first_day"], row["last_day"]) for row in rows]

    def series(self, symbol: str, data_set: DataSet) -> list[str]:
        """Return the series that are collected; of a symbol that is not configured any more, all that there are."""
        own = self.settings.series_for(symbol) if data_set is OPTION_BARS_5MIN else ()
        return [one.value for one in own or data_set.series]


def find(
    ground: Ground,
    known: Known,
    data_set: DataSet,
    span: Span,
    now: datetime,
    place: str | None,
    archived: Collection[date] | None = None,
) -> pa.Table:
    """Return what is missing of a span, as `Answer.reasons` has it.

    Args:
        ground: what tells what is expected.
        known: whose bars; its contracts, or whatever is selected.
        data_set: which bars.
        span: where; without a beginning it begins with the first selected day, without an end it ends now.
        now: what comes later is not missing.
        place: the archive's; None: there is none.
        archived: sessions that the archive gave; of named contracts the rows of the others must be in the database.
            None: no rows were read.
    """
    stretches = ground.selected(known, data_set)
    bounded = _bounded(span, stretches, now)
    sessions = [] if bounded is None else ground.sessions(known.symbol, data_set, bounded)
    dropped = _dropped(ground.server, known, data_set, [one.day for one in sessions], place)
    rows = list(_whole_sessions(sessions, data_set, stretches, now, dropped))
    if not stretches and bounded is None:
        rows = [{"reason": "never_collected", "detail": MEANINGS["never_collected"]}]
    away = {row.get("session") for row in rows if row["reason"] != "not_over"}
    asked = [(one.day, data_set.span(one)) for one in sessions if one.day not in away]
    # Of the session that goes on, what has passed.
    until = data_set.slot_of(now)
    asked = [(day, Span(slots.start, min(slots.end, until))) for day, slots in asked if slots.start < until]
    instrument_ids = (list(known.contracts) or None) if data_set is OPTION_BARS_5MIN else [-known.id]
    if asked:
        days, starts, ends = zip(*((day, slots.start, slots.end) for day, slots in asked), strict=True)
        series = ground.series(known.symbol, data_set)
        found = ground.server.select("holes", data_set.id, known.id, days, starts, ends, series, instrument_ids)
        names = _names(ground.server, known, data_set, found)
        rows += [
            {
                "contract_id": one["instrument_id"] if one["instrument_id"] > 0 else None,
                "contract_symbol": names.get(one["instrument_id"]),
                "series": one["series"],
                "session": one["session"],
                "start": one["span_start"],
                "end": one["span_end"],
                "slots": one["slots"],
                "reason": one["reason"],
                "detail": one["detail"],
            }
            for one in found.to_pylist()
        ]
        if archived is not None and known.contracts and data_set is OPTION_BARS_5MIN:
            read = [(day, slots) for day, slots in asked if day not in archived]
            rows += _vanished(ground.server, known, data_set, read)
    return pa.Table.from_pylist([{"symbol": known.symbol, **row} for row in rows], schema=REASONS)


def _whole_sessions(
    sessions: Sequence[Session],
    data_set: DataSet,
    stretches: Sequence[tuple[date, date]],
    now: datetime,
    dropped: set[date],
) -> Iterator[dict[str, object]]:
    """Yield the reasons that hold for all of a session's slots, and for what has not passed of one."""
    for one in sessions:
        slots = data_set.span(one)
        start = slots.start
        if not any(first <= one.day <= last for first, last in stretches):
            reason = "never_collected"
        elif one.day in dropped:
            reason = "dropped"
        elif now < slots.end:
            reason, start = "not_over", max(slots.start, data_set.slot_of(now))
        else:
            continue
        count = (slots.end - start) // data_set.bar_size
        yield {
            "session": one.day,
            "start": start,
            "end": slots.end,
            "slots": count,
            "reason": reason,
            "detail": MEANINGS[reason],
        }


def _dropped(server: Server, known: Known, data_set: DataSet, days: Sequence[date], place: str | None) -> set[date]:
    """Return the days whose bars can be read nowhere any more."""
    if not days:
        return set()
    if data_set is OPTION_BARS_5MIN:
        there = days_with_bars(server, known.id, days)
        found = server.select("dropped_days", known.id, data_set.id, place, [day for day in days if day not in there])
    else:
        found = server.select("dropped_own_days", known.id, data_set.id, place, days, data_set=data_set)
    return set(found["day"].to_pylist())


def _vanished(
    server: Server, known: Known, data_set: DataSet, asked: Sequence[tuple[date, Span]]
) -> list[dict[str, object]]:
    """Return the sessions of named contracts whose rows are gone from the database beside those of others."""
    days, starts, ends = [day for day, _ in asked], [one.start for _, one in asked], [one.end for _, one in asked]
    contract_ids = list(known.contracts)
    found = server.select("vanished", contract_ids, data_set.id, days, starts, ends)
    names = _names(server, known, data_set, found.rename_columns(["instrument_id", *found.column_names[1:]]))
    return [
        {
            "contract_id": one["contract_id"],
            "contract_symbol": names[one["contract_id"]],
            "session": one["session"],
            "start": one["span_start"],
            "end": one["span_end"],
            "slots": (one["span_end"] - one["span_start"]) // data_set.bar_size,
            "reason": "dropped",
            "detail": "all of the contract's rows are gone, although an answer brought some that were stored",
        }
        for one in found.to_pylist()
    ]


def _bounded(span: Span, stretches: Sequence[tuple[date, date]], now: datetime) -> Span | None:
    """Return a span between the first selected day and now, where it leaves that open."""
    if not instants.is_open(span):
        return span
    if not stretches:
        return None
    first, last = instants.span(stretches[0][0], stretches[-1][1], OPTION_BARS_5MIN), now
    start, end = max(span.start, first.start), min(span.end, last)
    return Span(start, end) if start < end else None


def _names(server: Server, known: Known, data_set: DataSet, found: pa.Table) -> dict[int, str]:
    """Return the symbols of contracts by id."""
    if data_set is not OPTION_BARS_5MIN or not found.num_rows:
        return {}
    ids = tuple(found["instrument_id"].unique().to_pylist())
    table = terms_of(server, Known(known.id, known.symbol, ids), None).table
    return dict(zip(table["contract_id"].to_pylist(), table["contract_symbol"].to_pylist(), strict=True))


def counted(ground: Ground, known: Known, data_set: DataSet, span: Span, now: datetime) -> pa.Table:
    """Return the slots of each session's series, as `COVERAGE` has them; arguments as of `find`."""
    bounded = _bounded(span, ground.selected(known, data_set), now)
    sessions = [] if bounded is None else ground.sessions(known.symbol, data_set, bounded)
    if not sessions:
        return COVERAGE.empty_table()
    days, starts, ends = zip(
        *((one.day, data_set.span(one).start, data_set.span(one).end) for one in sessions), strict=True
    )
    instrument_ids = (list(known.contracts) or None) if data_set is OPTION_BARS_5MIN else [-known.id]
    series = ground.series(known.symbol, data_set)
    found = ground.server.select("counted_slots", data_set.id, known.id, days, starts, ends, series, instrument_ids)
    names = _names(ground.server, known, data_set, found)
    ids = found["instrument_id"].to_pylist()
    columns = {
        "symbol": [known.symbol] * len(ids),
        "contract_id": [one if one > 0 else None for one in ids],
        "contract_symbol": list(map(names.get, ids)),
    }
    return pa.table(
        [
            columns.get(field.name, found[field.name] if field.name in found.column_names else None)
            for field in COVERAGE
        ],
        schema=COVERAGE,
    )
