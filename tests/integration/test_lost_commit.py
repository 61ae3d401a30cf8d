"""A commit whose reply is lost: stored again, because nobody knows, and nothing doubled."""

from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from collector.clock.virtual_time import VirtualClock
from collector.db.connection import pool
from collector.domain.market_data.instruments import OPTION_SERIES
from collector.runs.fetching.storing import Storer
from collector.runs.tally import Tally
from tests.support.arena import Arena, CopyCutter
from tests.support.db_rows import answer, answers, make_chain, quote, rows
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

pytestmark = pytest.mark.usefixtures("quiet_faults")


class CommitCutter(CopyCutter):
    """Cuts the connection in the reply to the next commit."""

    armed = False

    def heard(self, chunk: bytes) -> None:
        """Arm the cut when a chunk is a commit."""
        if self.armed and b"COMMIT;" in chunk:
            self.drop_after(down=1)
            self.armed = False


def test_a_commit_whose_reply_is_lost_is_stored_again(arena: Arena, virtual_run: Run) -> None:
    """The batch is stored again: each row once, and its empty answer is still no more than covered."""

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        await arena.empty(clock)
        cutter = CommitCutter(arena.target, clock=clock)
        async with cutter, pool.connect(arena.through(cutter), clock) as db:
            contract = (await make_chain(db)).contracts[0]
            given = answers(contract, TRADES=answer(settles=False), BID=answer([quote(0)]))
            cutter.armed = True
            with db.patience(60):
                async with Storer(db, 1, lambda _: OPTION_SERIES, Tally(), clock, lambda: None) as storer:
                    await storer.put(given)
            assert (cutter.armed, cutter.accepted) == (False, 2)
            found = await rows(db, "SELECT what_to_show, isempty(covered), isempty(settled) FROM request_coverage")
            assert sorted(found) == [("BID", False, False), ("TRADES", False, True)]
            assert await rows(db, "SELECT bid_close FROM option_bars_5min") == [(Decimal("1.2000"),)]

    virtual_run(main)
