"""Settings of symbols, selection, series, repair and rotation.

The sections that say what is collected: `symbols:`, `selection:`, `series:`, `repair:`, `rotation:`.
"""

import json
from datetime import time, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from collector.config.section import Days, Section, TimeOfDay
from collector.domain.coverage.nearness import Nearness
from collector.domain.coverage.selection import ByDistance, ByRegime, Regime, Rule
from collector.domain.market_data.data_sets import (
    DATA_SETS,
    OPTION_BARS_5MIN,
    UNDERLYING_BARS_5MIN,
    DataSet,
    InstrumentKind,
)
from collector.domain.market_data.instruments import WhatToShow

Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9 .]{0,11}$")]
"""IB's symbol of an underlying, in capitals."""


class RegimeSource(StrEnum):
    """Whose implied volatility chooses the regime."""

    UNDERLYING = "underlying"
    VIX = "vix"


class IvRegime(Section):
    """How wide the strikes are chosen while the underlying's implied volatility is below a bound.

    below: upper bound of the volatility as a fraction of 1, exclusive; None has no bound and stands last.
    band: strikes within ± this fraction of the spot. min_strikes: at least so many per expiration, nearest first.
    """

    below: float | None = Field(default=None, gt=0)
    band: float = Field(gt=0, le=5)
    min_strikes: int = Field(ge=1)


class SelectionSettings(Section):
    """Which contracts of the chains are collected.

    horizon_days: expirations at most so many calendar days ahead. regimes: ascending by `below`, the last without.
    near_band: "near the money" of the intraday windows, ± fraction of the spot. near_days: expirations at most so
    many calendar days ahead count there. regime_source: whose volatility chooses the regime: the underlying's own, or
    the VIX (which stands for SPY's; without it the underlying's own is taken).
    """

    horizon_days: int = Field(default=35, ge=0, le=1100)
    regimes: tuple[IvRegime, ...] = (
        IvRegime(below=0.20, band=0.15, min_strikes=11),
        IvRegime(below=0.40, band=0.25, min_strikes=21),
        IvRegime(band=0.35, min_strikes=31),
    )
    near_band: float = Field(default=0.05, gt=0, le=5)
    near_days: int = Field(default=7, ge=0, le=1100)
    regime_source: RegimeSource = RegimeSource.UNDERLYING

    @field_validator("regimes")
    @classmethod
    def _ascending(cls, regimes: tuple[IvRegime, ...]) -> tuple[IvRegime, ...]:
        if not regimes or regimes[-1].below is not None:
            raise ValueError("the last regime should have no `below`: it is the one for everything else")
        bounds = [regime.below for regime in regimes[:-1]]
        if any(bound is None for bound in bounds) or any(a >= b for a, b in pairwise(bounds) if a and b):
            raise ValueError("`below` should ascend from regime to regime, and be missing only in the last")
        return regimes

    def rule(self) -> Rule:
        """Return the rule by which contracts are chosen: the one place that knows which one it is."""
        return ByRegime(
            tuple(
                Regime(None if one.below is None else _exactly(one.below), _exactly(one.band), one.min_strikes)
                for one in self.regimes
            )
        )

    def nearness(self) -> Nearness:
        """Return what counts as near: in scope of the intraday windows, and asked for in every session."""
        return Nearness(self.near_days, ByDistance(_exactly(self.near_band)))


def _exactly(fraction: float) -> Decimal:
    """Return the number that was written: 0.15, not the binary fraction next to it."""
    return Decimal(str(fraction))


_LONGEST_LOOKBACK_DAYS = 60
"""IB keeps quotes of options for some 65 days."""
_MINUTE = timedelta(minutes=1)
_TOO_EARLY = time(12, 30)
"""A product that closes then on full days would close at the open, 09:30, where the exchange closes at 13:00."""


class RotationSettings(Section):
    """One multi-day request every few sessions for contracts that neither expire soon nor lie near the money.

    every_sessions: how many sessions one request covers; five is a week, IB's most. What is soon and near:
    `near_days` and `near_band` of the selection.
    """

    enabled: bool = False
    every_sessions: int = Field(default=3, ge=2, le=5)


