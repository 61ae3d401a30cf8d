"""Reader of database and archive, with the research API's verbs."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from collector import config
from collector.app import opening
from collector.archive.places import open_place
from collector.clock import Clock
from collector.config import Settings
from collector.db.schema import schema_revisions
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import DatabaseError, UsageError
from collector.domain.market_data.data_sets import (
    OPTION_BARS_5MIN,
    UNDERLYING_BARS_1DAY,
    UNDERLYING_BARS_1MIN,
    UNDERLYING_BARS_5MIN,
    DataSet,
)
from collector.domain.market_data.spans import Span
from collector.research import columns as shapes
from collector.research import database, holes, instants, lookup, sources
from collector.research.answers import Answer
from collector.research.archived import Archive
from collector.research.contract_names import ContractName
from collector.research.instants import Moment
from collector.research.lookup import Known
from collector.research.sources import Asked

Subject: TypeAlias = str | ContractName | Sequence[ContractName]
"""A symbol, for whatever is selected of it; a contract, or several."""

Preference: TypeAlias = Literal["archive", "database"] | None

BARS = {"5min": UNDERLYING_BARS_5MIN, "1min": UNDERLYING_BARS_1MIN, "1day": UNDERLYING_BARS_1DAY}
"""Sizes of an underlying's bars, by name."""

_SURFACE = (
    "time", "new_york", "session_date", "symbol", "contract_id", "contract_symbol", "occ_symbol", "expiration_date",
    "strike_price", "option_type", "close", "volume", "bid_close", "ask_close", "mid_close", "spread_close",
    "implied_volatility", "delta", "gamma", "theta", "vega", "rho", "greeks_reason", "open_interest", "flags",
    "flag_words", "verdict",
)  # fmt: skip
_ORDER = ("expiration_date", "strike_price", "option_type")


def open(  # noqa: A001 - research.open is what people call it
    database: str | None = None,
    archive: str | None = None,
    config: str | Path | None = None,
    *,
    prefer: Preference = None,
) -> "Reader":
    """Open database and archive for reading; the embedded server is started where it is the database.

    Blocking, as all of it is; a running loop, of a notebook for instance, does not matter.

    Args:
        database: a postgresql:// URL, or `embedded`; None is what config.yaml says.
        archive: a folder or a URL such as s3://bucket/prefix; None is what config.yaml says.
        config: the configuration file; None is found as by every command.
        prefer: where sessions are read that database and archive both have, "database" or "archive"; None: where it is
            quicker. What the database has not, the archive gives in any case.

    Raises:
        ConfigurationError: the configuration is wrong.
        ArchiveError: the archive's place is none.
        DatabaseUnavailable: no server, wrong password, no such database.
        DatabaseError: the database's schema is not the one of this version.
    """
    settings = _settings(database, archive, None if config is None else Path(config))
    clock = opening.system_clock()
    url = open_database(settings, clock)
    return Reader(settings, url, clock, prefer=prefer)


def _settings(database: str | None, archive: str | None, path: Path | None) -> Settings:
    overrides: dict[str, dict[str, str | None]] = {}
    if database is not None:
        overrides["database"] = {"url": database, "read_url": None}
    if archive is not None:
        overrides["archive"] = {"place": archive}
    return config.load(path, overrides)


