"""IB's time: what its gateway told, gone on by our monotonic clock, measured again when it is doubtful."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.clock.virtual_time import VirtualClock
from collector.domain.market_data.answers import Outcome
from collector.ib.connection.gateway import Gateway, GatewaySettings
from collector.ib.connection.wire_client import End, Kind, Pending
from collector.ib.pacing import Pacer, PacingSettings
from collector.ib.wire_requests import Reply, ask

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


class ToldWire:
    """A wire whose gateway tells a time that a test sets; a request ends when the test says so."""

    connected = True
    client = None

    def __init__(self, clock: VirtualClock) -> None:
        self.by, self.fails, self.asked = timedelta(0), False, 0
        self._clock, self._origin = clock, clock.monotonic()
        self.pending = Pending(1, Kind.HISTORICAL, asyncio.get_running_loop().create_future())

    async def current_time(self, timeout_s: float) -> int:
        """Return the time, which passes as the loop's does, whatever is set."""
        self.asked += 1
        if self.fails:
            await self._clock.sleep(timeout_s)
            raise TimeoutError
        passed = timedelta(seconds=self._clock.monotonic() - self._origin)
        return int((NOON + passed + self.by).timestamp())

    def begin(self, _kind: Kind) -> Pending:
        """Return the one request."""
        return self.pending

    def forget(self, _pending: Pending) -> None:
        """Forget it."""


async def made() -> tuple[Gateway, ToldWire, VirtualClock]:
    """Return a gateway that was measured at noon."""
    clock = VirtualClock(NOON)
    gateway, wire = Gateway(GatewaySettings(), clock, Pacer(PacingSettings.off(), clock)), ToldWire(clock)
    gateway.wire = wire  # type: ignore[assignment]  # stands for it
    await gateway.measure(1.0)
    return gateway, wire, clock


@pytest.mark.parametrize("step", [sign * hours * HOUR for hours in (0.1, 2, 9) for sign in (-1, 1)], ids=str)
def test_a_step_of_our_clock_changes_nothing_and_is_noticed(virtual_run: Run, step: timedelta) -> None:
    """It is measured again, once, although the gateway's time never moved."""

    async def main() -> None:
        gateway, wire, clock = await made()
        assert not gateway.is_time_doubtful
        clock.set(clock.now() + step)
        assert gateway.now() == NOON
        assert gateway.offset == -step
        assert gateway.is_time_doubtful
        await asyncio.gather(*(gateway.ensure_time() for _ in range(5)))
        assert wire.asked == 2
        assert not gateway.is_time_doubtful

    virtual_run(main)


def test_it_is_measured_again_after_three_minutes(virtual_run: Run) -> None:
    """And in any case when a run begins; smooth corrections of our clock below a second do not matter."""

    async def main() -> None:
        gateway, wire, clock = await made()
        clock.set(clock.now() + timedelta(seconds=0.9))
        await clock.sleep(179)
        await gateway.ensure_time()
        assert wire.asked == 1
        assert gateway.trusted_for_s == pytest.approx(1)
        await clock.sleep(1)
        await gateway.ensure_time()
        assert wire.asked == 2
        await gateway.ensure_time(anew=True)
        assert wire.asked == 3

    virtual_run(main)


def test_a_gateway_that_does_not_answer_is_not_asked_without_end(virtual_run: Run) -> None:
    """Its time goes on by our monotonic clock, and the next attempt is some seconds away."""

    async def main() -> None:
        gateway, wire, clock = await made()
        wire.fails = True
        clock.set(NOON + HOUR)
        await asyncio.gather(*(gateway.ensure_time() for _ in range(5)))
        assert wire.asked == 2
        assert gateway.now() == NOON + timedelta(seconds=10)
        assert not gateway.is_time_doubtful
        await clock.sleep(10)
        assert gateway.is_time_doubtful

    virtual_run(main)


@pytest.mark.parametrize(("step", "sent_at"), [(-2 * HOUR, NOON - 2 * HOUR), (2 * HOUR, NOON)], ids=["back", "forward"])
def test_an_answer_in_flight_is_concluded_by_the_earlier_time(
    virtual_run: Run, step: timedelta, sent_at: datetime
) -> None:
    """The gateway's clock is set between sending and answer: set back, it was too fast before."""

    async def main() -> None:
        gateway, wire, clock = await made()
        replies: list[Reply] = []

        async def asked() -> None:
            replies.append(await ask(gateway, Kind.HISTORICAL, lambda _client, _id: None, 60.0))

        task = asyncio.create_task(asked())
        await clock.sleep(5)
        wire.by = step
        await gateway.ensure_time(anew=True)
        wire.pending.end(End(Outcome.NO_DATA, "nothing", 162))
        await task
        assert replies[0].sent_at == sent_at
        assert replies[0].answered_at == NOON + step + timedelta(seconds=5)

    virtual_run(main)
