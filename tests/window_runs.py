"""Running windows in a test: real database, real socket, simulated market."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, time
from functools import cache
from typing import Any, Protocol

from collector.clock import Clock
from collector.config import BackupSettings, SelectionSettings, Settings, SymbolSettings
from collector.db import pool
from collector.domain.runs import Window
from collector.ib.gateway import GatewaySettings
from collector.ib.pacing import PacingSettings
from collector.ib.source import connect
from collector.market.calendar import Calendar
from collector.pipeline import window_run
from collector.pipeline.orders import Finished, order_for

FRIDAY = date(2026, 11, 20)
QUICK = PacingSettings(pause_s=5.0)
"""The pacing of real runs, but a shorter pause after a pacing error."""


class Listening(Protocol):
    """Where a gateway can be reached: the gateway itself, or a proxy in front of it."""

    @property
    def host(self) -> str:
        """Its address."""

    @property
    def port(self) -> int:
        """Its port."""


def narrow(*symbols: str, horizon_days: int = 4, band: float = 0.004, strikes: int = 5, **more: object) -> Settings:
    """Return a configuration of a few dozen contracts, and without backups in the account's own folder."""
    selection = SelectionSettings.model_validate(
        {"horizon_days": horizon_days, "regimes": [{"band": band, "min_strikes": strikes}]}
    )
    named = tuple(SymbolSettings(symbol=symbol) for symbol in symbols or ("SPY", "PLTR", "TSLA"))
    bare = Settings(backup=BackupSettings(enabled=False))
    return bare.model_copy(update={"symbols": named, "selection": selection, **more})


@cache
def _calendar(closes: tuple[tuple[str, time], ...]) -> Calendar:
    """Return a calendar; reading it costs a tenth of a narrow run."""
    return Calendar(dict(closes))


@asynccontextmanager
async def parts_for(
    url: str, gateway: Listening, settings: Settings, clock: Clock, pacing: PacingSettings = QUICK, **patience: float
) -> AsyncIterator[window_run.Parts]:
    """Open database and gateway."""
    where = GatewaySettings(host=gateway.host, port=gateway.port, **patience)  # type: ignore[arg-type]  # seconds
    async with pool.connect(url, clock) as db, connect(where, pacing, clock, jitter=random.Random(7)) as source:
        yield window_run.Parts(
            db, source, settings, _calendar(tuple(sorted(settings.closes.items()))), clock, random.Random(7)
        )


async def run_window(
    url: str,
    gateway: Listening,
    settings: Settings,
    clock: Clock,
    window: Window = Window.EOD,
    **order: Any,  # noqa: ANN401 - the arguments of order_for
) -> Finished:
    """Run one window."""
    async with parts_for(url, gateway, settings, clock) as parts:
        return await window_run.run(order_for(window, settings, parts.calendar, clock.now(), **order), parts)
