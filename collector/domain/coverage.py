"""What a definite answer justifies: which slots become covered, which settled, which are called empty."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from collector.domain.answers import Answer, HistoricalRequest
from collector.domain.instruments import Instrument, OptionContract
from collector.domain.sessions import Session
from collector.domain.spans import Spans

NEW_YORK = ZoneInfo("America/New_York")
"""The zone of the exchange."""


@dataclass(frozen=True, slots=True)
class Justified:
    """What one answer says of sessions, each part exactly what was asked for, to the close.

    covered: slots that the answer speaks for. settled: of these the final ones, of sessions in which it has a bar.
    negatives: of these the ones of sessions in which it has none; more evidence has to settle them.
    """

    covered: Spans
    settled: Spans
    negatives: Spans


def justified(request: HistoricalRequest, answer: Answer, sessions: Sequence[Session]) -> Justified:
    """Return what an answer justifies.

    Args:
        request: what was asked.
        answer: the definite answer to it.
        sessions: the product's sessions that the request's span touches.
    """
    end = min(request.span.end, answer.covered_until)
    spoken_for = Spans.of(request.span.start, end)
    covered, settled, negatives = Spans(), Spans(), Spans()
    for session in sessions:
        part = spoken_for & Spans((session.span,))
        covered |= part
        if not any(session.open <= bar.time < session.close for bar in answer.bars):
            negatives |= part
        elif answer.sent_at > session.settles_at:
            settled |= part
    return Justified(covered, settled, negatives)


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
