"""Interactive Brokers as a source of market data.

Interactive Brokers as a source of market data: what the pipeline asks, answered in the domain's words.
"""

import contextlib
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from collector.clock import Clock
from collector.config import Settings
from collector.domain.conditions import ConditionKind
from collector.domain.coverage.coverage_rules import has_expired
from collector.domain.market_data.answers import (
    Answer,
    ChainParameters,
    Definitions,
    Failure,
    HistoricalOutcome,
    HistoricalRequest,
    NextDividend,
    OpenInterest,
    Outcome,
    Permission,
)
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import (
    Instrument,
    OptionContract,
    Underlying,
    WhatToShow,
)
from collector.domain.market_data.spans import Span
from collector.domain.pacing.pace import BreakerState, Pace
from collector.ib import definitions as contracts
from collector.ib import historical
from collector.ib.connection.breaker import Breaker
from collector.ib.connection.gateway import Gateway, GatewaySettings
from collector.ib.connection.source_time import SHORT, TellingTime
from collector.ib.connection.supervisor import Event, Supervisor
from collector.ib.connection.wire_client import Kind
from collector.ib.pacing import Pacer, PacerState, PacingSettings
from collector.ib.streams import Streams
from collector.ib.wire_requests import Reply, ask

_REPEAT_AFTER_S = 2.0
"""Error 200 is asked again after so long, before it is believed."""

_SERIES_BREAKER = Breaker(threshold=5, open_s=300.0, longest_open_s=3600.0)
_PROBED = timedelta(hours=23)
"""What IB is asked for to see whether anything comes; less than a day, which is asked for in seconds."""
_PROBED_EXPIRATION = timedelta(days=7)

