"""Notice splits by bars that are told anew.

A split changes every earlier bar of an underlying. The oldest sessions and those before what is missing are asked for
once more: where all prices of some have been divided by one factor, what is stored of the history is taken for missing.
"""

import structlog

from collector.db.bars import underlying_bars
from collector.db.bars.bar_tables import InstrumentAnswers
from collector.domain.market_data.adjustments import split_factor
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.spans import Span
from collector.domain.reports.run_report import SplitReport
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished

log = structlog.get_logger()


async def look(answers: InstrumentAnswers, finished: Finished, parts: Parts) -> None:
    """Compare an underlying's answers with what is settled of the same sessions, before they are stored.

    After a split the history counts as missing, with its old values kept; that is noted, and told.
    """
    trades, data_set, underlying = answers.series.get(WhatToShow.TRADES), answers.data_set, answers.instrument
    if trades is None or not trades.bars or not isinstance(underlying, Underlying):
        return
    span = Span(trades.bars[0].time, trades.bars[-1].time + data_set.bar_size)
    stored = await underlying_bars.settled(parts.db, data_set, underlying.id, span)
    factor = split_factor((stored[bar.time], bar) for bar in trades.bars if bar.time in stored)
    if factor is None:
        return
    sessions = await underlying_bars.forget_history(parts.db, data_set, underlying, finished.run_id)
    split = SplitReport(symbol=underlying.symbol, factor=round(factor, 6), sessions=sessions)
    log.warning("split_seen", symbol=split.symbol, factor=split.factor, sessions=split.sessions)
    finished.splits.append(split)
