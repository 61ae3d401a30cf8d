"""Open the configured source of market data."""

import contextlib
import importlib
from collections.abc import AsyncIterator

from collector.clock import Clock
from collector.config import Settings
from collector.runs.source import MarketDataSource

_MODULES = {"ib": "collector.ib.ib_source"}
"""Where each source that `source:` may name is opened: `opened(settings, clock)` yields it."""


@contextlib.asynccontextmanager
async def opened(settings: Settings, clock: Clock) -> AsyncIterator[MarketDataSource]:
    """Open the configured source for the length of a block.

    Raises:
        GatewayUnavailable: no usable connection; the hint says what to look at.
    """
    module = importlib.import_module(_MODULES[settings.source])
    async with module.opened(settings, clock) as source:
        yield source
