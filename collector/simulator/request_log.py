"""Log of requests to the simulated gateway.

What the simulated gateway was asked, when it answered, and which of IB's ceilings were exceeded.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

MAX_OPEN_HISTORICAL = 50
"""IB refuses further historical requests (error 322) while so many are open."""
MAX_LINES = 100
"""Market-data lines of an account without boosters; further streams are refused (error 101)."""
MAX_MESSAGES_PER_S = 50
"""IB rejects further messages (error 100) above so many in any second."""


class Kind(StrEnum):
    """The request families that are logged one by one."""

    HISTORICAL = "historical"
    CONTRACT_DETAILS = "contract_details"
    CHAIN = "chain"
    HEAD_TIMESTAMP = "head_timestamp"
    MARKET_DATA = "market_data"


@dataclass(slots=True, eq=False)
class Request:
    """One logged request.

    start and end bound what a historical request asked for, after its duration was applied (aware, UTC); end_text
    and duration are its own words, use_rth whether regular hours alone were meant. received_at, answered_at and
    cancelled_at are instants of the simulator's clock. outcome is `open` until the request ends in `bars`, `rows`,
    `error CODE`, `cancelled` or `disconnected`. bars counts what was sent.
    """

    number: int
    req_id: int
    kind: Kind
    client_id: int
    received_at: datetime
    con_id: int = 0
    symbol: str = ""
    what_to_show: str = ""
    start: datetime | None = None
    end: datetime | None = None
    end_text: str = ""
    duration: str = ""
    use_rth: bool = False
    answered_at: datetime | None = None
    cancelled_at: datetime | None = None
    outcome: str = "open"
    bars: int = 0

    @property
    def is_open(self) -> bool:
        """Whether IB would still count the request among the open ones."""
        return self.outcome == "open"

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """What a historical request asked for, `[start, end)`; None when it was refused before that was known."""
        return None if self.start is None or self.end is None else (self.start, self.end)


@dataclass(frozen=True, slots=True)
class Violation:
    """A ceiling that was exceeded.

    ceiling is `open` (historical requests open at once), `rate` (messages in a rolling second), `lines` (market-data
    streams at once) or, for bars of 30 seconds and less, `identical`, `burst` or `ten minutes`; value is what was
    counted.
    """

    at: datetime
    ceiling: str
    value: int


@dataclass(slots=True)
class RequestLog:
    """Every request in order of arrival, with the highest load seen.

    Attributes:
        entries: the requests, oldest first.
        violations: each time a ceiling was exceeded.
        max_open: most historical requests open at once.
        max_rate: most messages of one connection in any rolling second, less what piled up while the gateway itself
            was held up.
        messages: messages received so far, of any kind.
        connections: how often a client completed the handshake.
        open_now: historical requests that are open.
        max_lines: most market-data streams at once, those that were refused for it included.
        keep: entries kept; when there are more, the older half is forgotten.
    """

    entries: list[Request] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    max_open: int = 0
    max_rate: int = 0
    messages: int = 0
    connections: int = 0
    open_now: int = 0
    max_lines: int = 0
    keep: int = 500_000

    @property
    def historical(self) -> Sequence[Request]:
        """The historical requests only."""
        return [entry for entry in self.entries if entry.kind is Kind.HISTORICAL]

    def of(self, kind: Kind) -> Sequence[Request]:
        """Return the requests of one family, oldest first."""
        return [entry for entry in self.entries if entry.kind is kind]

    def open(self, entry: Request) -> bool:
        """Record an arrival; False when it exceeds the ceiling of open historical requests."""
        if len(self.entries) >= self.keep:
            del self.entries[: self.keep // 2]
        self.entries.append(entry)
        if entry.kind not in {Kind.HISTORICAL, Kind.HEAD_TIMESTAMP}:
            return True
        self.open_now += 1
        self.max_open = max(self.max_open, self.open_now)
        if self.open_now <= MAX_OPEN_HISTORICAL:
            return True
        self.violations.append(Violation(entry.received_at, "open", self.open_now))
        return False

    def line(self, running: int, at: datetime) -> bool:
        """Record one more market-data stream beside those that run; False when it exceeds the account's lines."""
        self.max_lines = max(self.max_lines, running + 1)
        if running < MAX_LINES:
            return True
        self.violations.append(Violation(at, "lines", running + 1))
        return False

    def close(self, entry: Request, outcome: str, at: datetime) -> None:
        """Record how a request ended; a second end is ignored."""
        if not entry.is_open:
            return
        entry.outcome = outcome
        if outcome == "cancelled":
            entry.cancelled_at = at
        elif outcome != "disconnected":
            entry.answered_at = at
        if entry.kind in {Kind.HISTORICAL, Kind.HEAD_TIMESTAMP}:
            self.open_now -= 1


class RateMeter:
    """Messages of one connection in a rolling second."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def add(self, monotonic_s: float) -> int:
        """Count a message that has just come; return how many came in the second that ends with it."""
        times = self._times
        while times and monotonic_s - times[0] >= 1.0:
            times.popleft()
        times.append(monotonic_s)
        return len(times)


class LagMeter:
    """How long the gateway itself was held up lately, so that a client is not blamed for messages that piled up.

    On a busy machine a process may not run for a while; what a client sent at an even pace meanwhile is then read all
    at once.
    """

    def __init__(self) -> None:
        self._lags: deque[tuple[float, float]] = deque()
        self._due: float | None = None

    def expect(self, monotonic_s: float) -> None:
        """Say when the next beat is due."""
        self._due = monotonic_s

    def beat(self, monotonic_s: float) -> None:
        """Record how late the beat is."""
        if self._due is not None and monotonic_s > self._due:
            self._lags.append((monotonic_s, monotonic_s - self._due))
        while self._lags and monotonic_s - self._lags[0][0] >= 1.0:
            self._lags.popleft()

    def lately(self, monotonic_s: float) -> float:
        """Return for how many seconds the gateway was held up within the last one, a beat that is overdue included."""
        overdue = 0.0 if self._due is None else max(monotonic_s - self._due, 0.0)
        return overdue + sum(lag for at, lag in self._lags if monotonic_s - at < 1.0)
