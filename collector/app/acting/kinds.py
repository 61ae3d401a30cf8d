"""Kinds of acts that a person may start from pages."""

import contextlib
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from collector.app import composition, maintenance, opening
from collector.app.acting import told, typed
from collector.app.acting.live import Live, ProgressBar
from collector.app.acting.records import Ending
from collector.clock import Clock
from collector.config import Settings
from collector.db.connection import locks
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import DatabaseError, Incomplete, Unknown, UsageError
from collector.domain.market_data.data_sets import InstrumentKind
from collector.domain.masking import Mask
from collector.domain.run_vocabulary import OVER_SESSIONS, RunStatus, Window
from collector.notify.reports import wording
from collector.runs.orders import Order, backfill_order, fill_order, history_of, order_for
from collector.runs.planning import dry_run, plan_words
from collector.runs.planning.plan_words import PlanTable, Sentence

_MOST_DAYS = 120
"""Longer than IB remembers bars of options."""
_MOST_OWN_DAYS = 7300
"""And an underlying's bars of a day."""
_FIRST = 10
"""Objects of the archive that a plan names."""

Values: TypeAlias = Mapping[str, str]
"""What a person has filled in, by field; what he left out is missing."""


class Entry(StrEnum):
    """How a field is filled in."""

    CHOICE = "choice"
    DAY = "day"
    SYMBOLS = "symbols"
    NUMBER = "number"
    YES = "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a form, and the option of the command that means the same.

    initial: what the form comes up with. default: what it means to leave it empty, in words. choices: for CHOICE,
    values.
    """

    name: str
    label: str
    entry: Entry
    option: str
    required: bool = False
    initial: Callable[[Settings, Clock], str] = lambda _settings, _clock: ""
    default: str = ""
    choices: Callable[[Settings], tuple[str, ...]] = lambda _: ()

    def read(self, text: str, settings: Settings) -> str:
        """Return what was filled in, in one spelling.

        Raises:
            UsageError: it is none of what the field takes.
        """
        text = text.strip()
        if not text:
            if self.required:
                raise UsageError(f"{self.label} is empty", f"Fill in {self.label}.")
            return ""
        match self.entry:
            case Entry.DAY:
                return str(typed.day_of(text))
            case Entry.SYMBOLS:
                return ",".join(_known(typed.symbols_of(text), settings))
            case Entry.NUMBER:
                if not (number := typed.number_of(text)):
                    raise UsageError(f"{self.label}: {text!r} is no number", "Write a whole number above 0.")
                return str(number)
            case Entry.CHOICE:
                if text not in self.choices(settings):
                    known = ", ".join(self.choices(settings))
                    raise UsageError(f"{self.label}: there is no {text!r}", f"Choose among {known}.")
                return text
            case Entry.YES:
                return "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What an act works with. standing: what is open already; None: the act opens what it needs."""

    settings: Settings
    clock: Clock
    live: Live
    progress: ProgressBar
    standing: composition.Standing | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What an act would do and ask for, in words; table: the requests of a run, None where it asks for none."""

    sentences: tuple[Sentence, ...]
    table: PlanTable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of act.

    name: in addresses. title: of its form. what: it does, a sentence. command: the words of the command that does the
    same, before its options. fields: of the form. cost: what it would ask for, from the database, nothing changed.
    work: does it. takes_turn: whether it waits until nothing else is at work. check: refuses values at once.
    """

    name: str
    title: str
    what: str
    command: tuple[str, ...]
    fields: tuple[Field, ...]
    cost: Callable[[Database, Settings, Clock, Values], Awaitable[Cost]]
    work: Callable[[Turn, Values], Awaitable[Ending]]
    check: Callable[[Settings, Clock, Values], object] = lambda _settings, _clock, _values: None
    takes_turn: bool = True

    def read(self, given: Mapping[str, str], settings: Settings, clock: Clock) -> dict[str, str]:
        """Return what was filled in, in one spelling, so that equal acts are equal.

        Raises:
            UsageError: it is none of what the fields take, or does not go together.
        """
        found = {one.name: one.read(given.get(one.name, ""), settings) for one in self.fields}
        values = {name: value for name, value in found.items() if value}
        self.check(settings, clock, values)
        return values

    def command_line(self, values: Values) -> str:
        """Return the command that does the same."""
        words = ["collector", *self.command]
        for field in self.fields:
            if value := values.get(field.name):
                words += [field.option] if field.entry is Entry.YES else [field.option, value]
        return shlex.join(words)

    def words(self, values: Values) -> str:
        """Return what is done, in a few words: the title and what was filled in."""
        said = [f.label.lower() if f.entry is Entry.YES else values[f.name] for f in self.fields if f.name in values]
        return ": ".join([self.title, ", ".join(said).replace(",", ", ").replace("  ", " ")] if said else [self.title])


