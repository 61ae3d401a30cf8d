"""Properties of the pacer under random interleavings: ceilings, slots, fairness; and the rules for small bars."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.clock.virtual_time import VirtualClock
from collector.domain.market_data.answers import HistoricalRequest, Outcome
from collector.domain.market_data.data_sets import UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.spans import Span
from collector.ib.pacing import Kind, Pacer, PacingSettings
from tests.benchmarks.pacing_runs import in_virtual_time

START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


def fullest(times: list[float], window_s: float) -> int:
    """Count the fullest closed window of this length, by looking at every one that begins with an event."""
    return max((sum(start <= at <= start + window_s for at in times) for start in times), default=0)


class Traffic:
    """Requests of random kind, length, end and cancellation through one pacer, with all that leaves on record."""

    def __init__(self, clock: VirtualClock, pacing: PacingSettings, seed: int) -> None:
        self.clock, self.pacing, self.draw = clock, pacing, random.Random(seed)
        self.pacer = Pacer(pacing, clock)
        self.sent: list[float] = []
        self.open: Counter[str] = Counter()
        self.most_open: Counter[str] = Counter()
        self.paused: list[tuple[float, float]] = []
        self.asked: list[float] = []
        self.ended = 0

    async def request(self) -> None:
        """Ask once; a time-out and a cancelled task send their cancel message."""
        kind: Kind = "definition" if self.draw.random() < 0.25 else "historical"
        outcome = self.draw.choices([*Outcome], [60, 20, 3, 0.3, *[1] * (len(Outcome) - 4)])[0]
        latency_s = self.draw.choice((0.0, 0.01, 0.3, 2.0, 8.0))
        async with self.pacer.request(kind, priority=self.draw.choice((0, 0, 1))) as ticket:
            self.asked.append(self.clock.monotonic())
            self.sent.append(self.clock.monotonic())
            self.open[kind] += 1
            self.most_open[kind] = max(self.most_open[kind], self.open[kind])
            try:
                await self.clock.sleep(latency_s)
                if outcome is Outcome.TIME_OUT:
                    await self.cancel_message()
                if self.draw.random() < 0.02:
                    raise ConnectionError
                ticket.done(outcome, latency_s)
            except asyncio.CancelledError:
                await self.cancel_message()
                raise
            finally:
                self.open[kind] -= 1
        self.ended += 1

    async def cancel_message(self) -> None:
        """Send a cancel."""
        await self.pacer.message()
        self.sent.append(self.clock.monotonic())

    async def disturb(self, tasks: list[asyncio.Task[None]]) -> None:
        """Cancel tasks and pause at random moments until all has ended."""
        while not all(task.done() for task in tasks):
            await self.clock.sleep(self.draw.choice((0.0, 0.02, 0.5, 3.0)))
            victim = self.draw.choice(tasks)
            if self.draw.random() < 0.5:
                victim.cancel()
            elif self.draw.random() < 0.1:
                now, seconds = self.clock.monotonic(), self.draw.choice((0.5, 5.0))
                self.pacer.pause(seconds, "test")
                self.paused.append((now, now + seconds))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    messages_per_s=st.sampled_from([1, 3, 10, 40]),
    open_requests=st.integers(1, 45),
    adaptive=st.booleans(),
)
def test_ceilings_hold_and_no_slot_is_lost(seed: int, messages_per_s: int, open_requests: int, adaptive: bool) -> None:
    """Under cancellations, failures and pauses no ceiling is passed, all others end, and the pacer ends empty."""
    pacing = PacingSettings(
        messages_per_s=messages_per_s, open_requests=open_requests, adaptive=adaptive, start_in_flight=7, pause_s=5
    )

    async def scenario(clock: VirtualClock) -> None:
        traffic = Traffic(clock, pacing, seed)
        tasks = [asyncio.create_task(traffic.request()) for _ in range(150)]
        disturber = asyncio.create_task(traffic.disturb(tasks))
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await disturber
        assert {type(end) for end in ends} <= {type(None), ConnectionError, asyncio.CancelledError}
        assert fullest(traffic.sent, 1.0) <= messages_per_s
        assert traffic.most_open["historical"] <= open_requests
        assert traffic.most_open["definition"] <= 2
        assert not [at for at in traffic.asked for since, until in traffic.paused if since < at < until]
        assert traffic.pacer.state.in_flight == 0
        last = clock.monotonic()
        slots = [asyncio.create_task(traffic.request()) for _ in range(traffic.pacer.limit)]
        await asyncio.gather(*slots, return_exceptions=True)
        assert clock.monotonic() - last < 60 + len(slots) / messages_per_s

    in_virtual_time(scenario)


def test_nobody_starves() -> None:
    """With new requests coming all the time, each of equal priority leaves in order of arrival."""
    left: list[int] = []

    async def scenario(clock: VirtualClock) -> None:
        pacer = Pacer(PacingSettings(adaptive=False, open_requests=3), clock)

        async def one(number: int) -> None:
            async with pacer.request("historical") as ticket:
                left.append(number)
                await clock.sleep(1 + number % 3)
                ticket.done(Outcome.BARS, 1)

        tasks = []
        for number in range(100):
            tasks.append(asyncio.create_task(one(number)))
            await clock.sleep(0.1)
        await asyncio.gather(*tasks)

    in_virtual_time(scenario)
    assert left == list(range(100))


def test_the_more_urgent_goes_first() -> None:
    """A request of lower priority number passes those that wait."""
    left: list[int] = []

    async def scenario(clock: VirtualClock) -> None:
        pacer = Pacer(PacingSettings(adaptive=False, open_requests=1), clock)

        async def one(priority: int) -> None:
            async with pacer.request("historical", priority=priority):
                left.append(priority)
                await clock.sleep(1)

        await asyncio.gather(*(one(priority) for priority in (5, 3, 4, 1, 2)))

    in_virtual_time(scenario)
    assert left == [5, 1, 2, 3, 4]


def test_definitions_do_not_wait_for_historical_requests() -> None:
    """A full historical lane leaves contract details their own two slots."""

    async def scenario(clock: VirtualClock) -> None:
        pacer = Pacer(PacingSettings(adaptive=False, open_requests=1), clock)
        async with pacer.request("historical"):
            waiting = asyncio.create_task(_hold(pacer))
            async with asyncio.timeout(1), pacer.request("definition"), pacer.request("definition"):
                assert pacer.state.in_flight == 1
            waiting.cancel()

    in_virtual_time(scenario)


async def _hold(pacer: Pacer) -> None:
    async with pacer.request("historical"):
        pass


def test_a_pacing_error_pauses_everything_but_cancels() -> None:
    """After a pacing error no request leaves for a minute, cancels do, and the number in flight is halved."""

    async def scenario(clock: VirtualClock) -> None:
        pacer = Pacer(PacingSettings(start_in_flight=8), clock)
        async with pacer.request("historical") as ticket:
            await clock.sleep(1)
            ticket.done(Outcome.PACING, 1)
        began = clock.monotonic()
        assert (pacer.limit, pacer.state.rate_limit_hits, pacer.state.pauses) == (4, 1, 1)
        assert pacer.state.pause_reason == "pacing error"
        await pacer.message()
        assert clock.monotonic() == began
        async with pacer.request("historical"):
            assert clock.monotonic() == pytest.approx(began + 60, abs=0.01)
        assert pacer.state.paused_s == 0

    in_virtual_time(scenario)


def test_an_endless_pause_ends_on_resume() -> None:
    """A pause without a length lasts until somebody ends it."""

    async def scenario(clock: VirtualClock) -> None:
        pacer = Pacer(PacingSettings(), clock)
        pacer.pause(float("inf"), "farm down")
        waiting = asyncio.create_task(_hold(pacer))
        await clock.sleep(500)
        assert not waiting.done()
        pacer.resume()
        await waiting
        assert clock.monotonic() == 500

    in_virtual_time(scenario)


def test_the_state_tells_rate_latencies_and_time_outs() -> None:
    """Twenty requests of a second, one after the other: one a second, and the latencies that were reported."""

    async def scenario(clock: VirtualClock) -> None:
        pacer = Pacer(PacingSettings(), clock)
        for number in range(20):
            async with pacer.request("historical") as ticket:
                await clock.sleep(1)
                ticket.done(Outcome.TIME_OUT if number == 7 else Outcome.BARS, 1 if number < 17 else 3)
        state = pacer.state
        assert state.requests_per_s == pytest.approx(1.0)
        assert (state.latency_p50_s, state.latency_p95_s) == (1, 3)
        assert (state.time_outs, state.rate_limit_hits, state.pauses, state.in_flight) == (1, 0, 0, 0)

    in_virtual_time(scenario)


def test_off_keeps_forty_five_in_flight_at_any_rate() -> None:
    """Without pacing the messages are not limited, but the open requests are."""

    async def scenario(clock: VirtualClock) -> None:
        pacer = Pacer(PacingSettings.off(), clock)
        most = 0

        async def one() -> None:
            nonlocal most
            async with pacer.request("historical"):
                most = max(most, pacer.state.in_flight)
                await clock.sleep(0.01)

        await asyncio.gather(*(one() for _ in range(900)))
        assert clock.monotonic() == pytest.approx(900 / 45 * 0.01, abs=0.01)
        assert most == 45

    in_virtual_time(scenario)


@pytest.mark.parametrize("name", ["messages_per_s", "open_requests", "start_in_flight", "definition_in_flight"])
def test_settings_below_one_are_refused(name: str) -> None:
    """Nothing could ever be asked."""
    with pytest.raises(ValueError, match=name):
        replace(PacingSettings(), **{name: 0})  # type: ignore[arg-type] # the name varies, the value fits each


# Small bars: IB's own figures.


def small_bar_times(requests: list[HistoricalRequest], bar_size_s: int) -> list[float]:
    """Return when each of these requests, all wanted at once, left; by their order here."""
    left: dict[int, float] = {}

    async def scenario(clock: VirtualClock) -> None:
        pacer = Pacer(PacingSettings(adaptive=False), clock)
        small = replace(UNDERLYING_BARS_5MIN, bar_size=timedelta(seconds=bar_size_s))

        async def one(number: int, request: HistoricalRequest) -> None:
            async with pacer.request("historical", key=replace(request, data_set=small)) as ticket:
                left[number] = clock.monotonic()
                ticket.done(Outcome.BARS, 0.0)

        await asyncio.gather(*(one(number, request) for number, request in enumerate(requests)))

    in_virtual_time(scenario)
    return [left[number] for number in range(len(requests))]


def wanted(con_id: int, hour: int = 0, what_to_show: WhatToShow = WhatToShow.TRADES) -> HistoricalRequest:
    """Return a request for an hour of an underlying."""
    start = START + timedelta(hours=hour)
    underlying = Underlying(symbol=f"S{con_id}", source_id=con_id)
    return HistoricalRequest(underlying, UNDERLYING_BARS_5MIN, what_to_show, Span(start, start + timedelta(hours=1)))


def test_small_bars_at_most_sixty_in_ten_minutes() -> None:
    """Of 130 requests for 30-second bars sixty leave at once, sixty after ten minutes, ten after twenty."""
    times = small_bar_times([wanted(con_id) for con_id in range(1, 131)], 30)
    assert fullest(times, 600.0) == 60
    assert max(times) == pytest.approx(1200, abs=5)


def test_small_bars_at_most_five_of_a_series_in_two_seconds() -> None:
    """Six or more requests for one contract and series within 2 s break IB's rule; another series does not count."""
    times = small_bar_times([wanted(1, hour) for hour in range(12)], 5)
    assert fullest(times, 2.0) == 5
    assert max(times) == pytest.approx(4, abs=0.5)
    both = [wanted(1, hour, series) for hour in range(5) for series in (WhatToShow.BID, WhatToShow.ASK)]
    assert max(small_bar_times(both, 5)) < 1


