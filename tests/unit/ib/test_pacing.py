"""The pacer: ceilings, order, pauses, cancellation."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from collector.clock.virtual_time import VirtualClock, VirtualTimeLoop
from collector.domain.market_data.answers import Outcome
from collector.ib.pacing import Pacer, PacingSettings

START = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


def run(scenario: Callable[[VirtualClock], Awaitable[None]]) -> None:
    """Run a scenario in virtual time."""

    async def main() -> None:
        await scenario(VirtualClock(START))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def most_in_a_second(times: list[float]) -> int:
    """Count the fullest closed rolling second, by looking at every one that starts at a message."""
    return max(sum(1 for later in times[i:] if later <= start + 1.0) for i, start in enumerate(times))


def test_never_more_than_the_ceiling_in_any_rolling_second() -> None:
    """A crowd of instant requests leaves at 40 a second, in any second, and at no less."""
    sent: list[float] = []

    async def scenario(clock: VirtualClock) -> None:
        pacer = Pacer(PacingSettings(adaptive=False), clock)

        async def one() -> None:
            async with pacer.request("historical") as ticket:
                sent.append(clock.monotonic())
                await clock.sleep(0.01)
                ticket.done(Outcome.BARS, 0.01)

        await asyncio.gather(*(one() for _ in range(400)))
        assert pacer.state.in_flight == 0

    run(scenario)
    assert most_in_a_second(sent) == 40
    assert sent[-1] - sent[0] == pytest.approx(400 / 40, abs=0.3)


def test_open_requests_stay_below_their_ceiling_in_order_of_arrival() -> None:
    """Long requests fill the slots and no more; the next leaves when one ends, first come first served."""
    order: list[int] = []
    open_now: list[int] = []

    async def scenario(clock: VirtualClock) -> None:
        pacer = Pacer(PacingSettings(adaptive=False, open_requests=7), clock)

        async def one(number: int) -> None:
            async with pacer.request("historical") as ticket:
                order.append(number)
                open_now.append(pacer.state.in_flight)
                await clock.sleep(30)
                ticket.done(Outcome.NO_DATA, 30)

        await asyncio.gather(*(one(number) for number in range(50)))

    run(scenario)
    assert order == list(range(50))
    assert max(open_now) == 7
