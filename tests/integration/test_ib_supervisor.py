"""The supervisor against the simulated gateway's outages, in virtual time over a real socket."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from collector.clock.virtual_time import VirtualClock
from collector.domain.conditions import ConditionKind
from collector.domain.market_data.answers import Answer, Definitions, Failure, HistoricalRequest, Outcome
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, OptionContract, Right, Underlying, WhatToShow
from collector.domain.market_data.spans import Span
from collector.domain.pacing.pace import BreakerState, Pace
from collector.domain.pacing.reactions import delay_s
from collector.ib.connection.gateway import GatewaySettings
from collector.ib.connection.supervisor import Event, EventKind
from collector.ib.ib_source import IBSource, connect
from collector.ib.pacing import PacingSettings
from collector.simulator.launch import start
from collector.simulator.scenarios import Scenario, mix, named
from collector.simulator.server import Gateway
from tests.support.option_days import bar_of

CLOSED = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
SESSION = Span(datetime(2026, 11, 20, 14, 30, tzinfo=UTC), datetime(2026, 11, 20, 21, 0, tzinfo=UTC))
EXPIRATION = date(2026, 11, 20)
RESTORED = "Connectivity between IBKR and Trader Workstation has been restored - data maintained."

Run = Callable[[Callable[[], Coroutine[Any, Any, "Night"]]], "Night"]


@dataclass
class Night:
    """What became of a collection. outcomes: failures on the way, by how they ended; took_s: virtual seconds."""

    gateway: Gateway
    events: Sequence[Event]
    outcomes: list[Outcome]
    took_s: float
    complete: bool

    @property
    def kinds(self) -> list[EventKind]:
        """The kinds of the events, in order."""
        return [event.kind for event in self.events]


async def collected(source: IBSource, gateway: Gateway, clock: VirtualClock, outcomes: list[Outcome]) -> bool:
    """Collect 12 contracts × 3 series, asking again whatever fails; True when all equals the truth."""
    listed = gateway.market.options("PLTR", EXPIRATION)
    middle = len(listed) // 2
    contracts = [
        OptionContract("PLTR", one.con_id, one.expiration, one.strike, Right(one.right))
        for one in listed[middle - 6 : middle + 6]
    ]
    jitter = random.Random(1)

    async def one(contract: OptionContract, what: WhatToShow) -> bool:
        failures = 0
        while True:
            outcome = await source.historical(HistoricalRequest(contract, OPTION_BARS_5MIN, what, SESSION))
            if isinstance(outcome, Answer):
                break
            outcomes.append(outcome.outcome)
            failures += 1
            assert failures < 12, outcome
            await clock.sleep(delay_s(outcome.outcome, 1, jitter) or 5.0)
        truth = gateway.market.truth(contract.source_id, what.value, (SESSION.start, SESSION.end))
        if 2188 in outcome.notices:
            truth = tuple(bar for bar in truth if bar.time < outcome.covered_until)
        return outcome.bars == tuple(bar_of(bar, what) for bar in truth)

    underlying = await _persistently(lambda: source.underlying("PLTR"), clock, outcomes)
    assert isinstance(underlying, Underlying)
    defined = await _persistently(lambda: source.contracts(underlying, EXPIRATION), clock, outcomes)
    assert isinstance(defined, Definitions)
    equal = await asyncio.gather(*(one(contract, what) for contract in contracts for what in OPTION_SERIES))
    return all(equal) and {one.source_id for one in defined.contracts} == {one.con_id for one in listed}


async def _persistently(
    ask: Callable[[], Coroutine[Any, Any, object]], clock: VirtualClock, outcomes: list[Outcome]
) -> object:
    while isinstance(answer := await ask(), Failure):
        outcomes.append(answer.outcome)
        assert len(outcomes) < 50
        await clock.sleep(5.0)
    return answer


def night(run: Run, *scenarios: Scenario, pacing: PacingSettings | None = None, **settings: Any) -> Night:  # noqa: ANN401 - fields of GatewaySettings
    """Collect through the scenarios in virtual time."""

    async def main() -> Night:
        clock = VirtualClock(CLOSED)
        gateway = await start(clock=clock, scenarios=scenarios)
        where = GatewaySettings(port=gateway.port, **settings)
        outcomes: list[Outcome] = []
        began = clock.monotonic()
        async with connect(where, pacing or PacingSettings(), clock, jitter=random.Random(1)) as source:
            complete = await collected(source, gateway, clock, outcomes)
            took_s = clock.monotonic() - began
            events = source.events
            await clock.sleep(1)
            assert gateway.log.open_now == 0
            assert source._gateway.wire is not None
            assert source._gateway.wire.pending == {}
        await gateway.stop()
        return Night(gateway, events, outcomes, took_s, complete)

    return run(main)


@pytest.fixture
def run(virtual_run: Run) -> Run:
    """A runner in virtual time."""
    return virtual_run


def test_an_undisturbed_night(run: Run) -> None:
    """Nothing fails, nothing is repeated, no probe is needed."""
    calm = night(run)
    assert calm.complete
    assert calm.outcomes == []
    assert calm.kinds == [EventKind.CONNECTED]
    assert len(calm.gateway.log.historical) == 36


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("farm-down", {"for_s": 40.0}, {Outcome.FARM_DOWN}),
        ("all-farms-down", {"for_s": 40.0}, {Outcome.FARM_DOWN}),
        ("link-lost", {"for_s": 40.0}, {Outcome.DISCONNECTED, Outcome.FARM_DOWN}),
        ("link-lost-subscriptions", {"for_s": 40.0}, {Outcome.DISCONNECTED, Outcome.FARM_DOWN}),
        ("nightly-restart", {"for_s": 120.0, "farms_after_s": 20.0}, {Outcome.DISCONNECTED}),
        ("half-open", {}, {Outcome.DISCONNECTED, Outcome.TIME_OUT}),
        ("deaf-port", {"for_s": 100.0}, {Outcome.DISCONNECTED, Outcome.TIME_OUT}),
        ("socket-drop", {"at_messages": (10, 25)}, {Outcome.DISCONNECTED}),
        ("socket-reset", {"at_messages": (10, 25)}, {Outcome.DISCONNECTED}),
        ("malformed-length", {"share": 1.0}, {Outcome.DISCONNECTED, Outcome.TIME_OUT}),
    ],
)
def test_each_outage_is_survived(run: Run, name: str, options: dict[str, Any], expected: set[Outcome]) -> None:
    """All ends as the truth; what was under way failed by its own name; no ceiling was exceeded."""
    through = night(run, named(name, **options), named("latency", median_s=0.5))
    assert through.complete
    assert through.outcomes
    assert set(through.outcomes) <= expected
    assert EventKind.RESUMED in through.kinds
    assert through.gateway.log.violations == []
    assert through.took_s < 400


def test_a_broken_definition_farm_is_waited_for(run: Run) -> None:
    """A false 200 while it is down is never believed."""
    through = night(run, named("definition-farm-down", at_request=1, for_s=60.0, seed=3))
    assert through.complete
    assert set(through.outcomes) <= {Outcome.FARM_DOWN, Outcome.TIME_OUT}


def test_another_login_is_waited_out(run: Run) -> None:
    """Everything pauses, one request looks again after a minute, and what waits goes on by itself."""
    through = night(run, named("other-login", for_s=100.0), named("latency", median_s=0.5))
    assert through.complete
    assert set(through.outcomes) == {Outcome.OTHER_LOGIN}
    assert len(through.outcomes) <= 10
    assert EventKind.OTHER_LOGIN in through.kinds
    assert EventKind.RESUMED in through.kinds


def test_a_lingering_client_id_is_waited_out(run: Run) -> None:
    """After a lost socket IB may still count the old connection for a while."""
    through = night(run, named("socket-drop", at_messages=(12,)), named("client-id-in-use", times=2))
    assert through.complete
    failed = [event.message for event in through.events if event.kind is EventKind.ATTEMPT_FAILED]
    assert len(failed) == 2
    assert all("client id" in message for message in failed)


def test_silence_opens_the_breaker_and_one_probe_closes_it(run: Run) -> None:
    """Twelve time-outs in a row stop the asking until something cheap was answered."""
    through = night(
        run,
        named("dropped-answers", hits=14, share=1.0),
        pacing=PacingSettings(adaptive=False, open_requests=14),
    )
    assert through.complete
    assert set(through.outcomes) == {Outcome.TIME_OUT}
    assert EventKind.BREAKER_OPEN in through.kinds
    assert through.kinds[-1] is EventKind.RESUMED


@pytest.mark.parametrize("seed", range(25))
def test_random_mixes_of_faults_are_survived(run: Run, seed: int) -> None:
    """Whatever comes together, all ends as the truth and no ceiling of IB's is exceeded."""
    through = night(run, *mix(seed, requests=40))
    assert through.complete
    assert through.gateway.log.violations == []


