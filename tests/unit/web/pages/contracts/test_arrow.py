"""Downloads of bars are read one at a time, beside the loop."""

import asyncio
import contextlib
import threading
from functools import partial

import pytest

from collector.domain.errors import UsageError
from collector.web.pages.contracts.arrow import in_turn


async def test_one_is_read_at_a_time() -> None:
    """Of several that are asked for at once no two are at work together, and each gets its own answer."""
    at_work, most = 0, 0

    def work(number: int) -> int:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        threading.Event().wait(0.01)
        at_work -= 1
        return number

    found = await asyncio.gather(*(in_turn(partial(work, number)) for number in range(5)))
    assert (found, most) == ([0, 1, 2, 3, 4], 1)


async def test_whoever_has_gone_is_passed_over() -> None:
    """Who is cancelled while another is read is never read for; the next one is."""
    begun, go_on, read = threading.Event(), threading.Event(), list[str]()

    def first() -> None:
        begun.set()
        go_on.wait(10)

    one = asyncio.create_task(in_turn(first))
    await asyncio.to_thread(begun.wait, 10)
    gone = asyncio.create_task(in_turn(lambda: read.append("gone")))
    await asyncio.sleep(0)
    gone.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await gone
    last = asyncio.create_task(in_turn(lambda: read.append("last")))
    go_on.set()
    await asyncio.gather(one, last)
    assert read == ["last"]


async def test_an_error_is_carried_over() -> None:
    """What is raised while it is read is told to whoever asked."""

    def work() -> None:
        raise UsageError("no such column")

    with pytest.raises(UsageError, match="no such column"):
        await in_turn(work)
