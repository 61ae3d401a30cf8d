"""Demonstration on a simulated gateway and an embedded database.

A demonstration that is the real thing: a real PostgreSQL, a real socket, a simulated market behind it.
"""

import contextlib
import shlex
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path
from typing import Any

import structlog
import yaml

from collector import config
from collector.app import composition, opening
from collector.clock import SystemClock
from collector.config import Settings
from collector.config.package_files import resource
from collector.db.server import embedded
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.coverage.evidence import SECOND_AFTER
from collector.domain.masking import Mask
from collector.domain.run_vocabulary import RunStatus, Window
from collector.log import setup
from collector.machine import private_files
from collector.market.calendar import Calendar
from collector.notify.reports.terminal_report import run_view
from collector.runs.orders import order_for
from collector.simulator import launch

SELECTION = {
    "horizon_days": 5,
    "regimes": [
        {"below": 0.20, "band": 0.015, "min_strikes": 11},
        {"below": 0.40, "band": 0.03, "min_strikes": 11},
        {"band": 0.05, "min_strikes": 11},
    ],
}
"""A few hundred contracts instead of thousands; everything else, pacing too, is as in a real run."""

MARKET = "calibrated"
"""As many contracts without trades, bids or any bar as a real chain has."""

log = structlog.get_logger()


def last_evening(now: datetime) -> datetime:
    """Return 17:00 New York of the last session that has completed by then: all have closed, none is purged."""
    calendar = Calendar()
    day = calendar.last_completed(now, "SPY").day
    return datetime.combine(day, time(17), NEW_YORK)


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        embedded.server(keep / "postgres").make_parents()
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="collector-demo-") as folder:
        Path(folder).chmod(0o711)  # root's PostgreSQL runs as another user
        yield Path(folder)


def settings_for(folder: Path, port: int) -> Settings:
    """Return the packaged configuration, narrowed, with the demonstration's own database and gateway."""
    overrides = {**_kept(folder), "gateway": {"host": "127.0.0.1", "port": port}}
    return config.load(resource("config.yaml"), overrides)


def _kept(folder: Path) -> dict[str, Any]:
    """Return what is the demonstration's own also when its gateway is gone."""
    return {
        "database": {"url": "embedded", "data_dir": str(folder / "postgres")},
        "selection": SELECTION,
        "log": {"directory": str(folder / "logs")},
    }


def _write_configuration(folder: Path) -> Path:
    """Write what a kept database is found by: any command takes it by --config, or finds it from within the folder."""
    text = "# Of the demonstration whose database lies beside this file.\n" + yaml.safe_dump(_kept(folder.absolute()))
    file = folder / "config.yaml"
    private_files.write(file, text.encode())
    return file


async def _collected(
    settings: Settings, clock: SystemClock, progress: composition.ProgressBar, show: Callable[[Any], None]
) -> composition.Outcome:
    """Run eod, and again once simulated half an hour has passed where empty answers await confirmation."""
    order = order_for(Window.EOD, settings, opening.calendar(settings), clock.now())
    with progress(order) as on_progress:
        first = await composition.run_window(settings, order, clock, on_progress)
    if first.report.confirm_at is None or first.report.status is not RunStatus.SUCCESS:
        return first
    show(
        f"{first.report.bars:,} bars came; {first.report.awaiting:,} series-slots await confirmation:"
        " the clock is set half an hour on, and they are asked again."
    )
    clock.set(max(clock.now() + SECOND_AFTER, first.report.confirm_at))
    again = replace(order, confirming=True)
    with progress(again) as on_progress:
        return await composition.run_window(settings, again, clock, on_progress)


async def run(
    seed: int, keep: Path | None, progress: composition.ProgressBar, show: Callable[[Any], None]
) -> RunStatus:
    """Start both servers, collect one session, confirm what came back empty, show what came out, stop both.

    The session is the last one before now, which COLLECTOR_CLOCK may set.

    Args:
        seed: of the simulated market.
        keep: folder in which the database stays; None uses a temporary one.
        progress: makes the progress bar of a run.
        show: prints a renderable.
    """
    clock = SystemClock(last_evening(opening.system_clock().now()))
    with _folder(keep) as folder:
        gateway = await launch.start(seed, clock, market=MARKET)
        try:
            settings = settings_for(folder, gateway.port)
            setup(settings.log, clock, quiet_people=True)
            outcome = await _collected(settings, clock, progress, show)
            show(run_view(outcome.report, Mask(settings.secrets)))
            show(
                f"At the gateway: {len(gateway.log.historical):,} requests, {gateway.log.max_open} open at most,"
                f" {gateway.log.max_rate} messages in the busiest second."
            )
            if keep is not None:
                file = shlex.quote(str(_write_configuration(folder)))
                show(f"The database is kept; look with: collector db psql --config {file}")
                show(f"Or in a browser: collector web --open --config {file}")
            return outcome.report.status
        finally:
            await gateway.stop()
            if keep is None:
                embedded.stop(folder / "postgres")
