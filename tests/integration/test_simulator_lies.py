"""Answers that cannot be, and another memory, over the socket."""

import logging
import math
from collections.abc import Callable, Coroutine
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ib_async
import pytest

from collector.simulator.request_log import Kind
from collector.simulator.scenarios import named
from collector.simulator.scenarios.untruths import ABSURDITIES, AbsurdStrike, AbsurdValues, RefusedTrade
from tests.support.staged_gateway import FRIDAY, MARKET, SPY, hidden, in_truth, near, staged

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Keep ib_async's report of every provoked error out of the test's log."""
    for name in ("ib_async.wrapper", "ib_async.client", "ib_async.ib"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


CHECKS: dict[str, Callable[[ib_async.BarData], bool]] = {
    "count": lambda bar: bar.barCount == 3_000_000_000,
    "average": lambda bar: bar.average == 1e11,
    "volume": lambda bar: bar.volume == 1e17,
    "price": lambda bar: (bar.open, bar.high, bar.low, bar.close) == (1e-30,) * 4,
    "nan": lambda bar: math.isnan(bar.close),
    "inf": lambda bar: bar.high == math.inf,
    "minus-inf": lambda bar: bar.low == -math.inf,
    "shape": lambda bar: bar.high < bar.low and bar.volume == 500,
    "off-grid": lambda bar: isinstance(bar.date, datetime) and bar.date.timestamp() % 300 == 60,
    "shares": lambda bar: bar.volume == 1e17,
    "volatility": lambda bar: bar.close == 2e8,
}


@pytest.mark.parametrize("kind", ABSURDITIES)
def test_absurd_values_reach_the_wire(virtual_run: Run, kind: str) -> None:
    """One bar of one answer is absurd, in the way that was chosen; the next answer about the series is true."""

    async def main() -> None:
        liar = named(f"absurd-values:kinds={kind},hits=1,share=1")
        assert isinstance(liar, AbsurdValues)
        async with staged(liar) as stage:
            absurd = ABSURDITIES[kind]
            con_id = SPY if absurd.of == "underlying" else near("SPY")[0]
            other = SPY if con_id != SPY else near("SPY")[0]
            await stage.ask(other, "TRADES")
            assert not [hit for hit in liar.struck if hit.con_id == other]
            false, true = await stage.ask(con_id, absurd.series), await stage.ask(con_id, absurd.series)
            assert isinstance(false, list)
            assert isinstance(true, list)
            assert len(false) == len(true) == in_truth(con_id, absurd.series)
            differ = [n for n, (one, another) in enumerate(zip(false, true, strict=True)) if str(one) != str(another)]
            assert len(differ) == 1
            assert CHECKS[kind](false[differ[0]])
            assert not CHECKS[kind](true[differ[0]])
            (hit,) = liar.struck
            assert (hit.con_id, hit.what_to_show, hit.kind) == (con_id, absurd.series, kind)
            assert hit.start == true[differ[0]].date
            assert hit.end - hit.start == timedelta(minutes=5)

    virtual_run(main)


def test_absurd_values_are_bounded_and_hit_a_series_once(virtual_run: Run) -> None:
    """With three hits to give, six series of a symbol asked four times hold three absurd bars."""

    async def main() -> None:
        liar = AbsurdValues(hits=3, share=0.5, symbols="SPY")
        async with staged(liar) as stage:
            con_ids = [*near("SPY", 6), *near("PLTR", 6)]
            for _ in range(4):
                assert hidden(await stage.answered(con_ids, ("TRADES",))) == set()
                await stage.clock.sleep(2)  # ib_async holds back what exceeds 45 messages a second
            assert len({hit.con_id for hit in liar.struck}) == len(liar.struck) == 3
            assert {hit.symbol for hit in liar.struck} == {"SPY"}

    virtual_run(main)


def test_a_refused_trade_comes_as_often_as_was_said(virtual_run: Run) -> None:
    """The same bar is impossible twice, and true from the third answer on."""

    async def main() -> None:
        liar = named("refused-trade:times=2,hits=1,share=1")
        assert isinstance(liar, RefusedTrade)
        async with staged(liar) as stage:
            con_id = near("SPY")[0]
            answers = [await stage.ask(con_id, "TRADES") for _ in range(4)]
            wrong = [
                [bar for bar in answer if isinstance(bar, ib_async.BarData) and bar.high < bar.low]
                for answer in answers
            ]
            assert [len(bars) for bars in wrong] == [1, 1, 0, 0]
            assert wrong[0] == wrong[1]
            assert [hit.start for hit in liar.struck] == [wrong[0][0].date] * 2
            assert isinstance(answers[3], list)
            assert len(answers[3]) == in_truth(con_id, "TRADES")

    virtual_run(main)


def test_an_absurd_strike_is_one_contract_more(virtual_run: Run) -> None:
    """It comes once, with a number that no request knows; the contracts that exist are all there both times."""

    async def main() -> None:
        liar = AbsurdStrike()
        async with staged(liar) as stage:
            query = ib_async.Option("SPY", "20261120", exchange="SMART", currency="USD")
            false, true = [
                [one.contract for one in await stage.client.reqContractDetailsAsync(query)] for _ in range(2)
            ]
            assert len(true) == len(MARKET.options("SPY", FRIDAY))
            (more,) = [one for one in false if one not in true]
            assert more is not None
            assert more.strike == 12_345_678_901
            assert [hit.con_id for hit in liar.struck] == [more.conId]
            refused = await stage.ask(more.conId)
            assert isinstance(refused, tuple)
            assert refused[0] == 200
            assert len(stage.gateway.log.of(Kind.CONTRACT_DETAILS)) == 2

    virtual_run(main)


def test_memory_is_the_gateways_own(virtual_run: Run) -> None:
    """Expired contracts stay a day longer, quotes go back ten days; whoever holds the market sees no difference."""

    async def main() -> None:
        saturday = datetime(2026, 11, 21, 0, 30, tzinfo=ZoneInfo("America/New_York"))
        oldest = []
        for memory, code in (((), 200), (("memory:purge_days=2,quote_depth_days=10",), None)):
            async with staged(*memory, at=saturday) as stage:
                answer = await stage.ask(near("SPY")[0])
                assert (None if isinstance(answer, list) else answer[0]) == code
                lasting = MARKET.options("SPY", date(2026, 12, 18))[0].con_id
                contract = ib_async.Contract(conId=lasting, exchange="SMART")
                bars = await stage.client.history(contract, "ASK", end="20261113 21:30:00 UTC", duration="1 W")
                assert isinstance(bars[0].date, datetime)
                oldest.append(bars[0].date.date())
                assert MARKET.options("SPY", FRIDAY) == ()
        assert oldest == [date(2026, 11, 9), date(2026, 11, 11)]

    virtual_run(main)
