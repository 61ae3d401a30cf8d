"""Silent holes, over the socket: what they touch, what they leave alone, and what they say that they did."""

import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import ib_async
import pytest

from collector.simulator.scenarios import Lies, named
from collector.simulator.scenarios.untruths import AbsurdValues, SilentHole
from tests.support.staged_gateway import FRIDAY, MARKET, PLTR, SERIES, SPY, hidden, in_truth, near, staged

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Keep ib_async's report of every provoked error out of the test's log."""
    for name in ("ib_async.wrapper", "ib_async.client", "ib_async.ib"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def test_a_hole_over_the_source_takes_every_option_and_nothing_else(virtual_run: Run) -> None:
    """For 90 s options are "no data", underlyings are not; no notice comes, the truth stays, and then all is well."""

    async def main() -> None:
        hole = SilentHole(at_request=1, for_s=90)
        async with staged(hole) as stage:
            options = [*near("SPY"), *near("PLTR")]
            truth = {(one, what): in_truth(one, what) for one in options for what in SERIES}
            assert hidden(await stage.answered(options)) == set(truth)
            assert hidden(await stage.answered([SPY, PLTR], ("TRADES", "OPTION_IMPLIED_VOLATILITY"))) == set()
            assert [entry.outcome for entry in stage.gateway.log.historical][:18] == ["error 162"] * 18
            assert {(one, what): in_truth(one, what) for one in options for what in SERIES} == truth
            await stage.clock.sleep(90)
            assert hidden(await stage.answered(options)) == set()
            assert [code for code in stage.client.codes() if code >= 1000] == [2104, 2106, 2158]
            assert [(hit.con_id, hit.what_to_show, hit.bars) for hit in hole.struck] == [
                (*series, bars) for series, bars in truth.items()
            ]
            assert hole.began is not None
            assert hole.until == hole.began + timedelta(seconds=90)
            assert all(hole.began <= hit.at < hole.until and hit.start < hit.end for hit in hole.struck)

    virtual_run(main)


def test_a_hole_may_reach_over_underlyings(virtual_run: Run) -> None:
    """Where it is everywhere, the underlyings and the VIX have no data either."""

    async def main() -> None:
        async with staged("silent-hole-everywhere:at_request=1") as stage:
            con_ids = [SPY, PLTR, near("SPY")[0]]
            assert hidden(await stage.answered(con_ids, ("TRADES",))) == {(one, "TRADES") for one in con_ids}
            with pytest.raises(ib_async.wrapper.RequestError, match="no data"):
                await stage.client.history(ib_async.Index("VIX", "CBOE"))

    virtual_run(main)


@pytest.mark.parametrize(
    ("options", "concerns"),
    [
        ({"symbol": "PLTR"}, lambda symbol, _, __: symbol == "PLTR"),
        ({"series": "BID"}, lambda _, __, what: what == "BID"),
        ({"symbol": "SPY", "series": ("BID", "ASK")}, lambda symbol, _, what: symbol == "SPY" and what != "TRADES"),
        ({"con_id": "first"}, lambda _, con_id, __: con_id == "first"),
        ({"con_id": "first", "series": "TRADES"}, lambda _, con_id, what: (con_id, what) == ("first", "TRADES")),
    ],
)
def test_a_hole_keeps_to_what_it_was_told(
    virtual_run: Run, options: dict[str, Any], concerns: Callable[[str, Any, str], bool]
) -> None:
    """Symbol, contract and series narrow it down, alone or together."""

    async def main() -> None:
        con_id = near("SPY")[0]
        given = {name: con_id if value == "first" else value for name, value in options.items()}
        expected = {
            (one, what)
            for symbol in ("SPY", "PLTR")
            for one in near(symbol)
            for what in SERIES
            if concerns(symbol, "first" if one == con_id else one, what)
        }
        async with staged(named("silent-hole", **given, at_request=1, for_s=600)) as stage:
            assert expected
            assert hidden(await stage.answered([*near("SPY"), *near("PLTR")])) == expected

    virtual_run(main)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("scope", "of"), [("symbol", 1), ("contract", 2), ("series", 3)])
def test_what_is_not_told_is_drawn(virtual_run: Run, scope: str, of: int, seed: int) -> None:
    """One symbol, one contract or one contract's series is hit all through, the same for the same seed."""

    async def main() -> None:
        struck = []
        for _ in range(2):
            hole = named("silent-hole", scope=scope, at_request=1, for_s=3600, seed=seed)
            assert isinstance(hole, SilentHole)
            async with staged(hole) as stage:
                con_ids = [*near("SPY"), *near("PLTR")]
                await stage.answered(con_ids)
                again = hidden(await stage.answered(con_ids))
                market = MARKET
                reached = {(option.symbol, one, what)[:of] for one, what in again if (option := market.option(one))}
                assert len(reached) == 1
                assert {(hit.symbol, hit.con_id, hit.what_to_show)[:of] for hit in hole.struck} == reached
                assert len(again) == {"symbol": 9, "contract": 3, "series": 1}[scope]
                struck.append(hole.struck)
        assert struck[0] == struck[1]

    virtual_run(main)


