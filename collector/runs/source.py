"""The port of market-data sources.

Interactive Brokers implements it; a second broker will, as a sibling of `collector.ib`. Runs and jobs know no source by
name: `collector.app.sources` chooses one.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from collector.clock import Clock
from collector.domain.market_data.answers import (
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
from collector.domain.market_data.instruments import OptionContract, Underlying, WhatToShow
from collector.domain.market_data.spans import Span
from collector.domain.pacing.pace import Pace


class MarketDataSource(Protocol):
    """A market-data source. No method raises for what the source says or fails to say: it returns a Failure.

    Only cancellation of the caller and programming errors leave as exceptions.
    """

    def now(self) -> datetime:
        """Return the source's time (as measured, gone on by our monotonic clock), aware UTC; never ahead of it."""

    async def measure(self) -> None:
        """Measure the source's time again; where it does not answer, its time goes on as it was."""

    @property
    def seen_until(self) -> datetime | None:
        """Start of the latest bar of any underlying (stock, ETF) that the source has ever sent; None before the first.

        It proves that this time has come, whatever the clocks say.
        """

    @property
    def pace(self) -> Pace:
        """How fast the source is being asked at this moment."""

    @property
    def connected(self) -> bool:
        """Whether it can be asked at this moment."""

    @property
    def offset(self) -> timedelta:
        """The source's clock less ours, as measured last."""

    async def underlying(self, symbol: str) -> Underlying | Failure:
        """Define a stock or ETF by its symbol; UNKNOWN_CONTRACT when the source does not know it."""

    async def index(self, symbol: str) -> Underlying | Failure:
        """Define an index by its symbol: its levels can be asked for, it has no chain."""

    async def chain(self, underlying: Underlying) -> ChainParameters | Failure:
        """Return the expirations and strikes that may exist."""

    async def contracts(self, underlying: Underlying, expiration: date) -> Definitions | Failure:
        """Return every option contract of one expiration, by strike, then right."""

    async def historical(self, request: HistoricalRequest, priority: int = 0) -> HistoricalOutcome:
        """Fetch the bars of one series over one span; of the requests that wait, the lowest priority goes first."""

    async def open_interest(self, contract: OptionContract) -> OpenInterest | Failure:
        """Return how many of a contract are open, as of the close before the present New York day."""

    async def next_dividend(self, underlying: Underlying) -> NextDividend | Failure:
        """Return the next cash dividend of an underlying as it is known at this moment."""

    async def probe(self, symbol: str, series: Sequence[WhatToShow], span: Span) -> tuple[Permission, ...] | Failure:
        """Ask for every series of an underlying, and these of one of its options, over a session: what may be seen?"""


class NoSource:
    """Stands for the source where a window asks for nothing; every question gets the same Failure.

    Args:
        clock: gives its time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failure = Failure(Outcome.DISCONNECTED, "this window asks for nothing")

    def now(self) -> datetime:
        """Return our own time."""
        return self._clock.now()

    async def measure(self) -> None:
        """Do nothing: our own time needs no measuring."""

    @property
    def seen_until(self) -> None:
        """Nothing was ever sent."""

    @property
    def pace(self) -> Pace:
        """Nothing is asked."""
        return Pace()

    @property
    def connected(self) -> bool:
        """Nothing can be asked."""
        return False

    @property
    def offset(self) -> timedelta:
        """Its time is ours."""
        return timedelta(0)

    async def underlying(self, symbol: str) -> Failure:  # noqa: ARG002 - the port's signature
        """Return the failure."""
        return self._failure

    async def index(self, symbol: str) -> Failure:  # noqa: ARG002
        """Return the failure."""
        return self._failure

    async def chain(self, underlying: Underlying) -> Failure:  # noqa: ARG002
        """Return the failure."""
        return self._failure

    async def contracts(self, underlying: Underlying, expiration: date) -> Failure:  # noqa: ARG002
        """Return the failure."""
        return self._failure

    async def historical(self, request: HistoricalRequest, priority: int = 0) -> Failure:  # noqa: ARG002
        """Return the failure."""
        return self._failure

    async def open_interest(self, contract: OptionContract) -> Failure:  # noqa: ARG002
        """Return the failure."""
        return self._failure

    async def next_dividend(self, underlying: Underlying) -> Failure:  # noqa: ARG002
        """Return the failure."""
        return self._failure

    async def probe(self, symbol: str, series: Sequence[WhatToShow], span: Span) -> Failure:  # noqa: ARG002
        """Return the failure."""
        return self._failure