def test_patience_ends(run: Run) -> None:
    """While the gateway is away for longer than the patience, requests fail by name instead of waiting for ever."""

    async def main() -> Night:
        clock = VirtualClock(CLOSED)
        gateway = await start(clock=clock)
        where = GatewaySettings(port=gateway.port, patience_s=90.0)
        async with connect(where, PacingSettings(), clock, jitter=random.Random(1)) as source:
            underlying = await source.underlying("PLTR")
            assert isinstance(underlying, Underlying)
            await gateway.shut()
            await clock.sleep(0.1)
            began = clock.monotonic()
            request = HistoricalRequest(underlying, UNDERLYING_BARS_5MIN, WhatToShow.TRADES, SESSION)
            failures = [await source.historical(request), await source.underlying("SPY")]
            took_s = clock.monotonic() - began
            events = source.events
        await gateway.stop()
        assert [failure.outcome for failure in failures if isinstance(failure, Failure)] == [Outcome.DISCONNECTED] * 2
        return Night(gateway, events, [], took_s, complete=True)

    assert 179 <= run(main).took_s <= 181


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (2105, "HMDS data farm connection is broken:ushmds"),
        (2157, "Sec-def data farm connection is broken:secdefil"),
        (1100, "Connectivity between IBKR and Trader Workstation has been lost."),
        (1102, f"{RESTORED} The following farms are not connected: secdefil."),
    ],
)
def test_a_recovery_that_is_never_told_is_found_out(run: Run, code: int, text: str) -> None:
    """A farm that IB has called broken is tried all the same after two minutes, and believed when bars come."""

    async def main() -> Night:
        clock = VirtualClock(CLOSED)
        gateway = await start(clock=clock)
        async with connect(GatewaySettings(port=gateway.port), PacingSettings(), clock) as source:
            underlying = await source.underlying("PLTR")
            assert isinstance(underlying, Underlying)
            gateway.notify(code, text)
            await clock.sleep(0.1)
            assert source.state.down
            began = clock.monotonic()
            if "secdefil" in text:
                complete = isinstance(await source.underlying("SPY"), Underlying)
            else:
                request = HistoricalRequest(underlying, UNDERLYING_BARS_5MIN, WhatToShow.TRADES, SESSION)
                complete = isinstance(await source.historical(request), Answer)
            took_s = clock.monotonic() - began
            assert source.state.down == ""
        await gateway.stop()
        return Night(gateway, source.events, [], took_s, complete)

    found_out = run(main)
    assert found_out.complete
    assert 110 <= found_out.took_s <= 125


