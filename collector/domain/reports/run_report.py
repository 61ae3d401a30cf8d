"""Model of a run's report.

The one report model: everything that is said about a run, in a terminal, a mail, a file or a ping, comes from here.

Values only: no I/O, no clock. Instants are aware UTC, durations seconds, fractions of 1 (a person reads them as
percent), latency seconds. `collector.domain.reports.report_document` turns a report into JSON and back.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from collector.domain.conditions import Condition
from collector.domain.coverage.evidence import EmptySession
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.instruments import Renumbering
from collector.domain.pacing.pace import Latency, PacerSample
from collector.domain.reports.comparison import Flag, PastRun, unusual
from collector.domain.reports.coverage_grid import CoverageGrid
from collector.domain.run_vocabulary import Asks, RunStatus, Stage, Window


class Cause(StrEnum):
    """What went wrong, as far as a checklist can help; its value is the checklist's key."""

    GATEWAY_DOWN = "gateway_down"
    CLIENT_ID = "client_id"
    DATABASE_DOWN = "database_down"
    PERMISSION = "permission"
    PACING = "pacing"
    DISK = "disk"
    CONFIGURATION = "configuration"
    USAGE = "usage"
    BACKUP = "backup"
    ARCHIVE = "archive"
    INTERRUPTED = "interrupted"
    INCOMPLETE = "incomplete"
    UNKNOWN_SYMBOL = "unknown_symbol"
    IMPLAUSIBLE = "implausible"
    UNFORESEEN = "unforeseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictCounts:
    """Slots by verdict."""

    traded: int = 0
    no_trade: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        """Return the number of expected slots."""
        return self.traded + self.no_trade + self.unknown


