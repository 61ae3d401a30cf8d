"""What a definite answer justifies: which slots become covered, which settled (design §2, §3.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from collector.domain.answers import Answer, HistoricalRequest
from collector.domain.instruments import Instrument, OptionContract
from collector.domain.sessions import Session
from collector.domain.spans import Span, Spans

NEW_YORK = ZoneInfo("America/New_York")
"""The zone of the exchange."""


@dataclass(frozen=True, slots=True)
class Justified:
    """covered: slots of sessions that the answer speaks for. settled: per session the part that is final.

    A settled part that reaches the session's close is extended to the next session's open, so that neighbours merge.
    """

    covered: Spans
    settled: tuple[Span, ...]


def justified(request: HistoricalRequest, answer: Answer, sessions: Sequence[Session]) -> Justified:
    """Return what an answer justifies.

    Args:
        request: what was asked.
        answer: the definite answer to it.
        sessions: the product's sessions that the request's span touches.
    """
    end = min(request.span.end, answer.covered_until)
    spoken_for = Spans.of(request.span.start, end)
    covered = spoken_for & Spans(session.span for session in sessions)
    settled = tuple(
        Span(part.start, session.next_open if part.end == session.close else part.end)
        for session in sessions
        if answer.sent_at > session.settles_at
        for part in covered & Spans((session.span,))
    )
    return Justified(covered, settled)


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