def open_database(settings: Settings, clock: Clock) -> str:
    """Return the URL of the configured database, once it is certain that it can be read.

    Raises:
        DatabaseUnavailable, DatabaseError: as `open`.
    """

    async def checked() -> str:
        url = await opening.reading_url(settings)
        current, head = await schema_revisions.current(url, clock), schema_revisions.head()
        if current != head:
            state = "holds no tables of the collector" if current is None else f"has schema {current}, not {head}"
            raise DatabaseError(f"the database {state}", "run: collector db upgrade")
        return url

    return database.run(checked())


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
    """

    def __init__(
        self,
        settings: Settings,
        url: str,
        clock: Clock,
        *,
        prefer: Preference = None,
        cache: Path | None = None,
    ) -> None:
        self._settings, self._clock, self._prefer = settings, clock, prefer
        place = None if settings.archive.place is None else open_place(settings.archive)
        self._server = database.Server(url)
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
    ) -> Answer:
        """Return option bars, by contract and time.

        Args:
            of: a symbol, a contract, or several.
            start: the first day, or the first instant; None is the beginning.
            end: the last day, or the instant before which bars start; None is the end.
            columns: which, in their order; None is the usual ones.
            exact: decimals.

        Raises:
            UsageError: nothing is known of the symbol or a contract, or a moment or a column is none.
            DatabaseUnavailable, DatabaseError: as `open`.
        """
        span = instants.span(start, end, OPTION_BARS_5MIN)
        wanted = shapes.chosen(OPTION_BARS_5MIN, columns)
        subjects = self._subjects(of)
        found = [self._option_bars(known, span, wanted, exact=exact, whole=not known.contracts) for known in subjects]
        archived = frozenset[date]().union(*(days for _, days in found))
        table = pa.concat_tables([table for table, _ in found])
        return Answer(table, lambda: self._reasons(subjects, OPTION_BARS_5MIN, span), archived)

    def history(
        self,
        contract: ContractName,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        columns: Sequence[str] | None = None,
        exact: bool = False,
    ) -> Answer:
        """Return the bars of one contract by time; arguments and errors as of `bars`."""
        return self.bars([contract], start, end, columns=columns, exact=exact)

    def surface(self, symbol: str, at: Moment, *, columns: Sequence[str] | None = None, exact: bool = False) -> Answer:
        """Return all contracts of a symbol that have a bar in one slot, by expiration, strike and right.

        What closes the slot is known once it is over, five minutes after its start.

        Args:
            symbol: the underlying's.
            at: an instant of the slot, such as "2026-11-25 15:30 America/New_York".
            columns: as of `bars`.
            exact: decimals.

        Raises:
            UsageError: as `bars`.
        """
        return self._slot(symbol, at, columns, exact=exact)

    def underlying(
        self,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        bars: str = "5min",
        columns: Sequence[str] | None = None,
        exact: bool = False,
    ) -> Answer:
        """Return bars of an underlying itself, by time; other arguments as of `bars`.

        Args:
            symbol: whose.
            start: as of `bars`.
            end: as of `bars`.
            bars: their size, 5min, 1min or 1day.
            columns: as of `bars`.
            exact: decimals.

        Raises:
            UsageError: as `bars`, or there is no such size.
        """
        if bars not in BARS:
            raise UsageError(f"there are no bars of {bars}", f"Sizes are: {', '.join(BARS)}.")
        data_set = BARS[bars]
        span, wanted = instants.span(start, end, data_set), shapes.chosen(data_set, columns)
        known = lookup.underlying(self._server, symbol)
        asked = Asked(known.id, data_set, known.id, known.id, (), span)
        raw, archived = self._read(asked, shapes.raw_names(wanted, data_set), whole=False)
        table = shapes.underlying_table(raw, known.symbol, wanted, exact=exact)
        return Answer(table, lambda: self._reasons([known], data_set, span), archived)

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

    def _subjects(self, of: Subject) -> list[Known]:
        if isinstance(of, str) and not any(map(str.isdigit, of)):
            return [lookup.underlying(self._server, of)]
        names = [of] if isinstance(of, int | str | tuple) else list(of)
        if not names:
            raise UsageError("no contract is named")
        return lookup.groups(self._server, names)

    def _reasons(self, subjects: Sequence[Known], data_set: DataSet, span: Span) -> pa.Table:
        now = self._clock.now()
        place = None if self._archive.place is None else self._archive.place.name
        return pa.concat_tables([holes.find(self._ground, known, data_set, span, now, place) for known in subjects])

    def _option_bars(
        self, known: Known, span: Span, wanted: Sequence[shapes.Column], *, exact: bool, whole: bool
    ) -> tuple[pa.Table, frozenset[date]]:
        """Return option bars, and the sessions that the archive gave; whole: all that a symbol has of the span."""
        terms = lookup.terms_of(self._server, known, instants.day_of(span.start))
        asked = Asked(known.id, OPTION_BARS_5MIN, *terms.bounds, known.contracts, span)
        raw, archived = self._read(asked, shapes.raw_names(wanted, OPTION_BARS_5MIN), whole=whole)
        return shapes.option_table(raw, terms, known.symbol, wanted, exact=exact), archived

    def _read(self, asked: Asked, names: Sequence[str], *, whole: bool) -> tuple[pa.Table, frozenset[date]]:
        prefers = self._prefer == "archive" or (self._prefer is None and whole)
        return sources.read(self._server, self._archive, asked, names, prefers_archive=prefers)

    def _require_session(self, symbol: str, slot: datetime) -> None:
        """Refuse a slot outside the sessions, which would look like a market without quotes."""
        session = self._calendar.session(symbol, slot.astimezone(NEW_YORK).date())
        if slot not in session.span:
            opens, closes = (f"{one.astimezone(NEW_YORK):%H:%M}" for one in (session.open, session.close))
            raise UsageError(
                f"{slot.astimezone(NEW_YORK):%Y-%m-%d %H:%M} in New York is outside the session of {symbol}",
                f"On {session.day} it goes from {opens} to {closes}, New York.",
            )

    def _slot(
        self,
        symbol: str,
        at: Moment,
        columns: Sequence[str] | None,
        *,
        exact: bool,
        expiration: date | None = None,
    ) -> Answer:
        known = lookup.underlying(self._server, symbol)
        slot = instants.slot_of(at, OPTION_BARS_5MIN)
        span = Span(slot, slot + OPTION_BARS_5MIN.bar_size)
        self._require_session(known.symbol, slot)
        wanted = shapes.chosen(OPTION_BARS_5MIN, _SURFACE if columns is None else columns)
        sorted_by = [*wanted, *(one for one in shapes.chosen(OPTION_BARS_5MIN, _ORDER) if one not in wanted)]
        table, archived = self._option_bars(known, span, sorted_by, exact=exact, whole=False)
        if expiration is not None:
            table = table.filter(pc.equal(table["expiration_date"], pa.scalar(expiration)))
        table = table.sort_by([(name, "ascending") for name in _ORDER]).select([one.name for one in wanted])
        return Answer(table, lambda: self._reasons([known], OPTION_BARS_5MIN, span), archived)