def test_small_bars_identical_requests_fifteen_seconds_apart() -> None:
    """The same request again waits 15 s, and does not hold others up."""
    times = small_bar_times([wanted(1), wanted(1), wanted(1), wanted(2)], 30)
    assert sorted(times[:3]) == pytest.approx([0, 15, 30], abs=0.1)
    assert times[3] < 1


def test_larger_bars_are_free_of_the_rules() -> None:
    """Five-minute bars: two hundred requests for one series leave at the message ceiling."""
    assert max(small_bar_times([wanted(1)] * 200, 300)) == pytest.approx(5, abs=0.2)


def test_larger_bars_are_free_of_the_rules_beside_small_ones() -> None:
    """Each request is paced by its own bars: those of five minutes do not wait for the sixty of 30 seconds."""
    left: list[float] = []

    async def scenario(clock: VirtualClock) -> None:
        pacer = Pacer(PacingSettings(adaptive=False), clock)
        small = replace(UNDERLYING_BARS_5MIN, bar_size=timedelta(seconds=30))

        async def one(request: HistoricalRequest) -> None:
            async with pacer.request("historical", key=request) as ticket:
                if request.data_set is UNDERLYING_BARS_5MIN:
                    left.append(clock.monotonic())
                ticket.done(Outcome.BARS, 0.0)

        requests = [wanted(con_id) for con_id in range(1, 101)]
        await asyncio.gather(*(one(replace(request, data_set=small)) for request in requests), *map(one, requests))

    in_virtual_time(scenario)
    assert len(left) == 100
    assert max(left) < 10
