"""Judge bars before they are stored.

Judging what IB answered before it is stored: impossible bars to the quarantine, suspicious ones flagged.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import lt

from collector.config.greeks_settings import QualitySettings
from collector.db.bars import greeks_columns as greeks_store
from collector.db.bars.bar_tables import InstrumentAnswers, SeriesAnswer
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection.pool import Statements
from collector.domain.market_data import checksums
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.bars import SCALE, Bar, whole
from collector.domain.market_data.instruments import OptionContract, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans
from collector.domain.quality.flags import SlotFlag
from collector.domain.quality.quality_rules import (
    Quarantined,
    SpotRange,
    Tolerances,
    all_possible,
    impossible,
    option_flags,
    underlying_flags,
)


def examined(
    answers: InstrumentAnswers,
    sessions: Sequence[Session],
    spots: Mapping[datetime, SpotRange] | None = None,
    settings: QualitySettings | None = None,
) -> InstrumentAnswers:
    """Judge the answers for one instrument: only possible bars are left, with flags; the others are in quarantine.

    The three series of an option are compared with each other where they were answered together. The slot of a
    quarantined bar is refused: neither covered nor settled, unless the answer has another bar for it, which is true.

    Args:
        answers: what IB answered, on its way to `db.bars.store`.
        sessions: the product's sessions that were asked about.
        spots: the underlying's range by slot (`spots_of`); bounds are checked where it is known.
        settings: tolerances; None: the defaults.
    """
    tolerances, data_set = tolerances_of(settings or QualitySettings()), answers.data_set
    kept: dict[WhatToShow, SeriesAnswer] = {}
    quarantined: list[Quarantined] = []
    for what, answer in answers.series.items():
        kept[what] = answer
        if not all_possible(answer.bars, data_set, what, sessions):
            kept[what], bad = _refused(answers, what, sessions)
            quarantined += bad
    bars: dict[WhatToShow, tuple[Bar, ...]] = {what: _ascending(answer.bars) for what, answer in kept.items()}
    if isinstance(answers.instrument, OptionContract):
        flags = option_flags(answers.instrument, bars, spots or {}, tolerances)
    else:
        flags = underlying_flags(bars, tolerances)
    merged = {at: answers.flags.get(at, 0) | flags.get(at, 0) for at in answers.flags.keys() | flags.keys()}
    requests = tuple(_checked(record, bars.get(record.what_to_show, ())) for record in answers.requests)
    return replace(answers, series=kept, flags=merged, requests=requests, quarantined=tuple(quarantined))


def _checked(record: RequestRecord, bars: Sequence[Bar]) -> RequestRecord:
    """Add to the record of a request the checksum of those of a series' bars that it asked for."""
    own = [bar for bar in bars if bar.time in record.span] if record.outcome is Outcome.BARS else []
    return replace(record, checksum=checksums.of_bars(record.data_set, record.what_to_show, own)) if own else record


def _refused(
    answers: InstrumentAnswers, what: WhatToShow, sessions: Sequence[Session]
) -> tuple[SeriesAnswer, list[Quarantined]]:
    """Return what is left of a series without the bars that cannot be true, and these."""
    answer, data_set = answers.series[what], answers.data_set
    reasons = [(bar, impossible(bar, data_set, what, sessions)) for bar in answer.bars]
    good = tuple(bar for bar, reason in reasons if reason is None)
    bad = [Quarantined(data_set, what, bar, reason) for bar, reason in reasons if reason is not None]
    bad = [replace(one, sent_at=_sent_at(answers, one), final=one.slot in answer.settled) for one in bad]
    true = {bar.time for bar in good}
    slots = Spans(Span(one.slot, one.slot + data_set.bar_size) for one in bad if one.slot not in true) & answer.covered
    left = replace(
        answer,
        bars=good,
        covered=answer.covered - slots,
        settled=answer.settled - slots,
        refused=answer.refused | slots,
    )
    return left, bad


def _sent_at(answers: InstrumentAnswers, one: Quarantined) -> datetime | None:
    """Return when the request was sent that brought a bar; the latest of several that may have."""
    asked = (r for r in answers.requests if r.what_to_show is one.what_to_show and one.bar.time in r.span)
    return max((request.sent_at for request in asked), default=None)


async def spots_of(db: Statements, underlying_id: int, sessions: Iterable[Session]) -> dict[datetime, SpotRange]:
    """Return the underlying's stored range by slot, without slots in which it is doubted itself."""
    found: dict[datetime, SpotRange] = {}
    for session in sessions:
        for level in await greeks_store.levels(db, underlying_id, session):
            if not level.flags & SlotFlag.TRADE_JUMP:
                found[level.time] = SpotRange(round(level.low * SCALE), round(level.high * SCALE))
    return found


def tolerances_of(settings: QualitySettings) -> Tolerances:
    """Return the configured tolerances; those that are no setting are the defaults."""
    return replace(
        Tolerances(),
        off_quotes=whole(str(settings.off_quotes_usd)),
        off_quotes_share=settings.off_quotes_share,
        spread_times=settings.spread_times,
        spread=whole(str(settings.spread_usd)),
        spread_share=settings.spread_share,
        underlying_share=settings.underlying_share,
        volatility_share=settings.volatility_share,
    )


def _ascending(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    """Return bars by time, the later of two for one slot: answers to several requests may overlap."""
    times = [bar.time for bar in bars]
    if all(map(lt, times, times[1:])):
        return tuple(bars)
    return tuple(one for _, one in sorted({bar.time: bar for bar in bars}.items()))
