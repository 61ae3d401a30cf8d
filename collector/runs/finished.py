"""What a run has prepared, given up and done."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from collector.db.bookkeeping.coverage_table import Progress
from collector.db.bookkeeping.session_statistics import Measured
from collector.domain.conditions import Condition
from collector.domain.coverage.evidence import EmptySession
from collector.domain.market_data.answers import Failure, HistoricalRequest
from collector.domain.market_data.instruments import OptionContract, Renumbering, Underlying
from collector.domain.market_data.sessions import Session
from collector.domain.pacing.pace import PacerSample
from collector.domain.reports.run_report import (
    ArchiveReport,
    BackupReport,
    Expiring,
    GapCounts,
    ProbableClosure,
    SplitReport,
    UpkeepReport,
)
from collector.domain.reports.storage_report import StorageSizes
from collector.domain.run_vocabulary import RunStatus
from collector.runs.evidence.weighed import Weighed
from collector.runs.orders import Order
from collector.runs.tally import Tally


@dataclass(frozen=True, slots=True)
class Prepared:
    """A symbol ready to be collected: its sessions, clipped to what the order asks for, and its selected contracts.

    lacking: what of its chain could not be had; contracts of it may be missing. resting: how many further selected
    contracts are in scope and wait for their turn in the rotation.
    """

    underlying: Underlying
    sessions: tuple[Session, ...]
    contracts: tuple[OptionContract, ...]
    spot: Decimal | None
    lacking: tuple["NotPrepared", ...] = ()
    resting: int = 0


@dataclass(frozen=True, slots=True)
class NotPrepared:
    """A symbol that cannot be collected in this run, in whole or in part, and why; the others go on."""

    symbol: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A request that was given up on, and how its last attempt ended."""

    request: HistoricalRequest
    failure: Failure
    attempts: int


@dataclass(slots=True)
class AskedSessions:
    """Sessions that a run asks about, of an order that looks at more than its own: as it found and as it left them.

    before, after: by symbol and date; after: those that were counted since. own_before: by symbol, of an order for
    nothing but underlyings' bars.
    """

    before: dict[tuple[str, date], Measured] = field(default_factory=dict)
    after: dict[tuple[str, date], Measured] = field(default_factory=dict)
    own_before: dict[str, Progress] = field(default_factory=dict)


@dataclass(slots=True)
class Finished:
    """How a run ended.

    order: widened to older sessions, once they are known. error: what stopped it. not_prepared: symbols that were left
    out. given_up: requests that were not had.
    chains_read: symbols whose chain was read anew, if not every expiration of it. slots: length of the order's
    session, see `session_span`; 0 until the run is closed. weighed: what became of its empty answers. counted: gaps and
    statistics are up to date with it. splits: seen in bars that were told anew. renumbered: underlyings that the source
    knows by another number now. closures: sessions on which the exchange was probably shut, told by this run.
    conditions: what held the run up. storage: what was stored when it ended, of a run that measures it. asked: sessions
    before and after.
    """

    run_id: int
    order: Order
    started: datetime
    status: RunStatus = RunStatus.RUNNING
    tally: Tally = field(default_factory=Tally)
    prepared: list[Prepared] = field(default_factory=list)
    not_prepared: list[NotPrepared] = field(default_factory=list)
    given_up: list[GivenUp] = field(default_factory=list)
    chains_read: int = 0
    samples: list[PacerSample] = field(default_factory=list)
    expiring: Expiring = field(default_factory=Expiring)
    gaps: GapCounts = field(default_factory=GapCounts)
    reached: float | None = None
    slots: int = 0
    expired_contracts: int = 0
    weighed: Weighed = field(default_factory=Weighed)
    counted: bool = False
    backup: BackupReport | None = None
    archive: ArchiveReport | None = None
    upkeep: UpkeepReport | None = None
    storage: StorageSizes | None = None
    splits: list[SplitReport] = field(default_factory=list)
    renumbered: list[Renumbering] = field(default_factory=list)
    closures: list[ProbableClosure] = field(default_factory=list)
    conditions: tuple[Condition, ...] = ()
    asked: AskedSessions = field(default_factory=AskedSessions)
    error: BaseException | None = None

    @property
    def days(self) -> list[date]:
        """Return the session days that were looked at, ascending."""
        return sorted({session.day for prepared in self.prepared for session in prepared.sessions})

    @property
    def implausible(self) -> list[EmptySession]:
        """Return the sessions among them that are emptier than they can be."""
        return [one for one in self.weighed.implausible if one.session in self.days]

    @property
    def unproven(self) -> int:
        """Return the number of series whose empty answers nothing has controlled."""
        return len(self.weighed.uncontrolled)