def test_a_hole_speaks_as_an_empty_series_does(virtual_run: Run) -> None:
    """The words are those with which a contract without trades is answered; nothing tells them apart."""

    async def main() -> None:
        async with staged(SilentHole(symbol="PLTR", at_request=1, for_s=600)) as stage:
            quiet = next(one.con_id for one in MARKET.options("SPY", FRIDAY) if not in_truth(one.con_id, "TRADES"))
            true, false = await stage.ask(quiet, "TRADES"), await stage.ask(near("PLTR")[0], "TRADES")
            assert isinstance(true, tuple)
            assert isinstance(false, tuple)
            assert true[0] == false[0] == 162
            words = "Historical Market Data Service error message:HMDS query returned no data: "
            assert [text.startswith(words) and text.endswith("@SMART Trades") for _, text in (true, false)] == [
                True,
                True,
            ]
            assert len(true[1]) == len(false[1])

    virtual_run(main)


def test_a_hole_begins_and_ends_by_the_gateways_clock(virtual_run: Run) -> None:
    """Two hours after the start, for three hours; before and after it everything is answered."""

    async def main() -> None:
        async with staged("silent-hole:at_request=0,after_s=7200,for_s=10800") as stage:
            con_id = near("SPY")[0]
            came = []
            for _ in range(7):
                came.append(isinstance(await stage.ask(con_id), list))
                await stage.clock.sleep(3600 - 1)
            assert came == [True, True, True, False, False, False, True]

    virtual_run(main)


@pytest.mark.parametrize(
    ("for_s", "narrow", "misleads"),
    [(20, False, True), (200, False, False), (1500, True, True)],
)
def test_a_hole_knows_whether_a_control_saw_it(virtual_run: Run, for_s: int, narrow: bool, misleads: bool) -> None:
    """A short one lies between good answers; a long one over a symbol has none near; one contract's always has."""

    async def main() -> None:
        first, second, third = near("SPY")
        hole = SilentHole(at_request=0, after_s=45, for_s=for_s, symbol="SPY", con_id=second if narrow else 0)
        async with staged(hole) as stage:
            await stage.ask(first)
            await stage.clock.sleep(46)
            step = min(for_s / 2, 40)
            for _ in range(int(for_s / step) + 2):
                await stage.ask(second)
                await stage.ask(third)
                await stage.clock.sleep(step)
            middle = [hit for hit in hole.struck if timedelta(seconds=61) <= hit.at - hole.struck[0].at]
            assert {hit.con_id for hit in hole.struck} == ({second} if narrow else {second, third})
            assert bool(hole.misleading()) is misleads
            assert hole.reaches_over_control is not misleads
            assert not set(middle) - set(hole.misleading()) if narrow else not set(middle) & set(hole.misleading())

    virtual_run(main)


def test_an_underlying_is_no_control_of_its_options(virtual_run: Run) -> None:
    """Bars of SPY itself before and after do not make its options' empty answers any more believable."""

    async def main() -> None:
        hole = SilentHole(at_request=1, for_s=30)
        async with staged(hole) as stage:
            for con_id in (SPY, near("SPY")[0], SPY):
                await stage.ask(con_id, "TRADES")
            await stage.clock.sleep(1)
            assert [entry.outcome for entry in stage.gateway.log.historical] == ["bars", "error 162", "bars"]
            assert len(hole.struck) == 1
            assert hole.reaches_over_control

    virtual_run(main)


def test_lies_tell_what_they_hit(virtual_run: Run) -> None:
    """Hits of all lies come in order of time, the misleading ones of the holes among them."""

    async def main() -> None:
        told = Lies((SilentHole("contract", at_request=2, for_s=300), AbsurdValues(share=1.0, hits=2)))
        async with staged(*told.scenarios) as stage:
            con_ids = near("SPY", 4)
            for _ in range(6):
                await stage.answered(con_ids, ("TRADES",))
                await stage.clock.sleep(20)
            assert [hit.at for hit in told.struck] == sorted(hit.at for hit in told.struck)
            assert {hit.kind == "empty" for hit in told.struck} == {True, False}
            assert len({hit.con_id for hit in told.misleading}) == 1
            assert set(told.misleading) < set(told.struck)

    virtual_run(main)