def _known(symbols: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    """Return symbols in the order of the configuration, each once."""
    if strange := [one for one in symbols if one not in settings.symbol_names]:
        raise UsageError(
            f"{', '.join(strange)} is not collected",
            f"`symbols` in config.yaml has {', '.join(settings.symbol_names)}.",
        )
    return tuple(one for one in settings.symbol_names if one in symbols)


def _day(values: Values, name: str) -> date | None:
    return typed.day_of(values.get(name))


def _needed_day(values: Values, name: str) -> date:
    return date.fromisoformat(values[name])


def _symbols(values: Values) -> tuple[str, ...]:
    return typed.symbols_of(values.get("symbols"))


# What is asked from IB: runs.


def _run_order(settings: Settings, clock: Clock, values: Values) -> Order:
    return order_for(
        typed.window_of(values["window"], settings),
        settings,
        opening.calendar(settings),
        clock.now(),
        day=_day(values, "date"),
        symbols=_symbols(values),
        force="force" in values,
    )


def _fill_order(settings: Settings, clock: Clock, values: Values) -> Order:
    return fill_order(settings, opening.calendar(settings), clock.now(), _day(values, "since"), _symbols(values))


def _backfill_order(settings: Settings, clock: Clock, values: Values) -> Order:
    own = None if "data_set" not in values else history_of(values["data_set"], settings)
    days, most = int(values.get("days", "60")), _MOST_DAYS if own is None else _MOST_OWN_DAYS
    if days > most:
        raise UsageError(f"IB does not remember these bars for {days} days", f"Up to {most} days.")
    return backfill_order(settings, opening.calendar(settings), clock.now(), days, _symbols(values), own)


OrderOf: TypeAlias = Callable[[Settings, Clock, Values], Order]


def _cost_of(order_of: OrderOf) -> Callable[[Database, Settings, Clock, Values], Awaitable[Cost]]:
    async def cost(db: Database, settings: Settings, clock: Clock, values: Values) -> Cost:
        order = order_of(settings, clock, values)
        if not order.window.fetches:
            return Cost((Sentence(f"{order.window} of {order.day} asks for no bars"),))
        found = await dry_run.plan(db, settings, opening.calendar(settings), order, clock.now())
        table = plan_words.table(found)
        nothing = () if table else (Sentence("nothing would be asked for"),)
        return Cost((Sentence(plan_words.heading(found)), *nothing, *plan_words.sentences(found)), table)

    return cost


async def _require_turn(turn: Turn, words: str) -> None:
    """Refuse while another process is at work: before the gateway hears of it, or a dead man's switch.

    A run refuses by itself, but only when both have; an act that waits is tried every few seconds.

    Raises:
        LockHeld: another process is at work.
    """
    own = turn.standing
    opened = opening.database(turn.settings, turn.clock) if own is None else contextlib.nullcontext(own.database)
    with contextlib.suppress(DatabaseError):  # whoever needs the database says what is wrong
        async with opened as db, locks.collection_lock(db, words):
            pass


def _run_of(order_of: OrderOf) -> Callable[[Turn, Values], Awaitable[Ending]]:
    async def work(turn: Turn, values: Values) -> Ending:
        order = order_of(turn.settings, turn.clock, values)
        await _require_turn(turn, f"{order.window} of {order.day}")
        with turn.progress(order) as on_progress:
            outcome = await composition.run_window(turn.settings, order, turn.clock, on_progress, turn.standing)
        report, error = outcome.report, outcome.error
        headline = wording.headline(report)
        if error is None and report.status is RunStatus.FAILED:
            error = Incomplete(headline, f"See the report of run {report.run_id}.")
        return Ending(report.run_id or None, error, headline)

    return work


# What is asked from IB, and is no run.


async def _chains_cost(db: Database, settings: Settings, clock: Clock, values: Values) -> Cost:
    today = clock.now().astimezone(NEW_YORK).date()
    told_of = []
    for symbol in _symbols(values) or settings.option_symbols:
        underlying = await contract_tables.underlying(db, symbol)
        listed = [] if underlying is None else await contract_tables.listed(db, underlying.id, today, date.max)
        expirations = len({one.expiration for one in listed})
        asks = f"{wording.many(expirations, 'request')}, one for each expiration known"
        told_of.append(Sentence(f"{symbol}: {asks if listed else 'no expiration is known yet'}"))
    return Cost((*told_of, Sentence("no bars are asked for; contracts that are new are stored")))


async def _refresh_chains(turn: Turn, values: Values) -> Ending:
    await _require_turn(turn, "chains refresh")
    found = await composition.refresh_chains(turn.settings, _symbols(values), turn.clock, turn.standing)
    read, failed = told.refreshed(found)
    error = Incomplete("; ".join(failed), "Try again later.") if failed else None
    return Ending(error=error, headline="; ".join(read))


# What asks nothing from IB.


async def _archive_cost(db: Database, settings: Settings, clock: Clock, values: Values) -> Cost:
    planned = await maintenance.planned_objects(db, settings, _symbols(values), _day(values, "since"), clock)
    if not planned:
        return Cost((Sentence("the archive holds what the database holds"),))
    objects = wording.many(len(planned), "object")
    rows = tuple((one.path, one.symbol, f"{one.first}", f"{one.sessions:,}", one.why) for one in planned[:_FIRST])
    totals = ("" if len(planned) <= _FIRST else f"… and {len(planned) - _FIRST:,} more", "", "", "", "")
    columns = ("object", "symbol", "first session", "sessions", "why")
    return Cost(
        (Sentence(f"{objects} would be written"), Sentence("nothing is asked from IB")),
        PlanTable(columns, rows, totals, words=len(columns)),
    )


async def _archive(turn: Turn, values: Values) -> Ending:
    symbols, since = _symbols(values), _day(values, "since")
    due, done = len(await maintenance.plan_archive(turn.settings, symbols, since, turn.clock)), 0

    def on_object(_: object) -> None:
        nonlocal done
        done += 1
        turn.live.note(done=done, of=due)

    turn.live.note(done=0, of=due)
    found = await maintenance.archive(turn.settings, symbols, since, turn.clock, on_object)
    problems = "; ".join(f"{one.path}: {one.message}" for one in found.problems)
    error = Incomplete(problems, found.problems[0].hint) if found.problems else None
    return Ending(error=error, headline="; ".join(told.archived(found)))


async def _greeks_cost(_db: Database, settings: Settings, clock: Clock, values: Values) -> Cost:
    days, since = opening.calendar(settings), _needed_day(values, "since")
    sessions = len(days.days(since, days.last_opened(clock.now())))
    names = ", ".join(_symbols(values) or settings.option_symbols)
    return Cost(
        (
            Sentence(f"every bar of {wording.many(sessions, 'session')} of {names} is computed afresh"),
            Sentence("nothing is asked from IB; no window runs meanwhile"),
        )
    )


async def _recompute(turn: Turn, values: Values) -> Ending:
    since = _needed_day(values, "since")
    tally = await maintenance.recompute_greeks(turn.settings, _symbols(values), since, turn.clock)
    return Ending(headline=told.recomputed(tally))


def _again(settings: Settings, clock: Clock, values: Values) -> Order:
    """Return the order that asks again for what is forgotten."""
    return order_for(
        Window.EOD,
        settings,
        opening.calendar(settings),
        clock.now(),
        day=_needed_day(values, "session"),
        symbols=_symbols(values),
        force=True,
    )


async def _forget_cost(db: Database, settings: Settings, clock: Clock, values: Values) -> Cost:
    found = await _cost_of(_again)(db, settings, clock, values)
    keeps = Sentence("bars stay as they are; contracts that have expired keep what is known of them")
    return Cost((keeps, Sentence("a run that asks for the session again would then be"), *found.sentences), found.table)


async def _forget(turn: Turn, values: Values) -> Ending:
    day = _needed_day(values, "session")
    return Ending(
        headline=told.forgotten(day, await maintenance.forget(turn.settings, day, _symbols(values), turn.clock))
    )


async def _accept_cost(_db: Database, _settings: Settings, _clock: Clock, values: Values) -> Cost:
    empty = f"what controlled answers called empty on {values['session']} is settled at once"
    return Cost((Sentence(f"{empty}, except what still awaits a second answer"), Sentence("nothing is asked from IB")))


async def _accept(turn: Turn, values: Values) -> Ending:
    day = _needed_day(values, "session")
    return Ending(
        headline=told.accepted(day, await maintenance.accept(turn.settings, day, _symbols(values), turn.clock))
    )


async def _test_cost(_db: Database, settings: Settings, clock: Clock, _values: Values) -> Cost:
    names = ", ".join(composition.notifier(settings, clock).channels)
    return Cost((Sentence(f"an example of each mail, and an alert with its end, goes through: {names}"),))


async def _test(turn: Turn, _values: Values) -> Ending:
    deliveries = await composition.notifier(turn.settings, turn.clock).test()
    failed = dict.fromkeys(f"{one.channel}: {one.detail}" for one in deliveries if not one.ok)
    well = dict.fromkeys(one.channel for one in deliveries if one.ok)
    error = Incomplete(Mask(turn.settings.secrets)("; ".join(failed)), "See docs/channels.md.") if failed else None
    return Ending(error=error, headline=f"sent through {', '.join(well)}" if well else "")


def _check_sessions(settings: Settings, _clock: Clock, values: Values) -> None:
    """Refuse a day that is no session."""
    opening.calendar(settings).session("SPY", _needed_day(values, "session"))


def _latest_session(settings: Settings, clock: Clock) -> str:
    return str(opening.calendar(settings).last_opened(clock.now()))


def _windows(settings: Settings) -> tuple[str, ...]:
    """Return the windows that are on, then the others, but for those that are kinds of their own here."""
    known = dict.fromkeys((*settings.windows.enabled, *Window))
    return tuple(str(one) for one in known if one not in OVER_SESSIONS)


def _histories(settings: Settings) -> tuple[str, ...]:
    return tuple(one.name for one in settings.data_sets if one.kind is InstrumentKind.UNDERLYING)


_SYMBOLS = Field(name="symbols", label="Symbols", entry=Entry.SYMBOLS, option="--symbols", default="all")
_SESSION = Field(
    name="session", label="Session", entry=Entry.DAY, option="--session", required=True, initial=_latest_session
)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="run",
            title="Run a window",
            what="Collects what a window still lacks of a session; what is settled is asked again only by force.",
            command=("run",),
            fields=(
                Field(
                    name="window",
                    label="Window",
                    entry=Entry.CHOICE,
                    option="--window",
                    required=True,
                    initial=lambda _settings, _clock: Window.EOD,
                    choices=_windows,
                ),
                Field(name="date", label="Session", entry=Entry.DAY, option="--date", default="the latest"),
                _SYMBOLS,
                Field(name="force", label="Ask again for what is settled", entry=Entry.YES, option="--force"),
            ),
            check=_run_order,
            cost=_cost_of(_run_order),
            work=_run_of(_run_order),
        ),
        Kind(
            name="fill",
            title="Fill gaps",
            what="Asks IB for every slot that is missing, however old the session.",
            command=("gaps", "fill"),
            fields=(
                Field(
                    name="since",
                    label="Since the session",
                    entry=Entry.DAY,
                    option="--since",
                    default="wherever anything is missing",
                ),
                _SYMBOLS,
            ),
            check=_fill_order,
            cost=_cost_of(_fill_order),
            work=_run_of(_fill_order),
        ),
        Kind(
            name="backfill",
            title="Back-fill",
            what="Fetches the history of living contracts, or of underlyings.",
            command=("backfill",),
            fields=(
                Field(name="days", label="Calendar days back", entry=Entry.NUMBER, option="--days", default="60"),
                Field(
                    name="data_set",
                    label="Underlyings' bars instead",
                    entry=Entry.CHOICE,
                    option="--data-set",
                    default="no, those of options",
                    choices=_histories,
                ),
                _SYMBOLS,
            ),
            check=_backfill_order,
            cost=_cost_of(_backfill_order),
            work=_run_of(_backfill_order),
        ),
        Kind(
            name="chains",
            title="Refresh chains",
            what="Reads the option chains from IB again and stores what is new.",
            command=("chains", "refresh"),
            fields=(_SYMBOLS,),
            cost=_chains_cost,
            work=_refresh_chains,
        ),
        Kind(
            name="archive",
            title="Archive historical data",
            what="Writes what has changed into the archive, as Parquet files.",
            command=("archive",),
            fields=(
                Field(name="symbols", label="Symbols", entry=Entry.SYMBOLS, option="--symbol", default="all"),
                Field(
                    name="since", label="Since the session", entry=Entry.DAY, option="--since", default="from the first"
                ),
            ),
            cost=_archive_cost,
            work=_archive,
        ),
        Kind(
            name="greeks",
            title="Recompute Greeks",
            what="Computes implied volatilities and Greeks afresh, after rates or dividends have changed for instance.",
            command=("greeks", "recompute"),
            fields=(
                Field(
                    name="since",
                    label="Since the session",
                    entry=Entry.DAY,
                    option="--since",
                    required=True,
                    initial=_latest_session,
                ),
                _SYMBOLS,
            ),
            cost=_greeks_cost,
            work=_recompute,
        ),
        Kind(
            name="forget",
            title="Forget coverage",
            what="Forgets what is covered and settled of a session, so that it is asked for again; bars stay.",
            command=("coverage", "forget"),
            fields=(_SESSION, _SYMBOLS),
            check=_check_sessions,
            cost=_forget_cost,
            work=_forget,
        ),
        Kind(
            name="accept",
            title="Accept a session",
            what="Accepts a session as empty as it looks: for a market that really was so, a halt for instance.",
            command=("coverage", "accept"),
            fields=(_SESSION, _SYMBOLS),
            check=_check_sessions,
            cost=_accept_cost,
            work=_accept,
        ),
        Kind(
            name="test",
            title="Test the channels",
            what="Sends an example of each mail, and an alert with its end, through every channel.",
            command=("notify", "test"),
            fields=(),
            cost=_test_cost,
            work=_test,
            takes_turn=False,
        ),
    )
}
"""By name, in the order in which they are offered."""


def named(name: str) -> Kind:
    """Return a kind of act by its name.

    Raises:
        Unknown: there is none of the name.
    """
    if name not in KINDS:
        raise Unknown(f"there is no act {name!r}", f"Acts: {', '.join(KINDS)}.")
    return KINDS[name]