def test_a_farm_that_options_do_not_need_does_not_cast_doubt_for_ever(
    virtual_run: Callable[[Callable[[], Coroutine[Any, Any, list[Outcome]]]], list[Outcome]],
) -> None:
    """While one is down nothing empty is believed; after two minutes history is no longer doubted because of it."""

    async def main() -> list[Outcome]:
        clock = VirtualClock(CLOSED)
        gateway = await start(clock=clock)
        bounds = (SESSION.start, SESSION.end)
        listed = gateway.market.options("PLTR", EXPIRATION)
        never = next(one for one in listed if not gateway.market.history(one.con_id, "TRADES", *bounds))
        contract = OptionContract("PLTR", never.con_id, never.expiration, never.strike, Right(never.right))
        request = HistoricalRequest(contract, OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION)
        async with connect(GatewaySettings(port=gateway.port), PacingSettings(), clock) as source:
            gateway.notify(1102, f"{RESTORED} The following farms are not connected: usfuture.")
            await clock.sleep(100)
            outcomes = [(await source.historical(request)).outcome]
            await clock.sleep(21)
            outcomes.append((await source.historical(request)).outcome)
        await gateway.stop()
        return outcomes

    assert virtual_run(main) == [Outcome.FARM_DOWN, Outcome.NO_DATA]


