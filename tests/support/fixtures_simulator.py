"""Simulator fixtures: a started gateway whose behaviour a test sets by marker."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import ib_async
import pytest

from collector.clock import Clock, SystemClock
from collector.clock.virtual_time import VirtualTimeLoop
from collector.simulator.launch import start
from collector.simulator.server import Gateway

T = TypeVar("T")

AFTER_THE_CLOSE = datetime(2026, 11, 20, 17, 0, tzinfo=ZoneInfo("America/New_York"))
"""Friday: contracts that expire today are still there, every product has closed."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "gateway(scenarios=[...], at=datetime, seed=7, **settings): how the simulated gateway behaves"
    )


def _marked(request: pytest.FixtureRequest) -> dict[str, Any]:
    marker = request.node.get_closest_marker("gateway")
    return {} if marker is None else dict(marker.kwargs)


@pytest.fixture
def gateway_clock(request: pytest.FixtureRequest) -> SystemClock:
    """Real pace, shifted to 17:00 New York of 2026-11-20, or to the marker's `at`."""
    return SystemClock(_marked(request).get("at", AFTER_THE_CLOSE))


@pytest.fixture
async def gateway(request: pytest.FixtureRequest, gateway_clock: Clock) -> AsyncIterator[Gateway]:
    """A started simulated gateway on `gateway_clock`, seed 7, as the marker says."""
    settings = _marked(request)
    settings.pop("at", None)
    started = await start(clock=gateway_clock, **settings)
    yield started
    await started.stop()


class GatewayClient(ib_async.IB):
    """The real client, which also remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.RaiseRequestErrors = True
        self.told: list[tuple[int, int, str]] = []
        self.errorEvent += lambda req_id, code, text, _: self.told.append((req_id, code, text))

    def codes(self) -> list[int]:
        """Return the codes that came, in order."""
        return [code for _, code, _ in self.told]

    def say(self, *fields: object) -> None:
        """Send a message of these fields, whatever ib_async thinks of it."""
        self.client.sendMsg("".join(f"{field}\0" for field in fields))

    async def history(
        self,
        contract: ib_async.Contract,
        what_to_show: str = "TRADES",
        end: str = "",
        duration: str = "1 D",
        format_date: int = 2,
        wait_s: float = 5,
    ) -> ib_async.BarDataList:
        """Ask for 5-minute bars."""
        return await self.reqHistoricalDataAsync(
            contract, end, duration, "5 mins", what_to_show, False, format_date, timeout=wait_s
        )


@pytest.fixture
def virtual_run() -> Callable[[Callable[[], Coroutine[Any, Any, T]]], T]:
    """Return a runner of coroutine functions on a fresh VirtualTimeLoop: `virtual_run(main)`."""

    def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            return runner.run(main())

    return run
