"""Reader of database and archive, with the research API's verbs."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from numbers import Integral
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NamedTuple, Self, TypeAlias, get_args

import pyarrow as pa
import pyarrow.compute as pc

from collector.app import opening
from collector.archive.places import open_place
from collector.clock import Clock
from collector.config import Settings
from collector.db.connection import pool
from collector.domain.errors import UsageError
from collector.domain.market_data.data_sets import (
    OPTION_BARS_5MIN,
    UNDERLYING_BARS_1DAY,
    UNDERLYING_BARS_1MIN,
    UNDERLYING_BARS_5MIN,
    DataSet,
)
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.spans import Span
from collector.research import as_of as earlier
from collector.research import columns as shapes
from collector.research import combinations, database, holes, lookup, sources
from collector.research.answers import REASONS, Answer, no_reasons
from collector.research.archived import Archive
from collector.research.lookup import Known
from collector.research.sources import Asked
from collector.research.words import instants
from collector.research.words.contract_names import ContractName
from collector.research.words.instants import Moment

if TYPE_CHECKING:
    from collector.lineage.values import Account

Subject: TypeAlias = str | ContractName | Sequence[ContractName]
"""A symbol, for whatever is selected of it; a contract, or several."""

Leg: TypeAlias = ContractName | tuple[ContractName, int]
"""A contract, and how many of it are bought; below 0: sold."""

Place: TypeAlias = Literal["archive", "database"]

Preference: TypeAlias = Place | None

BARS = {"5min": UNDERLYING_BARS_5MIN, "1min": UNDERLYING_BARS_1MIN, "1day": UNDERLYING_BARS_1DAY}
"""Sizes of an underlying's bars, by name."""

SESSIONS = pa.schema(
    [
        ("session", pa.date32()),
        ("in_database", pa.bool_()),
        ("in_archive", pa.bool_()),
        ("archive_is_current", pa.bool_()),
        ("archive_settled", pa.bool_()),
        ("completeness_percent", pa.float64()),
        ("open_gap_slots", pa.int64()),
        ("lost_gap_slots", pa.int64()),
    ]
)
"""Columns of `Reader.present_sessions`."""

_SURFACE = (
    "time", "new_york", "session_date", "symbol", "contract_id", "contract_symbol", "occ_symbol", "expiration_date",
    "strike_price", "option_type", "close", "volume", "bid_close", "ask_close", "mid_close", "spread_close",
    "implied_volatility", "delta", "gamma", "theta", "vega", "rho", "greeks_reason", "open_interest", "flags",
    "flag_words", "verdict",
)  # fmt: skip
_ORDER = ("expiration_date", "strike_price", "option_type")


class _Found(NamedTuple):
    """Bars, the sessions that the archive gave, and what of an earlier state is not known."""

    table: pa.Table
    archived: frozenset[date]
    past: pa.Table


