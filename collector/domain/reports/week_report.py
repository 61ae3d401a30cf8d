"""Model of the weekly summary.

The weekly summary's model. Values only; fractions of 1, instants aware UTC.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from collector.domain.reports.comparison import PastRun
from collector.domain.reports.run_report import Environment, Expiring, GapCounts, NextWindow, UpkeepReport
from collector.domain.reports.storage_report import StorageReport
from collector.domain.run_vocabulary import RunStatus, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekRun:
    """The last attempt at one window of one session; failed: how many attempts failed or were interrupted."""

    session: date
    window: Window
    status: RunStatus
    attempts: int = 1
    failed: int = 0
    run_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekSymbol:
    """One symbol over the week; completeness, fill, awaiting and single_witness as in a run's report.

    bars: of options. never_collected: sessions of which nothing was ever answered; where contracts were selected for
    them, completeness counts them as empty, else nothing was expected of them. configured: whether it is collected
    still; of one that is not, only what was kept is known.
    """

    symbol: str
    contracts: int = 0
    bars: int = 0
    completeness: float | None = None
    fill: float | None = None
    awaiting: int = 0
    single_witness: int = 0
    never_collected: tuple[date, ...] = ()
    configured: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekReport:
    """Everything that is said about a week.

    first, last: session dates. runs: the last attempts, in any order. missed: windows that were due and never ran, with
    their session. history: eod of the last 20 sessions, ascending. digest: lines that alert rules left for the weekly
    mail. upkeep: of the weekly run, None when none has just ended.
    """

    first: date
    last: date
    made_at: datetime
    sessions: int
    runs: tuple[WeekRun, ...] = ()
    missed: tuple[tuple[date, Window], ...] = ()
    symbols: tuple[WeekSymbol, ...] = ()
    history: tuple[PastRun, ...] = ()
    gaps: GapCounts = field(default_factory=GapCounts)
    expiring: Expiring = field(default_factory=Expiring)
    requests: int = 0
    rate_limit_hits: int = 0
    storage: StorageReport | None = None
    upkeep: UpkeepReport | None = None
    environment: Environment = field(default_factory=Environment)
    next_window: NextWindow | None = None
    digest: tuple[str, ...] = ()
    host: str = ""

    @property
    def bars(self) -> int:
        """Return the option bars of all symbols."""
        return sum(symbol.bars for symbol in self.symbols)

    @property
    def completeness(self) -> float | None:
        """Return the mean of the symbols' completeness, weighted by contracts; None when none is known."""
        known = [(symbol.completeness, symbol.contracts) for symbol in self.symbols if symbol.completeness is not None]
        weight = sum(contracts for _, contracts in known)
        return sum(share * contracts for share, contracts in known) / weight if weight else None

    @property
    def never_collected(self) -> dict[date, tuple[str, ...]]:
        """Return the sessions of which nothing was ever answered, with the symbols of which that is true."""
        days = sorted({day for symbol in self.symbols for day in symbol.never_collected})
        return {day: tuple(one.symbol for one in self.symbols if day in one.never_collected) for day in days}

    @property
    def dark_sessions(self) -> int:
        """Return how many sessions were never collected for any symbol that is configured."""
        configured = sum(symbol.configured for symbol in self.symbols)
        return sum(len(symbols) == configured for symbols in self.never_collected.values())

    @property
    def failed_runs(self) -> int:
        """Return the windows whose last attempt failed or was interrupted."""
        return sum(run.status in (RunStatus.FAILED, RunStatus.INTERRUPTED) for run in self.runs)

    @property
    def partial_runs(self) -> int:
        """Return the windows whose last attempt was partial."""
        return sum(run.status is RunStatus.PARTIAL for run in self.runs)