@pytest.mark.parametrize("underlying_too", [False, True])
def test_an_expired_option_proves_nothing(run: Run, underlying_too: bool) -> None:
    """After an evening in which options of today were answered first, IB's nightly reset is survived."""

    async def main() -> Night:
        clock = VirtualClock(CLOSED)
        gateway = await start(clock=clock)
        listed = gateway.market.options("PLTR", EXPIRATION)
        one, later = listed[len(listed) // 2], gateway.market.options("PLTR", date(2026, 11, 27))[20]
        stock = gateway.market.stock("PLTR")
        assert stock is not None
        today = OptionContract("PLTR", one.con_id, one.expiration, one.strike, Right(one.right))
        alive = OptionContract("PLTR", later.con_id, later.expiration, later.strike, Right(later.right))
        async with connect(GatewaySettings(port=gateway.port), PacingSettings(), clock) as source:
            assert isinstance(
                await source.historical(HistoricalRequest(today, OPTION_BARS_5MIN, WhatToShow.BID, SESSION)), Answer
            )
            if underlying_too:
                request = HistoricalRequest(
                    Underlying("PLTR", stock.con_id), UNDERLYING_BARS_5MIN, WhatToShow.TRADES, SESSION
                )
                assert isinstance(await source.historical(request), Answer)
            # To 00:30 in New York, when IB resets its servers; the option is purged at midnight.
            await clock.sleep(7.5 * 3600)
            gateway.notify(1100, "Connectivity between IBKR and Trader Workstation has been lost.")
            await clock.sleep(30)
            gateway.notify(1102, f"{RESTORED} All data farms are connected: usfarm; ushmds; secdefil.")
            began = clock.monotonic()
            complete = isinstance(
                await source.historical(HistoricalRequest(alive, OPTION_BARS_5MIN, WhatToShow.BID, SESSION)), Answer
            )
            took_s, probed = clock.monotonic() - began, gateway.log.historical[-2].con_id
            assert (probed == stock.con_id) == underlying_too
        await gateway.stop()
        return Night(gateway, source.events, [], took_s, complete)

    reset = run(main)
    assert reset.complete
    assert reset.took_s < 10
    assert EventKind.PROBE_FAILED not in reset.kinds


def test_a_gateway_that_moves_is_followed(run: Run) -> None:
    """1300 names the new port."""

    async def main() -> Night:
        clock = VirtualClock(CLOSED)
        old = await start(clock=clock)
        new = await start(clock=clock)
        async with connect(GatewaySettings(port=old.port), PacingSettings(), clock) as source:
            old.notify(1300, f"Socket port has been reset and this connection is being dropped. New port - {new.port}")
            await clock.sleep(0.1)
            await old.stop()
            await clock.sleep(0.1)
            complete = isinstance(await source.underlying("SPY"), Underlying)
        await new.stop()
        return Night(new, source.events, [], 0.0, complete)

    moved = run(main)
    assert moved.complete
    assert moved.gateway.log.connections == 1


def test_nothing_is_logged_a_thousand_times(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """ib_async's own log lines, one with the whole contract for each 162, are silent."""
    caplog.set_level("DEBUG")
    through = night(run, named("hmds-unheard-of", hits=5, share=1.0), named("malformed-frame", hits=2))
    assert through.complete
    assert not [record for record in caplog.records if record.name.startswith(("ib_async", "eventkit"))]


def test_leaving_during_an_outage_is_quick(run: Run) -> None:
    """The watch ends wherever it is, and requests that wait are released by their cancellation."""

    async def main() -> Night:
        clock = VirtualClock(CLOSED)
        gateway = await start(clock=clock)
        async with connect(GatewaySettings(port=gateway.port), PacingSettings(), clock) as source:
            underlying = await source.underlying("PLTR")
            assert isinstance(underlying, Underlying)
            await gateway.shut()
            await clock.sleep(0.1)
            request = HistoricalRequest(underlying, UNDERLYING_BARS_5MIN, WhatToShow.TRADES, SESSION)
            waiting = asyncio.create_task(source.historical(request))
            await clock.sleep(20)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            began = clock.monotonic()
        took_s = clock.monotonic() - began
        await gateway.stop()
        return Night(gateway, source.events, [], took_s, complete=True)

    assert run(main).took_s < 1


def test_a_rate_refusal_pauses_everything(run: Run) -> None:
    """Error 100 without a request id: the pacer pauses, and what was refused is asked again."""

    async def main() -> Night:
        clock = VirtualClock(CLOSED)
        gateway = await start(clock=clock)
        async with connect(GatewaySettings(port=gateway.port), PacingSettings(), clock) as source:
            gateway.notify(100, "Max rate of messages per second has been exceeded:max=50 rec=51 (1)")
            await clock.sleep(0.1)
            paused_s = source.state.pacer.paused_s
            events = source.events
        await gateway.stop()
        return Night(gateway, events, [], paused_s, complete=True)

    paused = run(main)
    assert 59 < paused.took_s <= 60
    assert paused.events[-1].code == 100


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("socket-drop", {"at_messages": (10,)}, {ConditionKind.GATEWAY_AWAY}),
        ("link-lost", {"for_s": 300.0}, {ConditionKind.GATEWAY_AWAY, ConditionKind.FARM_AWAY}),
        ("farm-down", {"for_s": 300.0}, {ConditionKind.FARM_AWAY}),
        ("other-login", {"for_s": 300.0}, {ConditionKind.OTHER_LOGIN}),
        # After three probes in vain the socket is made anew, and for that moment there is none.
        ("dropped-answers", {"hits": 20, "share": 1.0}, {ConditionKind.BREAKER_OPEN, ConditionKind.GATEWAY_AWAY}),
        ("pacing", {}, {ConditionKind.PACING_PAUSE}),
    ],
)
def test_each_outage_says_what_kind_it_is(
    virtual_run: Callable[[Callable[[], Coroutine[Any, Any, None]]], None],
    name: str,
    options: dict[str, Any],
    expected: set[ConditionKind],
) -> None:
    """While requests wait, the pace says for what; before and after, for nothing. The breaker opens in its own."""

    async def main() -> None:
        clock = VirtualClock(CLOSED)
        gateway = await start(clock=clock, scenarios=[named(name, **options), named("latency", median_s=0.5)])
        seen: list[Pace] = []
        pacing = PacingSettings(adaptive=False, open_requests=14)
        async with connect(GatewaySettings(port=gateway.port), pacing, clock, jitter=random.Random(1)) as source:

            async def look() -> None:
                while True:
                    seen.append(source.pace)
                    await clock.sleep(1.0)

            looking = asyncio.create_task(look())
            assert await collected(source, gateway, clock, [])
            seen.append(source.pace)
            looking.cancel()
        await gateway.stop()
        assert seen[0].condition is seen[-1].condition is None
        assert {pace.condition for pace in seen} - {None} == expected
        broken = {pace.condition for pace in seen if pace.breaker is not BreakerState.CLOSED} - {None}
        assert (ConditionKind.BREAKER_OPEN in broken) is (ConditionKind.BREAKER_OPEN in expected)
        assert all(pace.waiting or pace.paused_s for pace in seen if pace.condition)

    virtual_run(main)