class Reader:
    """What can be asked; docs/research.md shows each verb. Made by `open`, and closed by `close` or a with statement.

    Days are sessions in New York, and both ends count; of instants the end is not inside. `exact=True` gives decimals
    with the digits that were stored, where the default is floating-point numbers.

    Args:
        settings: the configuration.
        url: of the database.
        clock: tells what has passed.
        prefer: see `open`.
        cache: folder for copies of the archive's objects; None is the account's.
        statement_timeout_s: seconds after which the database gives up on a statement.
        in_role: take the role for readers where the login may.
    """

    def __init__(
        self,
        settings: Settings,
        url: str,
        clock: Clock,
        *,
        prefer: Preference = None,
        cache: Path | None = None,
        statement_timeout_s: int = pool.STATEMENT_TIMEOUT_S,
        in_role: bool = False,
    ) -> None:
        if prefer is not None and prefer not in get_args(Place):
            raise UsageError(f"bars cannot be read from {prefer!r}", 'Write prefer="archive" or prefer="database".')
        self._settings, self._clock, self._prefer = settings, clock, prefer
        self._url = url
        place = None if settings.archive.place is None else open_place(settings.archive)
        self._server = database.Server(url, statement_timeout_s, in_role=in_role)
        self._archive = Archive(self._server, place, cache)
        self._calendar = opening.calendar(settings)
        self._ground = holes.Ground(self._server, self._calendar, settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connections; answers keep their rows. Again does nothing."""
        self._archive.close()
        self._server.close()

    def bars(
        self,
        of: Subject,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        columns: Sequence[str] | None = None,
        exact: bool = False,
        as_of: Moment | None = None,
    ) -> Answer:
        """Return option bars, by contract and time.

        Args:
            of: a symbol, a contract, or several.
            start: the first day, or the first instant; None is the beginning.
            end: the last day, or the instant before which bars start; None is the end.
            columns: which, in their order; None is the usual ones.
            exact: decimals.
            as_of: prices as they were known at that instant, or at the end of that day; see collector.research.as_of.

        Raises:
            UsageError: nothing is known of the symbol or a contract, or a moment or a column is none.
            DatabaseUnavailable, DatabaseError: as `open`.
        """
        span = instants.span(start, end, OPTION_BARS_5MIN)
        wanted = shapes.chosen(OPTION_BARS_5MIN, columns)
        subjects = self._subjects(of)
        at = _instant(as_of)
        found = [self._option_bars(one, span, wanted, exact=exact, whole=not one.contracts, at=at) for one in subjects]
        archived = frozenset[date]().union(*(one.archived for one in found))
        table = pa.concat_tables([one.table for one in found])
        past = pa.concat_tables([one.past for one in found])
        return Answer(
            table, lambda: pa.concat_tables([past, self._lacking(subjects, span, wanted, archived)]), archived
        )

    def history(
        self,
        contract: ContractName,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        columns: Sequence[str] | None = None,
        exact: bool = False,
        as_of: Moment | None = None,
    ) -> Answer:
        """Return the bars of one contract by time; arguments and errors as of `bars`."""
        return self.bars([contract], start, end, columns=columns, exact=exact, as_of=as_of)

    def surface(
        self,
        symbol: str,
        at: Moment,
        *,
        columns: Sequence[str] | None = None,
        exact: bool = False,
        as_of: Moment | None = None,
    ) -> Answer:
        """Return all contracts of a symbol that have a bar in one slot, by expiration, strike and right.

        What closes the slot is known once it is over, five minutes after its start.

        Args:
            symbol: the underlying's.
            at: an instant of the slot, such as "2026-11-25 15:30 America/New_York".
            columns: as of `bars`.
            exact: decimals.
            as_of: as of `bars`.

        Raises:
            UsageError: as `bars`.
        """
        return self._slot(symbol, at, columns, exact=exact, as_of=as_of)

    def underlying(
        self,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        bars: str = "5min",
        columns: Sequence[str] | None = None,
        exact: bool = False,
        as_of: Moment | None = None,
    ) -> Answer:
        """Return bars of an underlying itself, by time; other arguments as of `bars`.

        Args:
            symbol: whose.
            start: as of `bars`.
            end: as of `bars`.
            bars: their size, 5min, 1min or 1day.
            columns: as of `bars`.
            exact: decimals.
            as_of: as of `bars`.

        Raises:
            UsageError: as `bars`, or there is no such size.
        """
        data_set = self._size(bars)
        span, wanted = instants.span(start, end, data_set), shapes.chosen(data_set, columns)
        known = lookup.underlying(self._server, symbol)
        names = shapes.raw_names(wanted, data_set)
        raw, archived, past = self._own_bars(known, data_set, span, names, whole=False, at=_instant(as_of))
        table = shapes.underlying_table(raw, known.symbol, wanted, exact=exact)
        return Answer(table, lambda: pa.concat_tables([past, self._reasons([known], data_set, span)]), archived)

    def smile(
        self,
        symbol: str,
        expiration: Moment,
        at: Moment,
        *,
        columns: Sequence[str] | None = None,
        exact: bool = False,
        as_of: Moment | None = None,
    ) -> Answer:
        """Return the contracts of one expiration in one slot, by strike and right; otherwise as `surface`.

        Raises:
            UsageError: as `bars`, or no contract expires on that day.
        """
        return self._slot(symbol, at, columns, exact=exact, expiration=instants.day_of(expiration), as_of=as_of)

    def chain(self, symbol: str, at: Moment, *, exact: bool = False, as_of: Moment | None = None) -> Answer:
        """Return all contracts that were listed on a slot's day, with what the slot has of them, in `surface`'s order.

        Contracts without a bar in the slot have NULL; `selected` tells whether one was expected.

        Args:
            symbol: the underlying's.
            at: as of `surface`.
            exact: decimals.
            as_of: as of `bars`, for what the slot has; which contracts were listed and expected is what is known now.

        Raises:
            UsageError: as `bars`.
        """
        slot = instants.slot_of(at, OPTION_BARS_5MIN)
        listed = self.contracts(symbol, on=slot, exact=exact)
        quoted = self.surface(symbol, slot, exact=exact, as_of=as_of)
        own = ["contract_id", *(name for name in quoted.column_names if name not in listed.column_names)]
        told = ["contract_id", "contract_symbol", "occ_symbol", *_ORDER, "multiplier", "selected"]
        joined = listed.table.select(told).join(quoted.table.select(own), "contract_id", join_type="left outer")
        table = joined.select([*told, *own[1:]]).sort_by([(name, "ascending") for name in (*_ORDER, "contract_id")])
        return Answer(table, lambda: quoted.reasons, quoted.archived)

    def legs(
        self,
        legs: Sequence[Leg],
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        exact: bool = False,
        as_of: Moment | None = None,
    ) -> Answer:
        """Return several contracts on one time axis: what each, and all together, could be bought and sold at.

        A row for each slot in which a leg has a bar. leg1_bid, leg1_ask and so on are the slot's closing quotes, in the
        order of the legs. buy_at: what it costs to buy the combination, each leg at the side that is open to the taker,
        USD per share; sell_at: what it brings to sell it; NULL where a quote is missing.

        Args:
            legs: contracts, each once, or pairs of a contract and a quantity, below 0 for what is sold.
            start: as of `bars`.
            end: as of `bars`.
            exact: decimals.
            as_of: as of `bars`.

        Raises:
            UsageError: as `bars`, or the same contract is named twice, or a quantity is 0 or no whole number.
        """
        pairs = [_with_quantity(one) for one in legs]
        names, quantities = [name for name, _ in pairs], [quantity for _, quantity in pairs]
        ids = [one.id for one in lookup.contracts(self._server, names)]
        if len(set(ids)) < len(ids):
            raise UsageError("a leg is named twice", "Give a quantity instead: (contract, 2).")
        quotes = ["time", "contract_id", "bid_close", "ask_close"]
        found = self.bars(ids, start, end, columns=quotes, as_of=as_of)
        table = combinations.table(found.table, ids, quantities, exact=exact)
        return Answer(table, lambda: found.reasons, found.archived)

    def contracts(self, symbol: str, on: Moment | None = None, *, exact: bool = False) -> Answer:
        """Return the contracts of a symbol that were listed on a day, under the terms of that day.

        By expiration, strike and right. selected: whether bars of it were expected.

        Args:
            symbol: the underlying's.
            on: the day; None is today.
            exact: strikes as decimals.

        Raises:
            UsageError: as `bars`.
        """
        known = lookup.underlying(self._server, symbol)
        day = instants.day_of(self._clock.now() if on is None else on)
        table = self._server.select("contracts_on", known.id, day)
        symbols = pa.array(map(shapes.people_write, table["contract_symbol"].to_pylist()), pa.string())
        table = table.add_column(2, "occ_symbol", symbols)
        if exact:
            place = table.column_names.index("strike_price")
            table = table.set_column(place, "strike_price", shapes.decimals(table["strike_price"], 14, 4))
        return Answer(table)

    def present_sessions(self, symbol: str) -> Answer:
        """Return the sessions of which anything of a symbol's options is expected or archived, ascending.

        in_database, in_archive: where its bars are. archive_is_current: whether nothing has changed since it was
        archived; archive_settled: whether it was whole. completeness_percent, open_gap_slots, lost_gap_slots: as
        `session_quality` has them; NULL where nothing was measured.

        Raises:
            UnknownSymbol: nothing is known of it.
        """
        known = lookup.underlying(self._server, symbol)
        today = instants.day_of(self._clock.now())
        held = self._archive.days(known.id, OPTION_BARS_5MIN, date(2000, 1, 1), today)
        selected = self._ground.selected(known, OPTION_BARS_5MIN)
        days = set(held)
        for first, last in selected:
            days |= set(self._calendar.days(first, min(last, today))) if first <= today else set()
        there = lookup.days_with_bars(self._server, known.id, days)
        measured = {row["session"]: row for row in self._server.select("recorded_sessions", known.symbol).to_pylist()}
        rows = [
            {
                "session": day,
                "in_database": day in there,
                "in_archive": day in held,
                "archive_is_current": held[day].is_current if day in held else None,
                "archive_settled": held[day].settled if day in held else None,
                **{name: measured.get(day, {}).get(name) for name in SESSIONS.names[5:]},
            }
            for day in sorted(days)
        ]
        return Answer(pa.Table.from_pylist(rows, schema=SESSIONS))

    def timeline(
        self, of: ContractName, start: Moment | None = None, end: Moment | None = None, *, bars: str | None = None
    ) -> Answer:
        """Return what happened to an instrument's bars, by time: requests, revisions, gaps, claims, quarantine.

        at: when it happened; start, end: the slots that it was about.

        Args:
            of: a contract; with `bars`, an underlying's symbol.
            start: of the slots; as of `bars`.
            end: of the slots; as of `bars`.
            bars: of an underlying's own bars, their size.

        Raises:
            UsageError: as `bars` and `underlying`.
        """
        data_set = OPTION_BARS_5MIN if bars is None else self._size(bars)
        span = instants.span(start, end, data_set)
        if bars is None:
            instrument_id = lookup.contracts(self._server, [of])[0].id
        else:
            instrument_id = -lookup.underlying(self._server, str(of)).id
        table = self._server.select("happened", instrument_id, data_set.id, span.start, span.end)
        return Answer(table.rename_columns(["at", "event", "series", "start", "end", "run_id", "detail"]))

    def why(self, of: ContractName, at: Moment) -> "Account":
        """Return all that is on record about one slot of a contract, or of an underlying: see docs/why.md.

        Args:
            of: a contract, or an underlying's symbol.
            at: an instant of the slot, in words as `collector why --at` takes it, New York's where they name no zone.

        Raises:
            UsageError: as `bars`, or there is no session at that instant and nothing stored.
        """
        from collector.lineage import naming, values  # noqa: PLC0415 - only this verb needs it

        is_symbol = isinstance(of, str) and not any(map(str.isdigit, of))
        text = str(of if is_symbol else lookup.contracts(self._server, [of])[0].id)
        data_set = UNDERLYING_BARS_5MIN if is_symbol else OPTION_BARS_5MIN
        slot = instants.slot_of(naming.instant_of(at) if isinstance(at, str) else at, data_set)

        async def account() -> "Account":
            name = "collector research"
            async with pool.connect(self._url, self._clock, application_name=name, size=1) as db:
                instrument, underlying = await naming.instrument(db, text)
                return await values.value(db, instrument, underlying, data_set, slot)

        found = database.run(account())
        if not found.is_stored:
            self._calendar.require_slot(found.instrument.symbol, data_set, slot)
        return found

    def sources(self) -> Answer:
        """Return where bars come from: symbols and data sets of database and archive, first and last sessions."""
        parts = [("database", self._settings.database.shown, self._server.select("databases_bars"))]
        if self._archive.place is not None:
            place = self._archive.place.name
            parts.append(("archive", place, self._server.select("archives_bars", place)))
        tables = []
        for source, name, table in parts:
            texts = ((0, "source", source), (1, "name", name))
            for at, column, text in texts:
                table = table.add_column(at, column, pa.repeat(pa.scalar(text), table.num_rows))  # noqa: PLW2901
            tables.append(table)
        return Answer(pa.concat_tables(tables))

    def coverage(self, of: Subject, start: Moment | None = None, end: Moment | None = None) -> Answer:
        """Return what is known of each session's series: slots expected, settled, by one witness, missing.

        Rows by session, contract and series; `reasons` tells of what is missing.

        Args:
            of: a symbol, for whatever is selected of it; a contract, or several.
            start: as of `bars`.
            end: as of `bars`.

        Raises:
            UsageError: as `bars`.
        """
        span = instants.span(start, end, OPTION_BARS_5MIN)
        subjects = self._subjects(of)
        tables = [holes.counted(self._ground, known, OPTION_BARS_5MIN, span, self._clock.now()) for known in subjects]
        return Answer(pa.concat_tables(tables), lambda: self._reasons(subjects, OPTION_BARS_5MIN, span))

    def _size(self, bars: str) -> DataSet:
        if bars not in BARS:
            raise UsageError(f"there are no bars of {bars}", f"Sizes are: {', '.join(BARS)}.")
        return BARS[bars]

    def _subjects(self, of: Subject) -> list[Known]:
        if isinstance(of, str) and not any(map(str.isdigit, of)):
            return [lookup.underlying(self._server, of)]
        names = [of] if isinstance(of, str | tuple) or not isinstance(of, Iterable) else list(of)
        if not names:
            raise UsageError("no contract is named")
        return lookup.groups(self._server, names)

    def _reasons(
        self, subjects: Sequence[Known], data_set: DataSet, span: Span, archived: frozenset[date] | None = None
    ) -> pa.Table:
        now = self._clock.now()
        place = None if self._archive.place is None else self._archive.place.name
        return pa.concat_tables(
            [holes.find(self._ground, known, data_set, span, now, place, archived) for known in subjects]
        )

    def _lacking(
        self, subjects: Sequence[Known], span: Span, wanted: Sequence[shapes.Column], archived: frozenset[date]
    ) -> pa.Table:
        """Return what is missing of option bars, and of the underlyings' prices where they are among the columns."""
        found = self._reasons(subjects, OPTION_BARS_5MIN, span, archived)
        if not any(one.name == "underlying_price" for one in wanted):
            return found
        own = self._reasons([Known(one.id, one.symbol) for one in subjects], UNDERLYING_BARS_5MIN, span)
        trades = pc.or_kleene(pc.is_null(own["series"]), pc.equal(own["series"], WhatToShow.TRADES))
        return pa.concat_tables([found, own.filter(trades)])

    def _option_bars(
        self,
        known: Known,
        span: Span,
        wanted: Sequence[shapes.Column],
        *,
        exact: bool,
        whole: bool,
        at: datetime | None = None,
    ) -> _Found:
        """Return option bars, as they were known at an instant if one is given; whole: all that a symbol has."""
        terms = lookup.terms_of(self._server, known, instants.day_of(span.start))
        asked = Asked(known.id, OPTION_BARS_5MIN, *terms.bounds, known.contracts, span)
        names = shapes.raw_names(wanted, OPTION_BARS_5MIN)
        raw, archived, past = self._read_as_of(known, asked, names, terms, whole=whole, at=at)
        own_bars = None
        if any(one.name == "underlying_price" for one in wanted):
            own_bars = self._own_bars(known, UNDERLYING_BARS_5MIN, span, ["time", "close"], whole=whole, at=at).table
        table = shapes.option_table(raw, terms, known.symbol, wanted, exact=exact, own_bars=own_bars)
        return _Found(table, archived, past)

    def _own_bars(
        self, known: Known, data_set: DataSet, span: Span, names: Sequence[str], *, whole: bool, at: datetime | None
    ) -> _Found:
        """Return raw bars of an underlying itself; as of `_option_bars`."""
        asked = Asked(known.id, data_set, known.id, known.id, (), span)
        return self._read_as_of(known, asked, names, None, whole=whole, at=at)

    def _read_as_of(
        self,
        known: Known,
        asked: Asked,
        names: Sequence[str],
        terms: shapes.Terms | None,
        *,
        whole: bool,
        at: datetime | None,
    ) -> _Found:
        """Return raw bars, as they were known at an instant if one is given; terms: of contracts."""
        if at is None:
            raw, archived = self._read(asked, names, whole=whole)
            return _Found(raw, archived, no_reasons())
        key = "contract_id" if terms is not None else "underlying_id"
        raw, archived = self._read(asked, list(dict.fromkeys((*names, key, *earlier.NEEDED))), whole=whole)
        sessions = self._ground.sessions_with(known.symbol, raw)
        then = earlier.known(self._server, raw, terms, asked, at, sessions)
        told = [{"symbol": known.symbol, **one} for one in then.reasons]
        return _Found(then.raw, archived, pa.Table.from_pylist(told, schema=REASONS))

    def _read(self, asked: Asked, names: Sequence[str], *, whole: bool) -> tuple[pa.Table, frozenset[date]]:
        prefers = self._prefer == "archive" or (self._prefer is None and whole)
        return sources.read(self._server, self._archive, asked, names, prefers_archive=prefers)

    def _require_expiration(self, known: Known, slot: datetime, expiration: date) -> None:
        """Refuse a day on which nothing expires."""
        terms = lookup.terms_of(self._server, known, instants.day_of(slot)).table
        days = sorted(set(terms["expiration_date"].to_pylist()))
        if expiration not in days:
            near = sorted(sorted(days, key=lambda day: abs(day - expiration))[:3])
            hint = f"The nearest expirations are: {', '.join(map(str, near))}." if near else ""
            raise UsageError(f"no contract of {known.symbol} expires on {expiration}", hint)

    def _slot(
        self,
        symbol: str,
        at: Moment,
        columns: Sequence[str] | None,
        *,
        exact: bool,
        expiration: date | None = None,
        as_of: Moment | None = None,
    ) -> Answer:
        known = lookup.underlying(self._server, symbol)
        slot = instants.slot_of(at, OPTION_BARS_5MIN)
        span = Span(slot, slot + OPTION_BARS_5MIN.bar_size)
        # Outside the sessions it would look like a market without quotes.
        self._calendar.require_slot(known.symbol, OPTION_BARS_5MIN, slot)
        wanted = shapes.chosen(OPTION_BARS_5MIN, _SURFACE if columns is None else columns)
        sorted_by = [*wanted, *(one for one in shapes.chosen(OPTION_BARS_5MIN, _ORDER) if one not in wanted)]
        found = self._option_bars(known, span, sorted_by, exact=exact, whole=False, at=_instant(as_of))
        table, archived, past = found
        if expiration is not None:
            table = table.filter(pc.equal(table["expiration_date"], pa.scalar(expiration)))
            if not table.num_rows:
                self._require_expiration(known, slot, expiration)
        table = table.sort_by([(name, "ascending") for name in _ORDER]).select([one.name for one in wanted])
        return Answer(table, lambda: pa.concat_tables([past, self._lacking([known], span, wanted, archived)]), archived)


def _instant(as_of: Moment | None) -> datetime | None:
    """Return the instant that is meant; of a day its end in New York."""
    return None if as_of is None else instants.span(None, as_of, OPTION_BARS_5MIN).end


def _with_quantity(leg: Leg) -> tuple[ContractName, int]:
    if not (isinstance(leg, tuple) and len(leg) == 2):  # noqa: PLR2004 - the name and the quantity
        return leg, 1
    name, quantity = leg
    if not isinstance(quantity, Integral) or isinstance(quantity, bool) or quantity == 0:
        raise UsageError(
            f"{quantity!r} is no quantity of {name!r}",
            "A leg takes a whole number: above 0 for what is bought, below 0 for what is sold.",
        )
    return name, int(quantity)
