"""Store answers as they come.

Answers on their way into the database: judged, grouped, and committed together with the coverage they justify.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

import structlog

from collector.clock import Clock
from collector.db.bars import bar_tables as bar_store
from collector.db.bars.bar_tables import InstrumentAnswers, SeriesAnswer
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection.pool import Database
from collector.domain.coverage.coverage_rules import has_expired, is_definite, justified
from collector.domain.errors import DataRefused
from collector.domain.market_data.answers import Answer, Failure, HistoricalRequest, Outcome
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import Instrument, Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Spans
from collector.domain.quality.quality_rules import SpotRange, in_hours
from collector.runs.tally import Tally

_BATCH = 96
"""Instruments a transaction: a few thousand rows, where COPY and upsert are at their best."""
_QUEUED = 192
"""Instruments that may wait for the database before fetching waits too; bounds memory."""
_LAST_TRANSACTION_S = 5.0
"""How long an interrupted run waits for the transaction in hand."""
Answered = tuple[HistoricalRequest, Answer]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sessions:
    """The product sessions of a run by symbol; in which slots the underlying has traded, and at what prices.

    seen_until: start of the latest underlying's bar in the tables; the source has sent it once.
    """

    by_symbol: Mapping[str, Sequence[Session]]
    traded: Mapping[str, Spans]
    spots: Mapping[str, Mapping[datetime, SpotRange]]
    seen_until: datetime | None = None

    def touching(self, request: HistoricalRequest) -> list[Session]:
        """Return the sessions of its symbol that a request touches."""
        return request.data_set.touched(request.span, self.by_symbol.get(request.instrument.symbol, ()))

    def underlying_traded(self, request: HistoricalRequest) -> bool:
        """Return whether the underlying has bars in the part that a request has of every session that it touches."""
        traded = self.traded.get(request.instrument.symbol, Spans()) & Spans((request.span,))
        return all(traded & Spans((session.span,)) for session in self.touching(request))


def judged(
    instrument: Instrument, data_set: DataSet, answered: Sequence[Answered], sessions: Sessions
) -> tuple[InstrumentAnswers, list[HistoricalRequest]]:
    """Return what an instrument's answers justify, and the empty ones that are to be asked for again at once."""
    series: dict[WhatToShow, SeriesAnswer] = {}
    doubtful: list[HistoricalRequest] = []
    records: list[RequestRecord] = []
    for request, whole in answered:
        touched = sessions.touching(request)
        answer = replace(whole, bars=in_hours(whole.bars, data_set, touched))
        traded = isinstance(instrument, Underlying) or sessions.underlying_traded(request)
        if not is_definite(answer, instrument, underlying_traded=traded):
            records.append(answered_record(request, answer))
            if not has_expired(instrument, answer.answered_at):  # asked again another night, not in a minute
                doubtful.append(request)
            continue
        found = justified(request, answer, touched, sessions.seen_until)
        records.append(answered_record(request, answer, found.negatives))
        before = series.get(request.what_to_show)
        series[request.what_to_show] = SeriesAnswer(
            bars=found.bars if before is None else (*before.bars, *found.bars),
            covered=found.covered if before is None else before.covered | found.covered,
            settled=found.settled if before is None else before.settled | found.settled,
            empty=found.empty if before is None else before.empty | found.empty,
        )
    return InstrumentAnswers(instrument, data_set, series, requests=tuple(records)), doubtful


def answered_record(request: HistoricalRequest, answer: Answer, negatives: Spans | None = None) -> RequestRecord:
    """Return the record of a request that was answered; `negatives`: the sessions' parts without any bar."""
    return RequestRecord(
        request.instrument,
        request.data_set,
        request.what_to_show,
        request.span,
        answer.sent_at,
        answer.answered_at,
        answer.outcome,
        message="" if answer.bars else "no data",
        bars=len(answer.bars),
        first_bar=answer.bars[0].time if answer.bars else None,
        negatives=negatives or None,
    )


def failed_record(request: HistoricalRequest, failure: Failure, ended_at: datetime) -> RequestRecord:
    """Return the record of a request that failed at an instant by the source's clock."""
    return RequestRecord(
        request.instrument,
        request.data_set,
        request.what_to_show,
        request.span,
        ended_at - timedelta(seconds=failure.latency_s),
        None if failure.outcome is Outcome.TIME_OUT else ended_at,
        failure.outcome,
        failure.code,
        failure.message,
    )