SeriesKey = tuple[str, bool, WhatToShow]
"""Symbol, whether it is about its options, what to show: what one breaker stands for."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """How things stand, for the progress bar, the log and the run's record.

    offset_s: IB's clock minus ours. down: what IB reports as broken, in words; empty when nothing is.
    waiting: why historical requests wait; empty when they do not. breaker: of the gateway.
    open_series: series whose own breaker is not closed, as "SPY options BID".
    """

    connected: bool
    server_version: int | None
    offset_s: float
    down: str
    waiting: str
    reconnects: int
    breaker: BreakerState
    breaker_trips: int
    open_series: tuple[str, ...]
    pacer: PacerState


class IBSource:
    """A market-data source over one gateway; `connect` makes it. No method raises for what IB says or fails to say."""

    def __init__(self, settings: GatewaySettings, pacing: PacingSettings, clock: Clock, jitter: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self.pacer = Pacer(pacing, clock)
        self._gateway = Gateway(settings, clock, self.pacer)
        self._streams = Streams(self._gateway, settings.market_data_lines)
        self._supervisor = Supervisor(self._gateway, self._probe_connection, jitter, Breaker())
        self._series: dict[SeriesKey, Breaker] = {}
        self._known: Instrument | None = None
        self._time = TellingTime()

    async def start(self) -> None:
        """Connect and keep watch over the connection.

        Raises:
            GatewayUnavailable: there is no usable connection.
        """
        await self._supervisor.start()

    async def stop(self) -> None:
        """Cancel what is open and disconnect."""
        await self._supervisor.stop()

    # The port (collector.runs.source.MarketDataSource).

    def now(self) -> datetime:
        """Return IB's time, aware UTC: what the gateway told last plus our monotonic clock, never ahead of it."""
        return self._gateway.now()

    async def measure(self) -> None:
        """Measure IB's clock again; where the gateway does not answer, IB's time goes on as it was."""
        await self._gateway.ensure_time(anew=True)

    @property
    def seen_until(self) -> datetime | None:
        """Start of the latest bar of a stock or ETF that IB has ever sent; None before the first."""
        return self._time.seen_until

    async def underlying(self, symbol: str) -> Underlying | Failure:
        """Define a stock or ETF by its symbol; UNKNOWN_CONTRACT when IB does not know it."""
        reply = await self._define(contracts.ask_stock(symbol))
        defined = reply if isinstance(reply, Failure) else contracts.stock(symbol, reply)
        if isinstance(defined, Underlying):
            self._known = defined
        return defined

    async def index(self, symbol: str) -> Underlying | Failure:
        """Define an index of Cboe's by its symbol; UNKNOWN_CONTRACT when IB does not know it."""
        reply = await self._define(contracts.ask_index(symbol))
        return reply if isinstance(reply, Failure) else contracts.index(symbol, reply)

    async def chain(self, underlying: Underlying) -> ChainParameters | Failure:
        """Return the expirations and strikes that may exist."""
        reply = await self._define(contracts.ask_chain(underlying))
        return reply if isinstance(reply, Failure) else contracts.chain(underlying, reply)

    async def contracts(self, underlying: Underlying, expiration: date) -> Definitions | Failure:
        """Return every option contract of one expiration, by strike, then right."""
        reply = await self._define(contracts.ask_contracts(underlying, expiration))
        return reply if isinstance(reply, Failure) else contracts.contracts(underlying, expiration, reply)

    async def historical(self, request: HistoricalRequest, priority: int = 0) -> HistoricalOutcome:
        """Fetch the bars of one series over one span; of the requests that wait, the lowest priority goes first.

        While the connection or a farm is down it waits, for `patience_s` at most. A span that is longer than the data
        set allows, or that has not begun, is REJECTED without being asked for.
        """
        asked = historical.parameters(request, self.now())
        if isinstance(asked, Failure):
            return asked
        key: SeriesKey = (
            request.instrument.symbol,
            isinstance(request.instrument, OptionContract),
            request.what_to_show,
        )
        refusal = self._refused(key)
        if refusal is not None:
            return refusal
        outcome = await self._fetch(request, priority)
        if _unknown_contract(outcome):
            await self._clock.sleep(_REPEAT_AFTER_S)
            outcome = await self._fetch(request, priority)
        self._record(key, outcome)
        return outcome

    async def open_interest(self, contract: OptionContract) -> OpenInterest | Failure:
        """Return how many of a contract are open, as of the close before; TIME_OUT when IB does not tell in time."""
        deadline_s = self._settings.tick_deadline_s
        failure = await self._supervisor.admit(Kind.DEFINITION, deadline_s)
        return failure or await self._streams.open_interest(contract, deadline_s)

    async def next_dividend(self, underlying: Underlying) -> NextDividend | Failure:
        """Return the next cash dividend of an underlying; TIME_OUT when IB does not tell in time."""
        deadline_s = self._settings.tick_deadline_s
        failure = await self._supervisor.admit(Kind.DEFINITION, deadline_s)
        return failure or await self._streams.next_dividend(underlying, deadline_s)

    @property
    def pace(self) -> Pace:
        """How fast IB is being asked at this moment."""
        pacer, block = self.pacer.state, self._supervisor.block(Kind.HISTORICAL)
        return Pace(
            in_flight=pacer.in_flight,
            limit=pacer.limit,
            requests_per_s=pacer.requests_per_s,
            latency_s=pacer.latency_p50_s,
            pauses=pacer.pauses,
            paused_s=pacer.paused_s,
            waiting="" if block is None else block.reason,
            condition=self._supervisor.condition or (ConditionKind.PACING_PAUSE if pacer.paused_s else None),
            breaker=self._supervisor.breaker.state(self._clock.monotonic()),
        )

    @property
    def connected(self) -> bool:
        """Whether the gateway can be asked at this moment."""
        return self._gateway.connected

    @property
    def offset(self) -> timedelta:
        """IB's clock less ours, as measured last."""
        return self._gateway.offset

    # Besides the port.

    @property
    def state(self) -> SourceState:
        """How things stand at this moment."""
        now, gateway, supervisor = self._clock.monotonic(), self._gateway, self._supervisor
        block = supervisor.block(Kind.HISTORICAL)
        return SourceState(
            connected=gateway.connected,
            server_version=gateway.wire.server_version if gateway.wire is not None and gateway.connected else None,
            offset_s=gateway.offset.total_seconds(),
            down=gateway.health.describe(),
            waiting="" if block is None else block.reason,
            reconnects=supervisor.reconnects,
            breaker=supervisor.breaker.state(now),
            breaker_trips=supervisor.breaker.trips_total,
            open_series=tuple(
                f"{symbol} {'options ' if options else ''}{what}"
                for (symbol, options, what), breaker in self._series.items()
                if breaker.opened_at is not None
            ),
            pacer=self.pacer.state,
        )

    @property
    def events(self) -> Sequence[Event]:
        """What happened to the connection, ascending; the last 200."""
        return tuple(self._supervisor.events)

    @property
    def on_event(self) -> Callable[[Event], None] | None:
        """What is called with each event as it happens."""
        return self._supervisor.on_event

    @on_event.setter
    def on_event(self, listener: Callable[[Event], None] | None) -> None:
        self._supervisor.on_event = listener

    async def probe(self, symbol: str, series: Sequence[WhatToShow], span: Span) -> tuple[Permission, ...] | Failure:
        """Ask for every series of an underlying, and these of one of its options, over a session: what may be seen?"""
        underlying = await self.underlying(symbol)
        if isinstance(underlying, Failure):
            return underlying
        asked: list[tuple[Instrument, WhatToShow]] = [(underlying, what) for what in _data_set(underlying).series]
        if series:
            option = await self._some_option(underlying)
            if isinstance(option, Failure):
                return option
            asked += [(option, what) for what in series]
        return tuple([await self._permission(one, what, span) for one, what in asked])

    # Requests.

    async def _define(self, send: Callable[[Any, int], None]) -> Reply | Failure:
        """Ask for definitions; a refusal as unknown is repeated once before it is believed."""
        reply = await self._define_once(send)
        if isinstance(reply, Reply) and reply.end.outcome is Outcome.UNKNOWN_CONTRACT and reply.trusted:
            await self._clock.sleep(_REPEAT_AFTER_S)
            reply = await self._define_once(send)
        return reply

    async def _define_once(self, send: Callable[[Any, int], None]) -> Reply | Failure:
        patience_until = self._clock.monotonic() + self._settings.patience_s
        while True:
            left_s = max(patience_until - self._clock.monotonic(), 0.0)
            failure = await self._supervisor.admit(Kind.DEFINITION, left_s)
            if failure is not None:
                return failure
            async with self.pacer.request("definition") as ticket:
                if self._supervisor.block(Kind.DEFINITION) is not None:
                    continue
                reply = await ask(self._gateway, Kind.DEFINITION, send, self._settings.definition_deadline_s)
                ticket.done(reply.end.outcome or Outcome.BARS, reply.latency_s)
                return reply

    async def _fetch(self, request: HistoricalRequest, priority: int) -> HistoricalOutcome:
        is_repeated = False
        patience_until = self._clock.monotonic() + self._settings.patience_s
        while True:
            left_s = max(patience_until - self._clock.monotonic(), 0.0)
            failure = await self._supervisor.admit(Kind.HISTORICAL, left_s)
            if failure is not None:
                return failure
            outcome = await self._fetch_once(request, priority)
            if outcome is SHORT and not is_repeated:
                is_repeated = True
            elif outcome is not None:
                is_ours = isinstance(outcome, Failure) and outcome.outcome is Outcome.REJECTED and outcome.code is None
                if not is_ours:  # IB was not asked
                    self._supervisor.note(outcome.outcome, outcome.message if isinstance(outcome, Failure) else "")
                return outcome

    async def _fetch_once(
        self, request: HistoricalRequest, priority: int, *, past_the_gate: bool = False
    ) -> HistoricalOutcome | None:
        """Ask once, as soon as the pacer lets it; None when the gate has closed meanwhile."""
        async with self.pacer.request("historical", request, priority) as ticket:
            if self._gateway.is_time_doubtful:
                await self._gateway.ensure_time()
            if not past_the_gate and self._supervisor.block(Kind.HISTORICAL) is not None:
                return None
            # The end of the span is named by the time of sending, not by that of queueing.
            asked = historical.parameters(request, self.now(), self._time.skew)
            if isinstance(asked, Failure):
                return asked
            deadline_s = self._settings.probe_deadline_s if past_the_gate else self._settings.historical_deadline_s
            reply = await ask(self._gateway, Kind.HISTORICAL, historical.sender(request, asked), deadline_s)
            outcome = self._time.concluded(request, asked, reply)
            ticket.done(Outcome.BARS if outcome is SHORT else outcome.outcome, outcome.latency_s)
        # An underlying outlives every option; of options the last one that was answered is the surest to be alive.
        if isinstance(outcome, Answer) and not (
            isinstance(self._known, Underlying) and isinstance(request.instrument, OptionContract)
        ):
            self._known = request.instrument
        return outcome

    async def _probe_connection(self) -> Outcome | None:
        """Ask for a day of an instrument that is known to exist; ahead of all others. None when there is none."""
        if self._known is None or has_expired(self._known, self.now()):
            return None
        request = _last_day(self._known, WhatToShow.TRADES, self.now())
        outcome = await self._fetch_once(request, priority=-1, past_the_gate=True)
        return None if outcome is None else outcome.outcome

    # Series.

    def _refused(self, key: SeriesKey) -> Failure | None:
        """Return a failure at once while the series' breaker is open; half-open, let this one request try."""
        breaker, now = self._series.get(key), self._clock.monotonic()
        if breaker is None:
            return None
        match breaker.state(now):
            case BreakerState.OPEN:
                left_s = (breaker.retry_at or now) - now
                return Failure(
                    Outcome.PERMISSION,
                    f"not asked: {breaker.failures} refusals in a row; tried again in {left_s:.0f} s",
                )
            case BreakerState.HALF_OPEN:
                self._series[key] = breaker.claimed(now)
        return None

    def _record(self, key: SeriesKey, outcome: HistoricalOutcome) -> None:
        """Count refusals of permission; they concern a series as a whole, one symbol's and no other's."""
        if isinstance(outcome, Answer):
            self._series.pop(key, None)
        elif outcome.outcome is Outcome.PERMISSION:
            breaker = self._series.get(key, _SERIES_BREAKER)
            self._series[key] = breaker.failed(self._clock.monotonic())

    # The permissions probe.

    async def _some_option(self, underlying: Underlying) -> OptionContract | Failure:
        """Return a call in the middle of an expiration a week or more away."""
        chain = await self.chain(underlying)
        if isinstance(chain, Failure):
            return chain
        today = self.now().date()
        later = [day for day in chain.expirations if day - today >= _PROBED_EXPIRATION]
        defined = await self.contracts(underlying, later[0] if later else chain.expirations[-1])
        if isinstance(defined, Failure):
            return defined
        if not defined.contracts:
            return Failure(Outcome.UNKNOWN_CONTRACT, f"IB defines no options of {underlying.symbol}")
        return defined.contracts[len(defined.contracts) // 2]

    async def _permission(self, instrument: Instrument, what: WhatToShow, span: Span) -> Permission:
        outcome = await self.historical(HistoricalRequest(instrument, _data_set(instrument), what, span))
        if isinstance(outcome, Failure):
            return Permission(instrument, what, outcome.outcome, outcome.message, outcome.code)
        return Permission(instrument, what, outcome.outcome, "", None, outcome.notices)


def _data_set(instrument: Instrument) -> DataSet:
    """Return the bars that are asked for to learn whether anything comes."""
    return OPTION_BARS_5MIN if isinstance(instrument, OptionContract) else UNDERLYING_BARS_5MIN


def _last_day(instrument: Instrument, what: WhatToShow, now: datetime) -> HistoricalRequest:
    end = _data_set(instrument).slot_of(now)
    return HistoricalRequest(instrument, _data_set(instrument), what, Span(end - _PROBED, end))


def _unknown_contract(outcome: HistoricalOutcome) -> bool:
    return isinstance(outcome, Failure) and outcome.outcome is Outcome.UNKNOWN_CONTRACT


@contextlib.asynccontextmanager
async def connect(
    settings: GatewaySettings,
    pacing: PacingSettings,
    clock: Clock,
    *,
    on_event: Callable[[Event], None] | None = None,
    jitter: random.Random | None = None,
) -> AsyncIterator[IBSource]:
    """Connect to a gateway for the length of a block.

    Args:
        settings: where it is, and how long to wait for what.
        pacing: how fast it may be asked.
        clock: our time.
        on_event: called with what happens to the connection, from the first attempt on.
        jitter: the source of randomness of the back-off; seeded in tests.

    Raises:
        GatewayUnavailable: there is no usable connection; the hint says what to do.
    """
    source = IBSource(settings, pacing, clock, jitter or random.Random())  # noqa: S311 - spreads retries, no secret
    source.on_event = on_event
    try:
        await source.start()
        yield source
    finally:
        await source.stop()


@contextlib.asynccontextmanager
async def opened(settings: Settings, clock: Clock) -> AsyncIterator[IBSource]:
    """Connect to the configured gateway for the length of a block.

    Raises:
        GatewayUnavailable: there is no usable connection; the hint says what to do.
    """
    connection, pacing = settings.gateway, settings.pacing
    async with connect(
        GatewaySettings(
            host=connection.host,
            port=connection.port,
            client_id=connection.client_id,
            connect_timeout_s=connection.connect_timeout_s,
            patience_s=connection.patience_s,
            historical_deadline_s=pacing.request_timeout_s,
            definition_deadline_s=pacing.definition_timeout_s,
            market_data_lines=settings.open_interest.lines,
            tick_deadline_s=settings.open_interest.timeout_s,
        ),
        PacingSettings(
            messages_per_s=pacing.messages_per_s,
            open_requests=pacing.open_requests,
            adaptive=pacing.adaptive,
            start_in_flight=pacing.start_in_flight,
            max_in_flight=pacing.max_in_flight,
            definition_in_flight=pacing.definition_in_flight,
            pause_s=pacing.pause_s,
        ),
        clock,
    ) as source:
        yield source
