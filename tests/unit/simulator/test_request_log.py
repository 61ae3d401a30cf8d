"""The request log: open counts, rates, violations."""

from datetime import UTC, datetime

from collector.simulator.request_log import Kind, LagMeter, RateMeter, Request, RequestLog

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


def _request(number: int, kind: Kind = Kind.HISTORICAL) -> Request:
    return Request(number=number, req_id=number, kind=kind, client_id=1, received_at=NOW)


def test_the_fifty_first_open_request_is_a_violation() -> None:
    """Fifty are open without complaint; one more is refused and recorded."""
    log = RequestLog()
    admitted = [log.open(_request(n)) for n in range(51)]
    assert admitted == [True] * 50 + [False]
    assert log.max_open == 51
    assert [(one.ceiling, one.value) for one in log.violations] == [("open", 51)]


def test_a_request_is_closed_once() -> None:
    """Only the first end counts, and it frees one slot."""
    log = RequestLog()
    entry = _request(1)
    log.open(entry)
    log.close(entry, "cancelled", NOW)
    log.close(entry, "bars", NOW)
    assert (entry.outcome, entry.cancelled_at, entry.answered_at, log.open_now) == ("cancelled", NOW, None, 0)


def test_definitions_do_not_count_as_open_history() -> None:
    """Contract details are logged but take none of the fifty slots."""
    log = RequestLog()
    log.open(_request(1, Kind.CONTRACT_DETAILS))
    assert log.open_now == 0
    assert log.historical == []
    assert [entry.number for entry in log.of(Kind.CONTRACT_DETAILS)] == [1]


def test_rate_counts_a_rolling_second() -> None:
    """A message leaves the count exactly one second after it came."""
    meter = RateMeter()
    assert [meter.add(at) for at in (0.0, 0.5, 0.999, 1.0, 1.6)] == [1, 2, 3, 3, 3]


def test_lag_is_what_was_lost_in_the_last_second() -> None:
    """Late beats add up, an overdue one counts at once, and all is forgotten after a second."""
    meter = LagMeter()
    assert meter.lately(5.0) == 0.0
    meter.expect(10.0)
    meter.beat(10.25)
    meter.expect(10.5)
    assert meter.lately(10.5) == 0.25
    assert meter.lately(10.75) == 0.5
    meter.beat(10.5)
    meter.expect(12.0)
    assert meter.lately(11.5) == 0.0
