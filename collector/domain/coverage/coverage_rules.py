"""Derive covered and settled slots from an answer.

What a definite answer justifies: which slots become covered, which settled, which are called empty.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from collector.domain.market_data.answers import Answer, HistoricalRequest
from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import PROOF, DataSet
from collector.domain.market_data.instruments import Instrument, OptionContract
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans

NEW_YORK = ZoneInfo("America/New_York")
"""The zone of the exchange."""


@dataclass(frozen=True, slots=True)
class Justified:
    """What one answer says of sessions, each part exactly what was asked for, to the close.

    bars: what may be kept. covered: slots that the answer speaks for. settled: of these the final ones, of sessions in
    which it has a bar. empty: of the covered ones those of sessions in which it has none. negatives: of the empty ones
    those that would be final; more evidence has to settle them.
    """

    bars: tuple[Bar, ...]
    covered: Spans
    settled: Spans
    empty: Spans
    negatives: Spans


def proven_end(data_set: DataSet, session: Session, seen_until: datetime | None, now: datetime) -> datetime:
    """Return the end of the slots of a session that have certainly happened; the start of its span where none has.

    Clocks may be wrong, the source's own, too; that a bar which starts later was sent cannot be. The last slot, which
    no bar of the session follows, has happened when a bar that starts in its last minutes was sent and the clock is
    past settling.

    Args:
        data_set: whose slots.
        session: the whole session of a product.
        seen_until: start of the latest bar of an underlying that the source has ever sent; None: there was none.
        now: the source's time.
    """
    if seen_until is None:
        return data_set.span(session).start
    # Any bar of a day starts in its only slot: those that prove the time tell more.
    last = session.close - min(data_set.bar_size, PROOF.bar_size)
    if seen_until >= last and now > session.settles_at:
        return data_set.span(session).end
    # The slot in which the latest bar starts may still be running: the proof ends at its start.
    return data_set.ended(session, seen_until)


def proven(data_set: DataSet, sessions: Sequence[Session], seen_until: datetime | None, now: datetime) -> Spans:
    """Return the slots of sessions that have certainly happened; arguments as of `proven_end`."""
    ends = ((data_set.span(one).start, proven_end(data_set, one, seen_until, now)) for one in sessions)
    return Spans(Span(start, end) for start, end in ends if start < end)


def latest(*instants: datetime | None) -> datetime | None:
    """Return the latest of what is known, None when nothing is."""
    return max((instant for instant in instants if instant is not None), default=None)


def justified(
    request: HistoricalRequest, answer: Answer, sessions: Sequence[Session], seen_until: datetime | None = None
) -> Justified:
    """Return what an answer justifies: nothing of slots that are not proven to have happened.

    A session settles when the proof reaches its close and the request was sent late enough: until then IB corrects.

    Args:
        request: what was asked.
        answer: the definite answer to it.
        sessions: the product's whole sessions that the request's span touches.
        seen_until: start of the latest bar of an underlying that was sent, as far as others than the answer know.
    """
    data_set, seen_until = request.data_set, latest(seen_until, answer.seen_until)
    happened = proven(data_set, sessions, seen_until, answer.sent_at)
    told = ((data_set.span(one).start, data_set.ended(one, answer.covered_until)) for one in sessions)
    spoken_for = Spans(Span(start, end) for start, end in told if start < end)
    covered = Spans((request.span,)) & spoken_for & happened
    settled, empty, negatives = list[Span](), list[Span](), list[Span]()
    times = [bar.time for bar in answer.bars]
    for session in sessions:
        span = data_set.span(session)
        part = (covered & Spans((span,))).spans
        # Late enough, for IB corrects after the close; and proven, for by a clock that is fast a session that still
        # goes on would be final.
        final = answer.sent_at > session.settles_at
        final = final and proven_end(data_set, session, seen_until, answer.sent_at) == span.end
        # One bar shows that the series came through: its slots without a bar are the market's silence. Without any,
        # that silence may be the source's (docs/evidence.md).
        if bisect_left(times, span.start) < bisect_left(times, span.end):
            settled += part if final else ()
        else:
            empty += part
            negatives += part if final else ()
    # A bar that starts where the proof ends, or later, may still grow.
    kept = bisect_left(times, happened.hull.end) if happened else 0
    return Justified(answer.bars[:kept], covered, Spans(settled), Spans(empty), Spans(negatives))


def has_expired(instrument: Instrument, now: datetime) -> bool:
    """Return whether IB may already have purged the contract: its expiration day is over in New York.

    From then on nothing empty is definite. On the expiration day itself, also after the close, IB still answers.
    """
    return isinstance(instrument, OptionContract) and now.astimezone(NEW_YORK).date() > instrument.expiration


def is_definite(answer: Answer, instrument: Instrument, *, underlying_traded: bool) -> bool:
    """Return whether an answer may cover anything.

    Bars always may. An explicit "no data" only while the contract lives, and only if the underlying has bars for the
    span: a market that was shut, or a farm that knows nothing, must not look like a quiet option. Farm notices between
    sending and answer are the adapter's business: it gives a Failure for them.
    """
    return bool(answer.bars) or (underlying_traded and not has_expired(instrument, answer.answered_at))
