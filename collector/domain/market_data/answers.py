"""Historical requests and the ways in which they end.

A historical request and the ways in which it ends. Each request ends in exactly one of them.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import Instrument, OptionContract, WhatToShow
from collector.domain.market_data.spans import Span


class Outcome(StrEnum):
    """How a request ended. Only the first two say anything about the market."""

    BARS = "bars"
    NO_DATA = "no_data"
    TIME_OUT = "time_out"
    PACING = "pacing"
    PERMISSION = "permission"
    UNKNOWN_CONTRACT = "unknown_contract"
    OTHER_LOGIN = "other_login"
    FARM_DOWN = "farm_down"
    DISCONNECTED = "disconnected"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HistoricalRequest:
    """The bars of one series over one span: [start, end) in UTC on the data set's grid, no longer than it allows."""

    instrument: Instrument
    data_set: DataSet
    what_to_show: WhatToShow
    span: Span


@dataclass(frozen=True, slots=True)
class Answer:
    """A definite answer: bars, or IB's explicit "no data" while its farms were healthy.

    bars: ascending, complete slots only, inside the request's span; empty means "no data", said explicitly.
    covered_until: the answer speaks for the request's slots that were over at this instant.
    sent_at, answered_at: by IB's clock, aware UTC.
    notices: codes of notices that came with the answer (2188: the last minutes are withheld).
    latency_s: seconds between sending and answer, by the monotonic clock.
    seen_until: start of the latest bar of an underlying that the source has ever sent, this answer's own included; it
    proves that this time has come. None: there was none yet.
    """

    bars: tuple[Bar, ...]
    covered_until: datetime
    sent_at: datetime
    answered_at: datetime
    notices: tuple[int, ...] = ()
    latency_s: float = 0.0
    seen_until: datetime | None = None

    @property
    def outcome(self) -> Outcome:
        """Return BARS or NO_DATA."""
        return Outcome.BARS if self.bars else Outcome.NO_DATA


@dataclass(frozen=True, slots=True)
class Failure:
    """Anything else: says nothing about the market, and covers nothing.

    outcome: never BARS nor NO_DATA. code: IB's error code, None where IB said nothing. message: IB's words or ours.
    """

    outcome: Outcome
    message: str
    code: int | None = None
    latency_s: float = 0.0

    def __post_init__(self) -> None:
        if self.outcome in (Outcome.BARS, Outcome.NO_DATA):
            raise ValueError(f"{self.outcome} is not a failure")


HistoricalOutcome: TypeAlias = Answer | Failure


@dataclass(frozen=True, slots=True)
class OpenInterest:
    """How many of a contract are open: told once a day, before the open, as of the close before.

    told_at: by IB's clock, aware UTC. notices: codes that came with it (10167: the account's data is delayed).
    """

    contracts: int
    told_at: datetime
    notices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NextDividend:
    """The next cash dividend of an underlying, as its source told it.

    ex: the first day on which the share trades without it; amount: USD per share; both None when the source says that
    none is known. told_at: by the source's clock, aware UTC. notices: codes that came with it.
    """

    ex: date | None
    amount: Decimal | None
    told_at: datetime
    notices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Permission:
    """How one cheap request for a series ended: BARS and NO_DATA mean that the data may be seen."""

    instrument: Instrument
    what_to_show: WhatToShow
    outcome: Outcome
    message: str
    code: int | None = None
    notices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ChainParameters:
    """What may exist for an underlying: not every combination does. Both ascending."""

    expirations: tuple[date, ...]
    strikes: tuple[Decimal, ...]
    multiplier: int = 100
    trading_class: str = ""


@dataclass(frozen=True, slots=True)
class Definitions:
    """The contracts of one expiration, as IB defines them (empty: IB said that there are none)."""

    contracts: tuple[OptionContract, ...] = field(default=())
