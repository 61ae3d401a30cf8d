"""The one port: where market data comes from. Interactive Brokers implements it; a second broker will."""

from datetime import date, datetime
from typing import Protocol

from collector.domain.answers import ChainParameters, Definitions, Failure, HistoricalOutcome, HistoricalRequest
from collector.domain.instruments import Underlying
from collector.domain.pace import Pace


class MarketDataSource(Protocol):
    """A market-data source. No method raises for what the source says or fails to say: it returns a Failure.

    Only cancellation of the caller and programming errors leave as exceptions.
    """

    def now(self) -> datetime:
        """Return the source's time (our clock plus the offset measured at connect), aware UTC."""

    @property
    def pace(self) -> Pace:
        """How fast the source is being asked at this moment."""

    async def underlying(self, symbol: str) -> Underlying | Failure:
        """Define a stock or ETF by its symbol; UNKNOWN_CONTRACT when the source does not know it."""

    async def chain(self, underlying: Underlying) -> ChainParameters | Failure:
        """Return the expirations and strikes that may exist."""

    async def contracts(self, underlying: Underlying, expiration: date) -> Definitions | Failure:
        """Return every option contract of one expiration, by strike, then right."""

    async def historical(self, request: HistoricalRequest) -> HistoricalOutcome:
        """Fetch the bars of one series over one span."""