class SymbolSettings(Section):
    """One underlying, and what is different for it; None takes the general setting.

    close: the regular close of its options, New York, where the built-in table is wrong. series: of its options.
    data_sets: names of the kinds of bars that are collected for it; None: all. retention_days: how long its bars are
    kept, longer than they can be repaired.
    """

    symbol: Symbol
    close: TimeOfDay | None = None
    series: tuple[WhatToShow, ...] | None = None
    data_sets: tuple[str, ...] | None = None
    retention_days: Days | None = None
    horizon_days: int | None = Field(default=None, ge=0, le=1100)
    regimes: tuple[IvRegime, ...] | None = None
    near_band: float | None = Field(default=None, gt=0, le=5)
    near_days: int | None = Field(default=None, ge=0, le=1100)
    regime_source: RegimeSource | None = None
    rotation: RotationSettings | None = None

    @field_validator("symbol", mode="before")
    @classmethod
    def _capitals(cls, symbol: object) -> object:
        return symbol.strip().upper() if isinstance(symbol, str) else symbol

    @field_validator("series", "data_sets", mode="before")
    @classmethod
    def _split(cls, names: object) -> object:
        return split_names(names)

    @field_validator("series")
    @classmethod
    def _of_options(cls, series: tuple[WhatToShow, ...] | None) -> tuple[WhatToShow, ...] | None:
        return None if series is None else check_series(series)

    @field_validator("data_sets")
    @classmethod
    def _collected(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if names is None else check_data_sets(names)

    @field_validator("retention_days")
    @classmethod
    def _beyond_repairs(cls, days: int | None) -> int | None:
        if days is not None and days <= _LONGEST_LOOKBACK_DAYS:
            raise ValueError(f"should be more than {_LONGEST_LOOKBACK_DAYS}, as far back as repairs reach")
        return days

    @field_validator("close")
    @classmethod
    def _close_ends_a_slot(cls, close: time | None) -> time | None:
        if close is None:
            return None
        slot = OPTION_BARS_5MIN.bar_size
        if timedelta(minutes=close.minute, seconds=close.second, microseconds=close.microsecond) % slot:
            size = f"{slot // _MINUTE}-minute"
            raise ValueError(f"{close} ends no {size} bar; write the close on the {size} grid, such as 16:00 or 16:15")
        if close <= _TOO_EARLY:
            raise ValueError(
                f"{close:%H:%M} leaves early-close days, three hours shorter, without a session after the open at 09:30"
                "; write the close of a full day in New York, such as 16:00 or 16:15"
            )
        return close

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was written
        return {"symbol": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _regimes_fit(self) -> Self:
        self.selection(SelectionSettings())
        return self

    def selection(self, general: SelectionSettings) -> SelectionSettings:
        """Return the general selection with this symbol's differences."""
        own = {key: getattr(self, key) for key in SelectionSettings.model_fields}
        return type(general)(**{**dict(general), **{key: value for key, value in own.items() if value is not None}})


def split_names(given: object) -> object:
    """Take one comma-separated string, as the environment or an option gives it, for a list."""
    return [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given


def split_symbols(given: object) -> object:
    """Take for a list what the environment or an option gives: names separated by commas, or a list in JSON."""
    if not isinstance(given, str) or not given.lstrip().startswith("["):
        return split_names(given)
    try:
        return json.loads(given)
    except json.JSONDecodeError as exc:
        raise ValueError('should be names separated by commas, or JSON such as [{"symbol": "SPY"}]') from exc


def check_series(series: tuple[WhatToShow, ...]) -> tuple[WhatToShow, ...]:
    """Refuse series that IB has not for options, repeats and an empty list."""
    for name in series:
        if name not in OPTION_BARS_5MIN.series:
            raise ValueError(f"{name} is no series of an option; choose among {', '.join(OPTION_BARS_5MIN.series)}")
    if not series or len(set(series)) != len(series):
        raise ValueError("should name each series once, and at least one")
    return series


UNDERLYING_SIZES = {one.size: one for one in DATA_SETS if one.kind is InstrumentKind.UNDERLYING}
"""The sizes in which bars of underlyings can be had, and their data sets."""


def check_sizes(sizes: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse sizes of underlyings' bars that there are none of, repeats, and a list without what all else needs."""
    for size in sizes:
        if size not in UNDERLYING_SIZES:
            raise ValueError(f"{size} is no size of an underlying's bars; choose among {', '.join(UNDERLYING_SIZES)}")
    if len(set(sizes)) != len(sizes) or UNDERLYING_BARS_5MIN.size not in sizes:
        raise ValueError(f"should name each size once, and {UNDERLYING_BARS_5MIN.size}: selection and Greeks need it")
    return sizes


def collected(sizes: tuple[str, ...]) -> tuple[DataSet, ...]:
    """Return the data sets that are collected: of options, and of underlyings in some sizes."""
    return OPTION_BARS_5MIN, *(data_set for size, data_set in UNDERLYING_SIZES.items() if size in sizes)


def check_data_sets(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse data sets that are not there, repeats, an empty list, and options without their underlying."""
    known = {one.name: one for one in DATA_SETS}
    for name in names:
        if name not in known:
            raise ValueError(f"{name} is no data set; choose among {', '.join(known)}")
    if not names or len(set(names)) != len(names):
        raise ValueError("should name each data set once, and at least one")
    if OPTION_BARS_5MIN.name in names and UNDERLYING_BARS_5MIN.name not in names:
        raise ValueError(
            f"{OPTION_BARS_5MIN.name} needs {UNDERLYING_BARS_5MIN.name} beside it: strikes are chosen by the price of"
            " the underlying, and its bars tell that a time has come"
        )
    return names


class EvidenceSettings(Section):
    """When an empty answer is believed. no_bid_usd: an ask up to this, USD, makes an empty BID no surprise."""

    no_bid_usd: Decimal = Field(default=Decimal("0.05"), ge=0, le=10)


class RepairSettings(Section):
    """How what is missing is made good.

    late_night_sessions: how many sessions back late_night asks for all that is not settled; of earlier ones it asks for
    open gaps and due dead letters. lookback_days: how long a missed eod is still caught up, calendar days (IB keeps
    quotes of options for some 65). resample_share: share of settled requests that late_night asks for once more to
    find late corrections, fraction of 1.
    """

    late_night_sessions: int = Field(default=5, ge=1, le=60)
    lookback_days: int = Field(default=45, ge=1, le=_LONGEST_LOOKBACK_DAYS)
    resample_share: float = Field(default=0.001, ge=0, le=0.1)
