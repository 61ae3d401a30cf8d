"""Running windows in a test: real database, real socket, simulated market."""

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date, datetime, time
from functools import cache
from typing import Any, Protocol

from collector.clock import Clock
from collector.config import BackupSettings, Closure, EarlyClose, SelectionSettings, Settings, SymbolSettings
from collector.db.bookkeeping import runs_table
from collector.db.bookkeeping.runs_table import NewRun, RunEnd
from collector.db.connection import pool
from collector.domain.run_vocabulary import RunStatus, Window
from collector.ib.connection.gateway import GatewaySettings
from collector.ib.ib_source import connect
from collector.ib.pacing import PacingSettings
from collector.market.calendar import Calendar
from collector.runs import window_run
from collector.runs.finished import Finished
from collector.runs.orders import Order, order_for
from collector.runs.tally import Tally

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


@contextmanager
def no_bar(_order: Order) -> Iterator[Callable[[Tally], None]]:
    """Show no progress."""
    yield lambda _tally: None


async def succeeded(db: pool.Database, window: Window, at: datetime) -> None:
    """Record a window of Friday as run at an instant."""
    new = NewRun(window=window, day=FRIDAY, symbols=["PLTR"], started_at=at, scheduled=at)
    await runs_table.close(db, await runs_table.open_run(db, new), RunEnd(status=RunStatus.SUCCESS, completed_at=at))


@cache
def _calendar(
    closes: tuple[tuple[str, time], ...], closures: tuple[Closure, ...] = (), early_closes: tuple[EarlyClose, ...] = ()
) -> Calendar:
    """Return a calendar; reading it costs a tenth of a narrow run."""
    return Calendar(
        dict(closes),
        closures={one.date: one.reason for one in closures},
        early_closes={one.date: one.time for one in early_closes},
    )


@asynccontextmanager
async def parts_for(
    url: str, gateway: Listening, settings: Settings, clock: Clock, pacing: PacingSettings = QUICK, **patience: float
) -> AsyncIterator[window_run.Parts]:
    """Open database and gateway."""
    where = GatewaySettings(host=gateway.host, port=gateway.port, **patience)  # type: ignore[arg-type]  # seconds
    async with pool.connect(url, clock) as db, connect(where, pacing, clock, jitter=random.Random(7)) as source:
        days = _calendar(tuple(sorted(settings.closes.items())), settings.closures, settings.early_closes)
        yield window_run.Parts(db, source, settings, days, clock, random.Random(7))


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
