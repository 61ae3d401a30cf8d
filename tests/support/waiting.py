"""Waiting, in real time, for what another process or the other end of a socket does next."""

import asyncio
import time
from collections.abc import Callable

_LIMIT_S = 30.0
_STEP_S = 0.005


async def until(holds: Callable[[], object], what: str) -> None:
    """Return as soon as `holds()` is true; the loop runs meanwhile.

    Args:
        holds: what is waited for.
        what: the same in words, for the failure.

    Raises:
        AssertionError: it did not come about within half a minute.
    """
    limit = time.monotonic() + _LIMIT_S
    while not holds():
        assert time.monotonic() < limit, f"never came about: {what}"
        await asyncio.sleep(_STEP_S)
