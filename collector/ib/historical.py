"""Translate historical requests and their replies.

From the domain's words to IB's parameters, and from IB's reply to one outcome.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from collector.domain.market_data.answers import Answer, Failure, HistoricalOutcome, HistoricalRequest, Outcome
from collector.domain.market_data.data_sets import DAY, DataSet
from collector.ib.bar_translation import MalformedBars, bars
from collector.ib.contracts import contract_of
from collector.ib.wire_requests import Reply

WITHHELD = timedelta(minutes=30)
"""With notice 2188 this much before the sending may be missing or cut short."""

TAIL_WITHHELD_CODE = 2188

_DAY_S = 86400
_YEAR_DAYS = 365
"""IB takes no longer duration in days; its years are those of the calendar, no shorter."""
_SHORTEST_S = 30
_UNDERWAY_S = 120
"""Added to a duration that ends now: IB counts back from its own now, which is later than ours by the second that its
clock is rounded down by and the time that the message waits and travels; without it the first bar would be lost."""
_SKEW_ALLOWED = timedelta(seconds=_UNDERWAY_S / 2)


class Parameters(NamedTuple):
    """What IB is asked with. end: "" for now, else UTC as YYYYMMDD-HH:MM:SS. duration: a number and S, D or Y."""

    end: str
    duration: str


def complete_until(data_set: DataSet, instant: datetime) -> datetime:
    """Return up to where bars that IB sends at an instant may be complete: the end of a slot.

    Of bars of a day the instant itself: they are complete when their session has closed, which IB does not tell.
    """
    return instant if data_set.bar_size >= DAY else data_set.slot_of(instant)


def parameters(request: HistoricalRequest, now: datetime, skew: timedelta = timedelta(0)) -> Parameters | Failure:
    """Return IB's words for a request that is sent at `now` by IB's clock; a failure where there are none.

    A span longer than the data set allows would be cut silently. One that has not begun holds nothing: a clock was set
    since the request was planned.

    The end is left open whenever the last 24 hours hold the span: an explicit end was reported 30 times slower, and
    bars outside the span are dropped anyway. A series that ends now is never given one: IB refuses it. Days are
    sessions to IB, the one of the end included, so one more than the span is long reaches its start wherever in the day
    it lies.

    Args:
        request: what is asked for.
        now: IB's time.
        skew: how far IB's own now was ahead of that clock lately (see `TellingTime`): so much longer an open-ended
            request must be to reach the span's start.
    """
    span, longest, ends_now = request.span, request.data_set.longest_request, request.what_to_show.ends_now
    if span.duration > longest and not ends_now:
        most = "a day" if longest == DAY else f"{longest.days} days"
        return Failure(Outcome.REJECTED, f"not asked: a request spans {most} at most, not {span.duration}")
    if span.start >= now:
        return Failure(
            Outcome.REJECTED,
            f"not asked: by IB's clock it is {now:%Y-%m-%d %H:%M} UTC and {span.start:%Y-%m-%d %H:%M} has not begun;"
            " a clock was set",
        )
    lag = skew if skew > _SKEW_ALLOWED else timedelta(0)
    since_start_s = int((now + lag - span.start).total_seconds()) + _UNDERWAY_S
    if ends_now or span.end >= request.data_set.slot_of(now) or since_start_s <= _DAY_S:
        return Parameters("", _duration(since_start_s))
    return Parameters(f"{span.end.astimezone(UTC):%Y%m%d-%H:%M:%S}", _duration(int(span.duration.total_seconds())))


def _duration(seconds: int) -> str:
    if seconds <= _DAY_S:
        return f"{max(seconds, _SHORTEST_S)} S"
    days = -(-seconds // _DAY_S) + 1
    return f"{days} D" if days <= _YEAR_DAYS else f"{-(-days // _YEAR_DAYS)} Y"


def sender(request: HistoricalRequest, asked: Parameters) -> Callable[[Any, int], None]:
    """Return what sends the request through ib_async's client."""
    contract = contract_of(request.instrument)

    def send(client: Any, req_id: int) -> None:  # noqa: ANN401 - ib_async is untyped
        client.reqHistoricalData(
            req_id,
            contract,
            asked.end,
            asked.duration,
            request.data_set.size,
            request.what_to_show.value,
            # useRTH: bars of a day are of regular hours, as everybody knows them; others of the whole day, for regular
            # hours end at 16:00 also where a product trades on.
            int(request.data_set.bar_size >= DAY),
            2,  # formatDate: epoch seconds; bars of a day bear their date all the same
            False,
            [],
        )

    return send


def conclude(request: HistoricalRequest, reply: Reply, skew: timedelta = timedelta(0)) -> HistoricalOutcome:
    """Return the one outcome of a reply.

    Bars are definite. "No data" is definite only if IB was healthy from sending to answer. An answer speaks for the
    slots that were complete when it was sent, and with notice 2188 for those that were half an hour earlier. Coverage
    ends on the grid: a slot covered in part would be settled without its bar.

    Args:
        request: what was asked for.
        reply: what came.
        skew: how far IB's own now is ahead of the gateway's clock; where it is behind, it counts.
    """
    sent_at = reply.sent_at + min(skew, timedelta(0))
    told = sent_at - WITHHELD if TAIL_WITHHELD_CODE in reply.notices else sent_at
    covered_until = complete_until(request.data_set, told)
    if reply.end.outcome is None:
        if not reply.rows:
            return Failure(Outcome.UNKNOWN, "an empty answer without a reason", latency_s=reply.latency_s)
        try:
            found = bars(reply.rows, request.data_set, request.what_to_show, request.span, covered_until)
        except MalformedBars as exc:
            return Failure(Outcome.UNKNOWN, f"malformed answer: {exc}", latency_s=reply.latency_s)
        if not found and not reply.trusted:
            return Failure(Outcome.FARM_DOWN, "no bars, while IB is disturbed", latency_s=reply.latency_s)
    elif reply.end.outcome is Outcome.NO_DATA and reply.trusted:
        found = ()
    else:
        return reply.failure()
    return Answer(found, covered_until, sent_at, reply.answered_at, reply.notices, reply.latency_s)