class Storer:
    """Takes judged answers from a bounded queue and commits them in batches; one transaction a symbol and batch.

    Use as an async context manager: leaving it normally waits until all is stored, by an exception drops what is
    queued (it was never called covered). A database that goes away is waited for (see `Database.patience`); then
    `DatabaseUnavailable` reaches whoever puts next, and the context's exit. `refused` holds the requests whose answers
    the server would not take for their data (one instrument each); the others of their batch are stored.
    """

    def __init__(
        self,
        db: Database,
        run_id: int,
        series_for: Callable[[str], Sequence[WhatToShow]],
        tally: Tally,
        clock: Clock,
        stored: Callable[[], None],
        login: str = "",
    ) -> None:
        self._db, self._run_id, self._series_for, self._tally = db, run_id, series_for, tally
        self._clock, self._stored, self._login = clock, stored, login
        self.refused: list[tuple[HistoricalRequest, Failure]] = []
        self._queue: asyncio.Queue[InstrumentAnswers | None] = asyncio.Queue(_QUEUED)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="storer")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        task = self._task
        if task is None:
            return
        if kind is None:
            await self._put(None)
            await task
        else:
            await self._abandon(task)

    async def _abandon(self, task: "asyncio.Task[None]") -> None:
        """Let the transaction in hand finish; drop what waits in the queue, which was never called covered."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)
        await asyncio.wait({task}, timeout=_LAST_TRANSACTION_S)
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            log.warning("storing_failed_too", error=str(task.exception()))

    async def put(self, answers: InstrumentAnswers) -> None:
        """Queue an instrument's answers; waits while the database is behind.

        Raises:
            DatabaseUnavailable: storing has failed for good.
        """
        await self._put(answers)

    async def _put(self, item: InstrumentAnswers | None) -> None:
        task = self._task
        if task is None:
            raise RuntimeError("the storer has not been entered")
        putting = asyncio.ensure_future(self._queue.put(item))
        await asyncio.wait({putting, task}, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not putting.done():
            putting.cancel()
        if task.done():
            await task

    async def _run(self) -> None:
        finished = False
        while not finished:
            batch = [await self._queue.get()]
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            finished = None in batch
            by_symbol: dict[tuple[str, bool], list[InstrumentAnswers]] = {}
            for item in batch:
                if item is not None:
                    kind = item.instrument.symbol, isinstance(item.instrument, Underlying)
                    by_symbol.setdefault(kind, []).append(item)
            for (symbol, _), answers in by_symbol.items():
                await self._commit(symbol, answers)

    async def _commit(self, symbol: str, batch: Sequence[InstrumentAnswers]) -> None:
        """Store a batch; what the server refuses for its data is halved until one instrument stands alone."""
        series = self._series_for(symbol)
        try:
            # Storing again what was committed after all, when only the reply was lost, changes nothing.
            counts = await self._db.patiently(
                lambda: bar_store.store(self._db, batch, self._run_id, login=self._login, option_series=series)
            )
        except DataRefused as error:
            ids = list(dict.fromkeys(answers.instrument.key for answers in batch))
            if len(ids) == 1:
                self._refuse(batch, error)
                return
            first = set(ids[: len(ids) // 2])
            for half in (True, False):
                await self._commit(symbol, [one for one in batch if (one.instrument.key in first) is half])
            return
        tally = self._tally.of(symbol)
        tally.inserted += counts.inserted
        tally.updated += counts.updated
        tally.identical += counts.identical
        if isinstance(batch[0].instrument, Underlying):
            tally.own_inserted += counts.inserted
            tally.own_updated += counts.updated
            tally.own_identical += counts.identical
        self._tally.quarantined += sum(len(answers.quarantined) for answers in batch)
        self._stored()

    def _refuse(self, batch: Sequence[InstrumentAnswers], error: DataRefused) -> None:
        """Note an instrument whose answers the server refuses; nothing of them is stored."""
        instrument = batch[0].instrument
        failure = Failure(Outcome.REJECTED, f"the database refused the answer: {error.reason}")
        asked = {
            HistoricalRequest(instrument, record.data_set, record.what_to_show, record.span): None
            for answers in batch
            for record in answers.requests
            if record.what_to_show in answers.series
        }
        self.refused.extend((request, failure) for request in asked)
        log.error("answer_refused", instrument=_name(instrument), requests=len(asked), sqlstate=error.sqlstate)


def _name(instrument: Instrument) -> str:
    return instrument.symbol if isinstance(instrument, Underlying) else instrument.occ_symbol
