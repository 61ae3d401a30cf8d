"""The controller of the number in flight: what it does on errors, silence and little demand."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.market_data.answers import Outcome
from collector.domain.pacing.concurrency import AdaptiveConcurrency, FixedConcurrency


def at_rest(limit: int) -> AdaptiveConcurrency:
    """Return a controller that begins at this number."""
    return AdaptiveConcurrency(start=limit, ceiling=45)


def answer(controller: AdaptiveConcurrency, seconds: Iterator[float], count: int, latency_s: float = 0.5) -> int:
    """Report answers with everything in flight in use; return the last number."""
    for _ in range(count):
        controller.completed(next(seconds), Outcome.BARS, latency_s, controller.limit)
    return controller.limit


def clock(step_s: float = 0.1) -> Iterator[float]:
    """Yield moments ten seconds and more after the origin."""
    now = 10.0
    while True:
        yield now
        now += step_s


def test_a_fixed_number_never_changes() -> None:
    """Whatever happens, it stays."""
    assert FixedConcurrency(45).completed(0, Outcome.PACING, 1, 45) == 45


def test_a_pacing_error_halves_the_number() -> None:
    """The first pacing error halves."""
    assert at_rest(12).completed(10, Outcome.PACING, 0.1, 12) == 6


def test_pacing_errors_of_one_flight_count_once() -> None:
    """What was sent before the back-off says nothing about the number after it."""
    controller = at_rest(12)
    assert [controller.completed(10 + i / 10, Outcome.PACING, 2.0, 12 - i) for i in range(12)] == [6] * 12


def test_pacing_errors_lead_down_to_one_and_no_further() -> None:
    """Each later flight that is refused halves again."""
    controller = at_rest(12)
    assert [controller.completed(10 + 100 * i, Outcome.PACING, 1.0, 1) for i in range(5)] == [6, 3, 1, 1, 1]


def test_the_punished_number_is_not_tried_again_soon() -> None:
    """For ten minutes after a pacing error at 8 the search stays below 8, though more bring more; then it goes on."""
    controller = at_rest(8)
    controller.completed(10, Outcome.PACING, 0.5, 8)
    now, tried_soon, tried_later = 71.0, 0, 0
    while now < 1500:
        controller.completed(now, Outcome.BARS, 0.5, controller.limit)
        now += 0.5 / controller.limit
        if now < 610:
            tried_soon = max(tried_soon, controller.limit)
        tried_later = max(tried_later, controller.limit)
    assert tried_soon == 7
    assert tried_later > 16


def test_time_outs_slow_down() -> None:
    """A flight of which a fifth is lost takes the number down."""
    controller, seconds = at_rest(10), clock()
    answer(controller, seconds, 4)
    limits = [controller.completed(next(seconds), Outcome.TIME_OUT, 0.3, 10) for _ in range(3)]
    assert limits[-1] < 10


def test_a_single_time_out_is_an_accident() -> None:
    """One request lost among many changes nothing."""
    controller, seconds = at_rest(10), clock()
    answer(controller, seconds, 9)
    before = controller.limit
    assert controller.completed(next(seconds), Outcome.TIME_OUT, 0.3, 10) == before


def test_silence_leads_to_one_and_answers_lead_back() -> None:
    """While every request times out the number falls to 1; once there are answers it grows beyond where it was."""
    controller = at_rest(16)
    now = 100.0
    for _ in range(200):
        controller.completed(now, Outcome.TIME_OUT, 60, controller.limit)
        now += 60 / controller.limit
    assert controller.limit == 1
    until = now + 300
    while now < until:
        controller.completed(now, Outcome.BARS, 1.0, controller.limit)
        now += 1.0 / controller.limit
    assert controller.limit >= 16


@pytest.mark.parametrize("outcome", [Outcome.DISCONNECTED, Outcome.FARM_DOWN, Outcome.OTHER_LOGIN])
def test_outages_say_nothing_about_the_number(outcome: Outcome) -> None:
    """What IB could not answer changes nothing."""
    controller = at_rest(9)
    assert [controller.completed(10.0 + i, outcome, 0.5, 9) for i in range(50)] == [9] * 50


def test_little_demand_teaches_nothing() -> None:
    """While two requests at a time are all that is asked for, the number stays."""
    controller, seconds = at_rest(9), clock()
    for _ in range(500):
        controller.completed(next(seconds), Outcome.BARS, 0.2, 2)
    assert controller.limit == 9


@given(seed=st.integers(0, 2**32), start=st.integers(1, 60), ceiling=st.integers(1, 50))
def test_the_number_stays_between_one_and_the_ceiling(seed: int, start: int, ceiling: int) -> None:
    """Whatever it is told, there is always one request in flight allowed and never more than the ceiling."""
    draw = random.Random(seed)
    controller = AdaptiveConcurrency(start, ceiling, 40)
    outcomes = [*[Outcome.BARS] * 30, *Outcome]
    now = 0.0
    for _ in range(600):
        now += draw.choice((0.0, 0.01, 0.5, 70.0))
        latency_s = draw.choice((0.0, 0.05, 0.3, 0.3, 0.4, 20.0))
        limit = controller.completed(now, draw.choice(outcomes), latency_s, draw.randint(1, ceiling))
        assert 1 <= limit <= ceiling
