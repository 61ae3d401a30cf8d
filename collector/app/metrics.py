"""Metrics in Prometheus's text format.

For a scrape, and for node-exporter's textfile collector. Each is described in docs/metrics.md.

Counters come from the run table, so that they go on counting from one process to the next.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from collector.app.figures import stored
from collector.app.figures.stored import Figures
from collector.clock import Clock
from collector.config import Settings
from collector.db.bookkeeping.gaps_table import GapTotal
from collector.db.connection.pool import Database
from collector.db.readers.day_status import RunTotals
from collector.domain.errors import DatabaseError
from collector.domain.pacing.pace import BreakerState, Pace
from collector.domain.run_vocabulary import GapState, RunStatus
from collector.market.calendar import Calendar

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_READABLE_BY_ALL = 0o644
"""node-exporter runs as another user."""

Samples = Iterable[tuple[Mapping[str, str], float]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What only a running process knows. connected: to the gateway. running: whether a window is at work."""

    connected: bool
    running: bool
    pace: Pace
    next_due: datetime | None = None


def exposition(figures: Figures | None, now: datetime, *, live: Live | None = None) -> bytes:
    """Return the metrics, of the type CONTENT_TYPE.

    Args:
        figures: what the tables say; None while the database cannot be reached.
        now: the instant, aware.
        live: what a running process knows; None for a run on its own.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(figures, now, live))
    return generate_latest(registry)


async def publish(
    opened: AbstractAsyncContextManager[Database],
    settings: Settings,
    calendar: Calendar,
    clock: Clock,
) -> None:
    """Write the configured textfile, if one is configured, after a run; a failure is logged and hurts nobody.

    Args:
        opened: the database, not entered yet.
        settings: names the file.
        calendar: the exchange's.
        clock: the time of the metrics.
    """
    if settings.serve.textfile is None:
        return
    figures = None
    try:
        async with opened as db:
            figures = await stored.gather(db, settings, calendar, clock.now())
    except DatabaseError as error:
        log.warning("metrics_without_tables", error=error.message)
    try:
        write(settings.serve.textfile.expanduser(), exposition(figures, clock.now()))
    except OSError as refused:
        log.warning("metrics_not_written", error=str(refused))


def write(path: Path, content: bytes) -> None:
    """Write a textfile, whole or not at all: the collector may read at any moment.

    Raises:
        OSError: the folder is not there, or may not be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # the collector reads *.prom only
    try:
        draft.write_bytes(content)
        draft.chmod(_READABLE_BY_ALL)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


class _Families(Collector):
    """The families of one scrape."""

    def __init__(self, figures: Figures | None, now: datetime, live: Live | None) -> None:
        self._figures, self._now, self._live = figures, now, live

    def collect(self) -> Iterator[Metric]:
        """Yield them in the order in which they are shown."""
        yield _gauge("database_up", "Whether the database answers.", [({}, float(self._figures is not None))])
        yield _gauge("written_timestamp_seconds", "When these metrics were made.", [({}, self._now.timestamp())])
        if self._figures is not None:
            yield from _of_runs(self._figures.runs)
            yield from _of_data(self._figures)
        if self._live is not None:
            yield from _of_process(self._live)


def _gauge(name: str, meaning: str, samples: Samples) -> Metric:
    return _filled(GaugeMetricFamily(f"collector_{name}", meaning), "", samples)


def _counter(name: str, meaning: str, samples: Samples) -> Metric:
    return _filled(CounterMetricFamily(f"collector_{name}", meaning), "_total", samples)


def _filled(family: Metric, suffix: str, samples: Samples) -> Metric:
    for labels, value in samples:
        family.add_sample(f"{family.name}{suffix}", dict(labels), value)
    return family


def _of_runs(runs: Iterable[RunTotals]) -> Iterator[Metric]:
    ended = [one for one in runs if one.status is not RunStatus.RUNNING]
    by_window = {one.window: [other for other in ended if other.window == one.window] for one in ended}

    def summed(pick: Callable[[RunTotals], int]) -> list[tuple[dict[str, str], float]]:
        return [({"window": window}, sum(map(pick, totals))) for window, totals in by_window.items()]

    yield _counter(
        "runs",
        "Attempts at windows that have ended.",
        [({"window": one.window, "status": one.status.value}, one.runs) for one in ended],
    )
    kinds: tuple[tuple[str, Callable[[RunTotals], int]], ...] = (
        ("inserted", lambda one: one.inserted),
        ("updated", lambda one: one.updated),
        ("identical", lambda one: one.identical),
    )
    bars = [({**labels, "kind": kind}, value) for kind, pick in kinds for labels, value in summed(pick)]
    yield _counter("bars", "Bars received, by what became of them.", bars)
    yield _counter("requests", "Historical requests sent.", summed(lambda one: one.requests))
    yield _gauge(
        "last_success_timestamp_seconds",
        "When a window last ended in success.",
        [
            ({"window": one.window}, one.last_completed.timestamp())
            for one in ended
            if one.status is RunStatus.SUCCESS and one.last_completed is not None
        ],
    )


def _of_data(figures: Figures) -> Iterator[Metric]:
    yield _gauge(
        "completeness_ratio",
        "Settled part of the expected slots of the last completed session.",
        [({"symbol": symbol}, value) for symbol, value in sorted(figures.completeness.items())],
    )
    totals = [(state.value, figures.gaps.get(state, GapTotal())) for state in GapState]
    yield _gauge("gaps", "Gaps, by state.", [({"state": state}, total.gaps) for state, total in totals])
    yield _gauge("gap_slots", "Series-slots in gaps.", [({"state": state}, total.slots) for state, total in totals])
    for name, meaning, value in (
        ("uncounted_runs", "Runs cut off before their gaps were counted.", figures.uncounted),
        ("series_awaiting", "Series of sessions that await a second empty answer.", figures.awaiting),
        ("sessions_awaiting", "Sessions of which something awaits a second empty answer.", figures.sessions_awaiting),
        ("sessions_implausible", "Sessions that look emptier than they can be.", figures.implausible),
        ("database_size_bytes", "Size of the database.", figures.database_bytes),
    ):
        yield _gauge(name, meaning, [({}, value)])


def _of_process(live: Live) -> Iterator[Metric]:
    pace = live.pace
    gauges: tuple[tuple[str, str, float | None], ...] = (
        ("gateway_connected", "Whether the gateway is connected.", float(live.connected)),
        ("run_active", "Whether a window is at work.", float(live.running)),
        ("pacer_limit", "Historical requests that may be open at once.", pace.limit),
        ("pacer_in_flight", "Historical requests that are open.", pace.in_flight),
        ("pacer_requests_per_second", "Historical requests finished a second.", pace.requests_per_s),
        ("pacer_latency_seconds", "Median seconds of the latest answers.", pace.latency_s),
        (
            "next_window_timestamp_seconds",
            "When the next window is due.",
            None if live.next_due is None else live.next_due.timestamp(),
        ),
    )
    for name, meaning, value in gauges:
        if value is not None:
            yield _gauge(name, meaning, [({}, value)])
    states = [({"state": state.value}, float(state is pace.breaker)) for state in BreakerState]
    yield _gauge("gateway_breaker", "1 for the state of the gateway's circuit breaker.", states)
    yield _counter("pacer_pauses", "Global pauses after pacing errors.", [({}, pace.pauses)])
