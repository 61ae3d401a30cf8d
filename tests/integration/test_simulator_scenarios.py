"""The scenarios, in virtual time: what a client sees of each, and that one that persists gets everything."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ib_async
import pytest

from collector.clock.virtual_time import VirtualClock
from collector.simulator import start
from collector.simulator.request_log import Kind
from collector.simulator.scenarios import SCENARIOS, Scenario, mix, named
from collector.simulator.server import Gateway
from tests.support.fixtures_simulator import AFTER_THE_CLOSE, GatewayClient

Run = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]
SESSION = (datetime(2026, 11, 20, 5, 0, tzinfo=UTC), datetime(2026, 11, 21, 5, 0, tzinfo=UTC))
SPY = ib_async.Contract(conId=756733, exchange="SMART")
HEALING = [name for name in SCENARIOS if named(name).heals and not named(name).lies]
HOLES = [
    "silent-hole:for_s=600",
    "silent-hole-everywhere:for_s=20",
    "silent-hole:scope=symbol,for_s=900",
    "silent-hole:scope=contract,at_request=2,for_s=1500",
    "silent-hole:scope=series,at_request=2,for_s=1500,seed=3",
]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Keep ib_async's report of every provoked error out of the test's log."""
    for name in ("ib_async.wrapper", "ib_async.client", "ib_async.ib", "ib_async.Decoder"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


async def started(*scenarios: Scenario | str) -> tuple[Gateway, VirtualClock]:
    """Start a gateway on virtual time at 17:00 New York."""
    clock = VirtualClock(AFTER_THE_CLOSE)
    return await start(clock=clock, scenarios=scenarios), clock


async def connected(gateway: Gateway) -> GatewayClient:
    """Return a connected client."""
    client = GatewayClient()
    await client.connectAsync(gateway.host, gateway.port, clientId=11, readonly=True)
    return client


class Persistent:
    """A client that asks until it has everything: the least that the collector will have to do."""

    def __init__(self, gateway: Gateway, clock: VirtualClock) -> None:
        self._gateway, self._clock = gateway, clock
        self._client = GatewayClient()
        self._silences = 0
        self.got: dict[tuple[int, str], list[ib_async.BarData]] = {}

    async def collect(self, wanted: Sequence[tuple[int, str]], at_once: int = 5) -> None:
        """Ask for all, a few at once, until each has been answered with bars."""
        queue = list(wanted)
        while queue:
            await self._connect()
            batch, queue = queue[:at_once], queue[at_once:]
            answers = await asyncio.gather(*(self._ask(*one) for one in batch), return_exceptions=True)
            if all(isinstance(answer, BaseException) for answer in answers):
                await self._clock.sleep(5.0)
            for one, answer in zip(batch, answers, strict=True):
                if isinstance(answer, BaseException):
                    queue.append(one)
                else:
                    self.got[one] = answer
        self._client.disconnect()

    async def _ask(self, con_id: int, what_to_show: str) -> list[ib_async.BarData]:
        contract = ib_async.Contract(conId=con_id, exchange="SMART")
        bars = list(await self._client.history(contract, what_to_show, wait_s=20))
        if not bars:
            self._silences += 1
            raise TimeoutError(con_id)
        self._silences = 0
        return bars

    async def _connect(self) -> None:
        if self._silences >= 6:
            self._client.disconnect()
            await self._clock.sleep(1.0)
            self._silences = 0
        while not self._client.isConnected():
            self._client = GatewayClient()
            try:
                await self._client.connectAsync(
                    self._gateway.host, self._gateway.port, clientId=11, timeout=4, readonly=True
                )
            except (OSError, TimeoutError, asyncio.CancelledError):
                await self._clock.sleep(7.0)


async def converge(scenarios: Sequence[Scenario]) -> tuple[Gateway, VirtualClock]:
    """Collect a few contracts from a gateway with scenarios and compare every bar with the truth."""
    gateway, clock = await started(*scenarios)
    options = gateway.market.options("SPY", date(2026, 11, 20))
    spot = gateway.market.truth(756733, "TRADES", SESSION)[-1].close
    near = sorted(options, key=lambda option: abs(option.strike - spot))[:10]
    wanted = [(option.con_id, series) for option in near for series in ("TRADES", "BID")]
    client = Persistent(gateway, clock)
    async with asyncio.timeout(4 * 3600):
        await client.collect(wanted)
    for (con_id, series), bars in client.got.items():
        unique = {bar.date: (bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars}
        truth = gateway.market.truth(con_id, series, SESSION)
        assert unique == {bar.time: tuple(map(float, bar[1:6])) for bar in truth}
    await gateway.stop()
    assert gateway.log.violations == []
    assert gateway.log.open_now == 0
    return gateway, clock


@pytest.mark.parametrize("name", [*HEALING, *HOLES])
def test_a_persistent_client_gets_everything(virtual_run: Run, name: str) -> None:
    """Each healing scenario alone ends with the truth, without a ceiling exceeded."""
    virtual_run(lambda: converge([named(name)]))


@pytest.mark.parametrize("seed", range(40))
def test_mixes_converge(virtual_run: Run, seed: int) -> None:
    """So does any mix of them."""
    virtual_run(lambda: converge(mix(seed)))


def test_the_same_seed_gives_the_same_run(virtual_run: Run) -> None:
    """Two runs of a mix see the same requests end in the same way."""

    def outcomes() -> list[tuple[int, str]]:
        gateway, _ = virtual_run(lambda: converge(mix(5)))
        return [(entry.con_id, entry.outcome) for entry in gateway.log.historical]

    assert outcomes() == outcomes()


def test_an_unknown_scenario_is_named() -> None:
    """The error lists those that exist."""
    with pytest.raises(KeyError, match="nightly-restart"):
        named("nightly-restrat")


def test_options_can_be_written() -> None:
    """A name may carry options, as on a command line."""
    scenario = named("farm-down:at_request=3,for_s=2.5,farms=historical+market")
    assert (scenario._at_request, scenario.for_s, scenario._farms) == (3, 2.5, ("historical", "market"))  # type: ignore[attr-defined]


def test_a_farm_goes_down_and_comes_back(virtual_run: Run) -> None:
    """Clients hear 2105 and 2106; in between every answer goes astray."""

    async def main() -> None:
        gateway, clock = await started("farm-down:at_request=2,for_s=30")
        client = await connected(gateway)
        assert len(await client.history(SPY)) == 81
        begun = clock.monotonic()
        for _ in range(8):
            answer = await asyncio.gather(client.history(SPY, wait_s=2), return_exceptions=True)
            assert isinstance(answer[0], ib_async.wrapper.RequestError) or not answer[0]
        await clock.sleep(30 - (clock.monotonic() - begun) + 0.1)
        assert [code for code in client.codes() if 2100 <= code < 2200] == [2104, 2106, 2158, 2105, 2106]
        assert {code for code in client.codes() if code < 1000} <= {162, 200, 366}
        assert len(await client.history(SPY)) == 81
        client.disconnect()
        await gateway.stop()

    virtual_run(main)


@pytest.mark.parametrize(("name", "code"), [("link-lost", 1102), ("link-lost-subscriptions", 1101)])
def test_the_link_is_lost_and_restored(virtual_run: Run, name: str, code: int) -> None:
    """A burst of 1100, then 1102 or 1101, then the farms; the socket stays."""

    async def main() -> None:
        gateway, clock = await started(f"{name}:at_request=1,for_s=40,farms_after_s=3")
        client = await connected(gateway)
        await asyncio.gather(client.history(SPY, wait_s=5), return_exceptions=True)
        await clock.sleep(60)
        codes = client.codes()
        assert codes.count(1100) == 3
        assert codes.index(1100) < codes.index(2105) < codes.index(code)
        assert codes[-3:] == [2104, 2106, 2158]
        assert client.isConnected()
        client.disconnect()
        await gateway.stop()

    virtual_run(main)


def test_the_nightly_restart_refuses_connections_for_a_while(virtual_run: Run) -> None:
    """The socket closes, the port refuses for 89 s, and the same port answers afterwards."""

    async def main() -> None:
        gateway, clock = await started("nightly-restart:at_request=1,for_s=89,farms_after_s=5")
        client = await connected(gateway)
        with pytest.raises(ConnectionError):
            await client.history(SPY, wait_s=30)
        refused = 0
        while True:
            client = GatewayClient()
            try:
                await client.connectAsync(gateway.host, gateway.port, clientId=11, timeout=2, readonly=True)
            except ConnectionRefusedError:
                refused += 1
                await clock.sleep(10)
            else:
                break
        assert refused == 9
        assert not await client.history(SPY, wait_s=3)
        await clock.sleep(3)
        assert len(await client.history(SPY)) == 81
        client.disconnect()
        await gateway.stop()

    virtual_run(main)


def test_a_late_answer_follows_the_cancel(virtual_run: Run) -> None:
    """After the client's cancel the bars still come, as IB's do; ib_async then refills the list it gave back."""

    async def main() -> None:
        gateway, clock = await started("late-answers:hits=1,share=1")
        client = await connected(gateway)
        bars = await client.history(SPY, wait_s=3)
        assert not bars
        await clock.sleep(1)
        assert len(bars) == 81
        assert gateway.log.historical[0].cancelled_at is not None
        client.disconnect()
        await gateway.stop()

    virtual_run(main)


def test_a_withheld_tail_is_announced(virtual_run: Run) -> None:
    """Notice 2188 comes first, and the last 20 minutes are missing."""

    async def main() -> None:
        gateway, clock = await started("withheld-tail:hits=1,share=1,minutes=60")
        client = await connected(gateway)
        bars = await client.history(SPY)
        newest = bars[-1].date
        assert isinstance(newest, datetime)
        assert timedelta(minutes=60) <= clock.now() - newest <= timedelta(minutes=65)
        assert 2188 in client.codes()
        client.disconnect()
        await gateway.stop()

    virtual_run(main)


def test_half_open_connections_say_nothing(virtual_run: Run) -> None:
    """Not even the time is answered any more, while a new connection works."""

    async def main() -> None:
        gateway, _ = await started("half-open:at_request=1")
        client = await connected(gateway)
        assert not await client.history(SPY, wait_s=3)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reqCurrentTimeAsync(), 30)
        assert client.isConnected()
        client.disconnect()
        await asyncio.sleep(0.1)
        again = await connected(gateway)
        assert len(await again.history(SPY)) == 81
        again.disconnect()
        await gateway.stop()

    virtual_run(main)


def test_values_are_revised_in_time(virtual_run: Run) -> None:
    """Before the moment the old values come, after it some others, and the truth follows."""

    async def main() -> None:
        gateway, clock = await started("revised-values:after_s=60,share=0.3")
        client = await connected(gateway)
        before = list(await client.history(SPY))
        await clock.sleep(61)
        after = list(await client.history(SPY))
        changed = [old.date for old, new in zip(before, after, strict=True) if old != new]
        assert 5 <= len(changed) < 60
        truth = gateway.market.truth(756733, "TRADES", SESSION)
        assert [bar.close for bar in after] == [float(bar.close) for bar in truth]
        client.disconnect()
        await gateway.stop()

    virtual_run(main)


def test_permission_can_be_refused_for_one_series(virtual_run: Run) -> None:
    """Only the series named is refused, and only so often."""

    async def main() -> None:
        gateway, _ = await started("no-permission:hits=2,share=1,series=BID+ASK,symbols=SPY+TSLA")
        client = await connected(gateway)
        answers = [
            await asyncio.gather(client.history(SPY, series), return_exceptions=True)
            for series in ("TRADES", "BID", "ASK", "BID")
        ]
        assert [isinstance(answer[0], ib_async.wrapper.RequestError) for answer in answers] == [
            False,
            True,
            True,
            False,
        ]
        assert [entry.outcome for entry in gateway.log.historical] == ["bars", "error 162", "error 162", "bars"]
        client.disconnect()
        await gateway.stop()

    virtual_run(main)


def test_three_strikes_end_the_connection(virtual_run: Run) -> None:
    """Where the gateway is so set, the third second of too many messages is the last."""

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        gateway = await start(clock=clock, three_strikes=True)
        client = await connected(gateway)
        client.client.MaxRequests = 0
        for _ in range(3):
            assert client.isConnected()
            for _ in range(60):
                client.say(49, 1)
            await clock.sleep(1.1)
        assert not client.isConnected()
        assert client.codes().count(100) >= 3
        await gateway.stop()

    virtual_run(main)


def test_capacity_bounds_the_throughput(virtual_run: Run) -> None:
    """Twenty in flight get five answers a second from a gateway of that capacity."""

    async def main() -> None:
        gateway, clock = await started("capacity:per_s=5.0,jitter=0.0")
        client = await connected(gateway)
        begun = clock.monotonic()
        await asyncio.gather(*(client.history(SPY, wait_s=60) for _ in range(20)))
        assert clock.monotonic() - begun == pytest.approx(4.0, abs=0.1)
        assert len(gateway.log.of(Kind.HISTORICAL)) == 20
        client.disconnect()
        await gateway.stop()

    virtual_run(main)