@dataclass(frozen=True, slots=True)
class BarCount:
    """How many bars of options, and how many of underlyings."""

    options: int = 0
    underlyings: int = 0

    @classmethod
    def of(cls, every: int, underlyings: int) -> "BarCount":
        """Return the parts of a number of bars, so many of which are of underlyings."""
        return cls(every - underlyings, underlyings)

    def __add__(self, other: "BarCount") -> "BarCount":
        return BarCount(self.options + other.options, self.underlyings + other.underlyings)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolReport:
    """One symbol in one run.

    contracts: contracts of the run's scope; contracts_done: those with every planned request answered definitely.
    expected, covered, settled: series-slots of the span that was asked for.
    awaiting: series-slots, not settled yet, that only a second empty answer can settle. single_witness: settled ones
    for which one empty answer speaks. verdicts: slots, from the TRADES series.
    deferred: requests left to the next window for lack of time.
    resting: further contracts in scope that wait for their turn in the rotation; nothing is expected of them yet.
    bars_collected, bars_updated, bars_identical: bars of options and of the underlying; underlying_*: the underlying's
    alone.
    """

    symbol: str
    contracts: int = 0
    contracts_done: int = 0
    requests: int = 0
    deferred: int = 0
    bars_collected: int = 0
    bars_updated: int = 0
    bars_identical: int = 0
    underlying_collected: int = 0
    underlying_updated: int = 0
    underlying_identical: int = 0
    expected: int = 0
    covered: int = 0
    settled: int = 0
    awaiting: int = 0
    single_witness: int = 0
    verdicts: VerdictCounts = VerdictCounts()
    first_bar: datetime | None = None
    last_bar: datetime | None = None
    error: str = ""
    grid: CoverageGrid | None = None
    resting: int = 0

    @property
    def completeness(self) -> float | None:
        """Return settled / expected series-slots, None when nothing was expected."""
        return _fraction(self.settled, self.expected)

    @property
    def coverage(self) -> float | None:
        """Return covered / expected series-slots, None when nothing was expected."""
        return _fraction(self.covered, self.expected)

    @property
    def fill(self) -> float | None:
        """Return traded / expected slots, None when nothing was expected."""
        return _fraction(self.verdicts.traded, self.verdicts.total)

    @property
    def underlying(self) -> int:
        """Return the underlying's own bars that were received."""
        return self.underlying_collected + self.underlying_updated + self.underlying_identical

    @property
    def new(self) -> BarCount:
        """Return the bars that are new in the database."""
        return BarCount.of(self.bars_collected, self.underlying_collected)

    @property
    def changed(self) -> BarCount:
        """Return the bars whose values changed."""
        return BarCount.of(self.bars_updated, self.underlying_updated)

    @property
    def identical(self) -> BarCount:
        """Return the bars that the source sent again unchanged."""
        return BarCount.of(self.bars_identical, self.underlying_identical)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionProgress:
    """How a run found and left a symbol's session that it asked about.

    first, last: the session's date, twice; of underlyings' bars all the sessions that were looked at. expected:
    series-slots when it ended; settled_before, settled: of these. bars_before, bars: stored bars of options; None where
    only underlyings' bars were asked for.
    """

    symbol: str
    first: date
    last: date
    expected: int = 0
    settled_before: int = 0
    settled: int = 0
    bars_before: int | None = None
    bars: int | None = None

    @property
    def completeness_before(self) -> float | None:
        """Return what was settled of what is expected now, None when nothing is."""
        return _fraction(min(self.settled_before, self.expected), self.expected)

    @property
    def completeness(self) -> float | None:
        """Return settled / expected series-slots, None when nothing is expected."""
        return _fraction(self.settled, self.expected)

    @property
    def new_bars(self) -> int | None:
        """Return how many bars came to it, None when they were not counted."""
        return None if self.bars is None or self.bars_before is None else self.bars - self.bars_before


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCount:
    """Requests that ended in one failing outcome, with at most a few examples (contract, span, IB's words)."""

    outcome: Outcome
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotals:
    """What the database holds of the session after the run, whichever run brought it."""

    contracts: int = 0
    bars: int = 0
    underlying_bars: int = 0
    first_bar: datetime | None = None
    last_bar: datetime | None = None
    database_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """Contracts whose last chance was this session; `examples` are OCC symbols of the lost ones.

    awaiting: nothing of theirs is missing but second witnesses.
    """

    saved: int = 0
    awaiting: int = 0
    at_risk: int = 0
    lost: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCounts:
    """Gaps by what the run did to them, and how many stay open."""

    opened: int = 0
    closed: int = 0
    lost: int = 0
    still_open: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """A folder into which the backup was to be copied, and why that failed, "" when it did not."""

    folder: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """A backup that the run made: its dump's path and size, how long it took, how many are kept now, and its copies."""

    file: str
    bytes: int
    seconds: float
    kept: int
    copies: tuple[CopyReport, ...] = ()

    @property
    def not_copied(self) -> tuple[CopyReport, ...]:
        """Return the copies that failed."""
        return tuple(copy for copy in self.copies if copy.problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveReport:
    """What the archive's pass has done.

    place: of the archive. objects, rows, bytes: that were written. unsettled: sessions among them that have not settled
    and say so. carried: sessions in them that the database has no bars of any more. waiting: objects for which there
    was no time. problems: why others could not be written, by path.
    """

    place: str
    objects: int = 0
    rows: int = 0
    bytes: int = 0
    unsettled: int = 0
    carried: int = 0
    waiting: int = 0
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepReport:
    """What a run did for the archive and with old bars.

    verified: objects of the archive that were read back and are what was archived. damaged: what is wrong with others,
    in words. dropped_bars, freed_bytes: what retention took away, and the room that it had. waiting: bars that are old
    enough and stay, by the reason, most first. problem: why the archive could not be asked, "" when it could.
    """

    verified: int = 0
    damaged: tuple[str, ...] = ()
    dropped_bars: int = 0
    freed_bytes: int = 0
    waiting: tuple[tuple[str, int], ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReport:
    """A split that the run has seen: old price over new one, and the stored sessions that are read again."""

    symbol: str
    factor: float
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbableClosure:
    """A session on which none of these underlyings had a bar, twice, while the session before had some.

    first_seen, last_seen: when that was found, by the source's clock.
    """

    session: date
    symbols: tuple[str, ...]
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NextWindow:
    """What runs next."""

    window: Window
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureReport:
    """Why the run did not end well, and what to do about it.

    message, hint: as the error says them. saved: one sentence. resume: the exact command line that continues.
    log_path: the file with the run's events. traceback: of an unforeseen error, without local variables.
    """

    stage: Stage
    cause: Cause
    message: str
    hint: str = ""
    saved: str = ""
    resume: str = ""
    log_path: str = ""
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The state of what surrounds the runs, as the alert rules need it; None is "not known" and raises no alert.

    chain_refreshed: per symbol, when its chain was last read. backup_expected: backups are configured at all.
    last_backup: when the latest was taken. backup_missing: what is wrong with them, in words; empty: nothing.
    login_due: when IB's weekly reset ends the gateway's login, told once the week's last session is over.
    new_contracts, expired_contracts: since the last run.
    """

    disk_free_bytes: int | None = None
    disk_used: float | None = None
    chain_refreshed: tuple[tuple[str, datetime], ...] = ()
    backup_expected: bool | None = None
    last_backup: datetime | None = None
    backup_missing: str = ""
    login_due: datetime | None = None
    new_contracts: int = 0
    expired_contracts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One attempt at one window for one session date.

    implausible: sessions whose empty answers settle nothing. accepted: those taken as they are, with the reason.
    unproven: series that came back empty with nothing beside them to prove it. controls: requests that were asked for
    such proof. confirm_at: when what awaits a second answer is asked again; None: nothing does. confirming: the window
    had run before, and asked again for that. data_sets: the names of what it collected. splits: of underlyings, seen by
    this run. renumbered: underlyings that it found under another number of the source's. closures: sessions on which
    the exchange was probably shut, told once each. conditions: what held it up for two minutes or more.
    sessions: those that it asked about, of an order that looks at more than its own; by date and symbol.
    """

    run_id: int
    window: Window
    session: date
    attempt: int = 1
    status: RunStatus
    started: datetime
    completed: datetime | None = None
    scheduled: datetime | None = None
    asks: Asks = Asks.NOT_SETTLED
    early_close: bool = False
    slots: int = 0
    symbols: tuple[SymbolReport, ...] = ()
    sessions: tuple[SessionProgress, ...] = ()
    errors: tuple[OutcomeCount, ...] = ()
    implausible: tuple[EmptySession, ...] = ()
    accepted: tuple[EmptySession, ...] = ()
    unproven: int = 0
    controls: int = 0
    confirm_at: datetime | None = None
    confirming: bool = False
    rate_limit_hits: int = 0
    latency: Latency | None = None
    pacer: tuple[PacerSample, ...] = ()
    day: DayTotals | None = None
    expiring: Expiring = Expiring()
    gaps: GapCounts = GapCounts()
    past: tuple[PastRun, ...] = ()
    next_window: NextWindow | None = None
    environment: Environment = Environment()
    backup: BackupReport | None = None
    archive: ArchiveReport | None = None
    upkeep: UpkeepReport | None = None
    data_sets: tuple[str, ...] = ()
    splits: tuple[SplitReport, ...] = ()
    renumbered: tuple[Renumbering, ...] = ()
    closures: tuple[ProbableClosure, ...] = ()
    conditions: tuple[Condition, ...] = ()
    failure: FailureReport | None = None
    log_path: str = ""
    host: str = ""

    @property
    def preflight_failed(self) -> bool:
        """Return whether the run ended before anything was asked for."""
        return self.failure is not None and self.failure.stage is Stage.PREFLIGHT

    @property
    def duration_s(self) -> float | None:
        """Return seconds between start and end, None while running."""
        return (self.completed - self.started).total_seconds() if self.completed else None

    @property
    def contracts(self) -> int:
        """Return the contracts of the run's scope."""
        return sum(symbol.contracts for symbol in self.symbols)

    @property
    def contracts_done(self) -> int:
        """Return the contracts with every planned request answered definitely."""
        return sum(symbol.contracts_done for symbol in self.symbols)

    @property
    def requests(self) -> int:
        """Return the historical requests that were sent."""
        return sum(symbol.requests for symbol in self.symbols)

    @property
    def resting(self) -> int:
        """Return the contracts that wait for their turn in the rotation."""
        return sum(symbol.resting for symbol in self.symbols)

    @property
    def deferred(self) -> int:
        """Return the requests left to the next window."""
        return sum(symbol.deferred for symbol in self.symbols)

    @property
    def bars_collected(self) -> int:
        """Return the bars that are new in the database."""
        return sum(symbol.bars_collected for symbol in self.symbols)

    @property
    def bars_updated(self) -> int:
        """Return the bars whose values changed."""
        return sum(symbol.bars_updated for symbol in self.symbols)

    @property
    def bars_identical(self) -> int:
        """Return the bars that IB sent again unchanged."""
        return sum(symbol.bars_identical for symbol in self.symbols)

    @property
    def bars(self) -> int:
        """Return the bars received: new, changed and identical."""
        return self.bars_collected + self.bars_updated + self.bars_identical

    @property
    def new(self) -> BarCount:
        """Return the bars that are new in the database, by what they are of."""
        return sum((symbol.new for symbol in self.symbols), BarCount())

    @property
    def changed(self) -> BarCount:
        """Return the bars whose values changed, by what they are of."""
        return sum((symbol.changed for symbol in self.symbols), BarCount())

    @property
    def identical(self) -> BarCount:
        """Return the bars that the source sent again unchanged, by what they are of."""
        return sum((symbol.identical for symbol in self.symbols), BarCount())

    @property
    def received(self) -> BarCount:
        """Return the bars received: new, changed and identical, by what they are of."""
        return self.new + self.changed + self.identical

    @property
    def failed_requests(self) -> int:
        """Return the requests that ended in a failing outcome."""
        return sum(error.count for error in self.errors)

    @property
    def awaiting(self) -> int:
        """Return the series-slots that await a second answer."""
        return sum(symbol.awaiting for symbol in self.symbols)

    @property
    def single_witness(self) -> int:
        """Return the series-slots that one empty answer has settled."""
        return sum(symbol.single_witness for symbol in self.symbols)

    @property
    def confirms_only(self) -> bool:
        """Return whether the run changes nothing of what the window's first report has said of the session."""
        changed = self.implausible or self.expiring.lost or self.gaps.lost
        return self.confirming and self.status is RunStatus.SUCCESS and not changed

    @property
    def complete(self) -> bool:
        """Return whether the run did all that was due, and what it found can be believed."""
        return self.status is RunStatus.SUCCESS and not self.deferred and not self.implausible

    @property
    def verdicts(self) -> VerdictCounts:
        """Return the verdict counts of all symbols."""
        return VerdictCounts(
            traded=sum(symbol.verdicts.traded for symbol in self.symbols),
            no_trade=sum(symbol.verdicts.no_trade for symbol in self.symbols),
            unknown=sum(symbol.verdicts.unknown for symbol in self.symbols),
        )

    @property
    def completeness(self) -> float | None:
        """Return settled / expected series-slots over all symbols, None when nothing was expected."""
        return _fraction(sum(s.settled for s in self.symbols), sum(s.expected for s in self.symbols))

    @property
    def coverage(self) -> float | None:
        """Return covered / expected series-slots over all symbols, None when nothing was expected."""
        return _fraction(sum(s.covered for s in self.symbols), sum(s.expected for s in self.symbols))

    @property
    def fill(self) -> float | None:
        """Return traded / expected slots over all symbols, None when nothing was expected."""
        return _fraction(self.verdicts.traded, self.verdicts.total)

    @property
    def reached(self) -> float | None:
        """Return what this window aims at: coverage where it asks for covered slots, else completeness."""
        return self.coverage if self.asks is Asks.NOT_COVERED else self.completeness

    @property
    def success_rate(self) -> float | None:
        """Return contracts done / contracts, None without contracts."""
        return _fraction(self.contracts_done, self.contracts)

    @property
    def bars_per_s(self) -> float | None:
        """Return bars received per second of the run."""
        return self.bars / self.duration_s if self.duration_s else None

    @property
    def requests_per_s(self) -> float | None:
        """Return requests sent per second of the run."""
        return self.requests / self.duration_s if self.duration_s else None

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Return what is unusual against the same window of the last 20 sessions."""
        return unusual(bars=self.bars, contracts=self.contracts, slots=self.slots, past=self.past)


def _fraction(part: int, whole: int) -> float | None:
    return part / whole if whole else None
