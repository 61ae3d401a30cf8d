"""Tally of what a run has done so far.

What a run has done so far: counted while it goes, shown by the progress bar, kept by the run row and the report.
"""

from collections import Counter
from dataclasses import dataclass, field

from collector.domain.market_data.answers import Answer, Failure, HistoricalRequest, Outcome
from collector.domain.market_data.instruments import OptionContract
from collector.domain.pacing.pace import Pace

_EXAMPLES_KEPT = 3
_SLOWEST_KEPT = 10
_LATENCIES_KEPT = 10_000


@dataclass(slots=True)
class SymbolTally:
    """Counters of one symbol. requests: attempts sent.

    inserted, updated, identical: bars, the underlying's own too; own_*: the underlying's alone.
    """

    requests: int = 0
    deferred: int = 0
    inserted: int = 0
    updated: int = 0
    identical: int = 0
    own_inserted: int = 0
    own_updated: int = 0
    own_identical: int = 0
    contracts: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, order=True)
class SlowRequest:
    """An attempt that took long. seconds: from sending to its end. contract: OCC symbol, or the underlying's."""

    seconds: float
    contract: str
    series: str
    outcome: str


@dataclass(slots=True)
class Tally:
    """Counters of one run.

    planned: requests planned. answered: requests that ended in a definite answer. failed: requests given up on.
    deferred: requests left to the next window. controls: requests planned only to see that the source gives bars.
    attempts: requests sent (one may be sent again). outcomes: how they ended. bars: bars received. quarantined: bars
    that cannot be true. examples: a few messages of each failing outcome. latencies_s: seconds of definite
    answers. slowest: the ten attempts that took longest, however they ended, the slowest first. contracts_*: database
    ids.
    """

    planned: int = 0
    answered: int = 0
    failed: int = 0
    deferred: int = 0
    controls: int = 0
    attempts: int = 0
    bars: int = 0
    quarantined: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    examples: dict[Outcome, list[str]] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)
    slowest: list[SlowRequest] = field(default_factory=list)
    contracts_planned: set[int] = field(default_factory=set)
    contracts_answered: set[int] = field(default_factory=set)
    contracts_failed: set[int] = field(default_factory=set)
    symbols: dict[str, SymbolTally] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)

    def of(self, symbol: str) -> SymbolTally:
        """Return the counters of a symbol."""
        return self.symbols.setdefault(symbol, SymbolTally())

    def attempted(self, request: HistoricalRequest, outcome: Answer | Failure) -> None:
        """Count one attempt and how it ended."""
        self.attempts += 1
        self.of(request.instrument.symbol).requests += 1
        self.outcomes[outcome.outcome] += 1
        self._note_time(request, outcome)
        if isinstance(outcome, Answer):
            self.bars += len(outcome.bars)
            if len(self.latencies_s) < _LATENCIES_KEPT:
                self.latencies_s.append(outcome.latency_s)
            return
        examples = self.examples.setdefault(outcome.outcome, [])
        if len(examples) < _EXAMPLES_KEPT:
            code = f" ({outcome.code})" if outcome.code else ""
            examples.append(f"{described(request)}: {outcome.message}{code}")

    def _note_time(self, request: HistoricalRequest, outcome: Answer | Failure) -> None:
        seconds = round(outcome.latency_s, 3)
        if seconds <= 0 or (len(self.slowest) == _SLOWEST_KEPT and seconds <= self.slowest[-1].seconds):
            return
        slow = SlowRequest(seconds, named(request), request.what_to_show.value, outcome.outcome.value)
        self.slowest = sorted((*self.slowest, slow), reverse=True)[:_SLOWEST_KEPT]

    def refused(self, request: HistoricalRequest) -> None:
        """Note a request whose answer came and could not be stored: its contract has failed."""
        self.answered -= 1
        self.failed += 1
        if isinstance(request.instrument, OptionContract):
            self.contracts_failed.add(request.instrument.id)
            self.contracts_answered.discard(request.instrument.id)

    def put_off(self, request: HistoricalRequest) -> None:
        """Count one request that is left to the next window."""
        self.deferred += 1
        self.of(request.instrument.symbol).deferred += 1

    @property
    def inserted(self) -> int:
        """Return the rows that were new."""
        return sum(symbol.inserted for symbol in self.symbols.values())

    @property
    def updated(self) -> int:
        """Return the rows that changed."""
        return sum(symbol.updated for symbol in self.symbols.values())

    @property
    def identical(self) -> int:
        """Return the rows that IB sent again unchanged."""
        return sum(symbol.identical for symbol in self.symbols.values())

    @property
    def rate_limit_hits(self) -> int:
        """Return how often IB said that we were too fast."""
        return self.outcomes[Outcome.PACING]


def named(request: HistoricalRequest) -> str:
    """Return what a request is about: the contract's OCC symbol, or the underlying's symbol."""
    name: str = getattr(request.instrument, "occ_symbol", request.instrument.symbol)
    return name


def described(request: HistoricalRequest) -> str:
    """Return a request in a person's words, for logs and examples: instrument, series, first slot."""
    return f"{named(request)} {request.what_to_show} from {request.span.start:%Y-%m-%d %H:%M} UTC"
