"""Judging what IB answered before it is stored: impossible bars to the quarantine, suspicious ones flagged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import lt

from collector.config.greeks import QualitySettings
from collector.db import greeks as greeks_store
from collector.db.bars import InstrumentAnswers, SeriesAnswer
from collector.db.pool import Statements
from collector.db.requests import RequestRecord
from collector.domain.bars import Bar
from collector.domain.flags import SlotFlag
from collector.domain.instruments import OptionContract, WhatToShow
from collector.domain.quality import (
    Quarantined,
    SpotRange,
    Tolerances,
    all_possible,
    impossible,
    option_flags,
    underlying_flags,
)
from collector.domain.sessions import Session


@dataclass(frozen=True, slots=True)
class Examined:
    """What the rules left of an instrument's answers.

    answers: the same coverage, only possible bars, with flags. quarantined: the others, with their reasons.
    """

    answers: InstrumentAnswers
    quarantined: tuple[Quarantined, ...] = ()

    def with_requests(self, more: Sequence[RequestRecord]) -> "Examined":
        """Return the same with more requests to be recorded."""
        return replace(self, answers=replace(self.answers, requests=(*self.answers.requests, *more)))


def examined(
    answers: InstrumentAnswers,
    sessions: Sequence[Session],
    spots: Mapping[datetime, SpotRange] | None = None,
    settings: QualitySettings | None = None,
) -> Examined:
    """Judge the answers for one instrument.

    The three series of an option are compared with each other where they were answered together. The slot of a
    quarantined bar stays covered: IB has answered, only not with anything that can be true.

    Args:
        answers: what IB answered, on its way to `db.bars.store`.
        sessions: the product's sessions that were asked about.
        spots: the underlying's range by slot (`spots_of`); bounds are checked where it is known.
        settings: tolerances; None: the defaults.
    """
    tolerances = tolerances_of(settings or QualitySettings())
    kept: dict[WhatToShow, SeriesAnswer] = {}
    quarantined: list[Quarantined] = []
    for what, answer in answers.series.items():
        kept[what] = answer
        if not all_possible(answer.bars, sessions):
            bad = [Quarantined(what, bar, reason) for bar in answer.bars if (reason := impossible(bar, what, sessions))]
            kept[what] = replace(answer, bars=_without(answer.bars, bad))
            quarantined += bad
    bars: dict[WhatToShow, tuple[Bar, ...]] = {what: _ascending(answer.bars) for what, answer in kept.items()}
    if isinstance(answers.instrument, OptionContract):
        flags = option_flags(answers.instrument, bars, spots or {}, tolerances)
    else:
        flags = underlying_flags(bars, tolerances)
    merged = {at: answers.flags.get(at, 0) | flags.get(at, 0) for at in answers.flags.keys() | flags.keys()}
    return Examined(replace(answers, series=kept, flags=merged), tuple(quarantined))


async def spots_of(db: Statements, underlying_id: int, sessions: Iterable[Session]) -> dict[datetime, SpotRange]:
    """Return the underlying's stored range by slot, without slots in which it is doubted itself."""
    found: dict[datetime, SpotRange] = {}
    for session in sessions:
        for level in await greeks_store.levels(db, underlying_id, session):
            if not level.flags & SlotFlag.TRADE_JUMP:
                found[level.time] = SpotRange(level.low, level.high)
    return found


def tolerances_of(settings: QualitySettings) -> Tolerances:
    """Return the configured tolerances; those that are no setting are the defaults."""
    return replace(
        Tolerances(),
        off_quotes_usd=settings.off_quotes_usd,
        off_quotes_share=settings.off_quotes_share,
        spread_times=settings.spread_times,
        spread_usd=settings.spread_usd,
        spread_share=settings.spread_share,
        underlying_share=settings.underlying_share,
        volatility_share=settings.volatility_share,
    )


def _without(bars: Sequence[Bar], bad: Sequence[Quarantined]) -> tuple[Bar, ...]:
    gone = {id(one.bar) for one in bad}
    return tuple(bar for bar in bars if id(bar) not in gone)


def _ascending(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    """Return bars by time, the later of two for one slot: answers to several requests may overlap."""
    times = [bar.time for bar in bars]
    if all(map(lt, times, times[1:])):
        return tuple(bars)
    return tuple(one for _, one in sorted({bar.time: bar for bar in bars}.items()))
