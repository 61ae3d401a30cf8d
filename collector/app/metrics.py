"""Metrics in Prometheus's text format.

For a scrape, and for node-exporter's textfile collector. Each is described in docs/metrics.md.

Counters come from the tables, so that they go on counting from one process to the next.
"""

import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import accumulate
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from collector import __version__
from collector.app.figures import machine as machines
from collector.app.figures import stored
from collector.app.figures.machine import Machine, Process
from collector.app.figures.stored import LATENCY_BOUNDS_S, Figures
from collector.clock import Clock
from collector.config import Settings
from collector.db.archive.manifest import Standing
from collector.db.bookkeeping.gaps_table import GapTotal
from collector.db.bookkeeping.requests_table import RequestTotal
from collector.db.connection.pool import Database
from collector.db.readers.day_status import RunTotals
from collector.domain.errors import DatabaseError
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import DATA_SETS
from collector.domain.pacing.pace import BreakerState, Pace
from collector.domain.run_vocabulary import GapState, RunStatus
from collector.market.calendar import Calendar

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_READABLE_BY_ALL = 0o644
"""node-exporter runs as another user."""

_ANSWERED = (Outcome.BARS, Outcome.NO_DATA)
_DATA_SETS = {one.id: one.name for one in DATA_SETS}

Samples = Iterable[tuple[Mapping[str, str], float]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What only a running process knows. connected: to the gateway. running: whether a window is at work.

    session_open: whether the exchange trades now.
    """

    connected: bool
    running: bool
    pace: Pace
    session_open: bool
    process: Process
    next_due: datetime | None = None


def exposition(
    figures: Figures | None, now: datetime, *, machine: Machine | None = None, live: Live | None = None
) -> bytes:
    """Return the metrics, of the type CONTENT_TYPE.

    Args:
        figures: what the tables say; None while the database cannot be reached.
        now: the instant, aware.
        machine: what lies beside the tables; None: nobody looked.
        live: what a running process knows; None for a run on its own.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(figures, now, machine, live))
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
            figures = await stored.Reading(settings, calendar).figures(db, clock.now())
    except DatabaseError as error:
        log.warning("metrics_without_tables", error=error.message)
    try:
        found = await machines.look(settings, clock)
        write(settings.serve.textfile.expanduser(), exposition(figures, clock.now(), machine=found))
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

    def __init__(
        self, figures: Figures | None, now: datetime, machine: Machine | None = None, live: Live | None = None
    ) -> None:
        self._figures, self._now, self._machine, self._live = figures, now, machine, live

    def collect(self) -> Iterator[Metric]:
        """Yield them in the order in which they are shown."""
        version = {"version": __version__, "python": platform.python_version()}
        yield _gauge("build_info", "1, with the version that runs.", [(version, 1)])
        yield _gauge("written_timestamp_seconds", "When these metrics were made.", [({}, self._now.timestamp())])
        yield _gauge("database_up", "Whether the database answers.", [({}, float(self._figures is not None))])
        if self._figures is not None:
            yield from _of_runs(self._figures.runs)
            yield from _of_windows(self._figures)
            yield from _of_requests(self._figures.requests)
            yield from _of_data(self._figures)
            if self._figures.archive is not None:
                yield from _of_archive(self._figures.archive)
        if self._machine is not None:
            yield from _of_machine(self._machine)
        if self._live is not None:
            yield from _of_gateway(self._live)
            yield from _of_process(self._live.process)


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


def _of_windows(figures: Figures) -> Iterator[Metric]:
    enabled = [({"window": window}, float(is_on)) for window, is_on in figures.enabled.items()]
    yield _gauge("window_enabled", "Whether a window is on.", enabled)
    late = [({"window": window}, float(late)) for window, late in figures.late.items()]
    yield _gauge("window_late", "Whether a scheduled window should have run by now and has not.", late)
    misses = [({"window": one.window, "kind": one.kind}, one.recorded_at.timestamp()) for one in figures.misses]
    yield _gauge("window_missed_timestamp_seconds", "When a window was last recorded as missed.", misses)


def _of_requests(requests: Iterable[RequestTotal]) -> Iterator[Metric]:
    failed: Counter[str] = Counter({outcome.value: 0 for outcome in Outcome if outcome not in _ANSWERED})
    pacing: Counter[tuple[str, str]] = Counter()
    answered: dict[tuple[str, str], list[int]] = {}
    took_s: dict[tuple[str, str], float] = {}
    for one in requests:
        kind = (_DATA_SETS.get(one.data_set, str(one.data_set)), one.what_to_show)
        pacing[kind] += one.requests if one.outcome is Outcome.PACING else 0
        if one.outcome not in _ANSWERED:
            failed[one.outcome.value] += one.requests
        elif one.bucket is not None:
            answered.setdefault(kind, [0] * (len(LATENCY_BOUNDS_S) + 1))[one.bucket] += one.requests
            took_s[kind] = took_s.get(kind, 0.0) + one.seconds
    words = "this month (UTC)"
    yield _counter(
        "requests_failed",
        f"Historical requests that brought no answer {words}, by how they ended.",
        [({"outcome": outcome}, number) for outcome, number in failed.items()],
    )
    yield _counter(
        "pacing_errors",
        f"Pacing errors of IB {words}, by what was asked for.",
        [({"data_set": kind[0], "what_to_show": kind[1]}, number) for kind, number in sorted(pacing.items())],
    )
    durations = HistogramMetricFamily(
        "collector_request_duration_seconds",
        f"Seconds from a historical request to its answer {words}.",
        labels=("data_set", "what_to_show"),
    )
    for kind, numbers in sorted(answered.items()):
        bounds = (*map(str, LATENCY_BOUNDS_S), "+Inf")
        durations.add_metric(kind, list(zip(bounds, accumulate(numbers), strict=True)), took_s[kind])
    yield durations


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


def _of_archive(archive: Standing) -> Iterator[Metric]:
    yield _gauge("archive_objects", "Objects of the archive.", [({}, archive.objects)])
    yield _gauge("archive_size_bytes", "Size of the archive's objects.", [({}, archive.bytes)])
    oldest = archive.oldest_unarchived
    waits: Samples = [] if oldest is None else [({}, datetime.combine(oldest, time(), UTC).timestamp())]
    words = "Day of the first session that the archive does not hold as it is; none: it holds all."
    yield _gauge("archive_oldest_unarchived_timestamp_seconds", words, waits)


def _of_machine(machine: Machine) -> Iterator[Metric]:
    disks = machine.disks.items()
    yield _gauge("disk_size_bytes", "Size of a disk.", [({"holds": what}, disk.size) for what, disk in disks])
    yield _gauge("disk_free_bytes", "Free room on a disk.", [({"holds": what}, disk.free) for what, disk in disks])
    taken: Samples = [] if machine.last_backup is None else [({}, machine.last_backup.timestamp())]
    yield _gauge("last_backup_timestamp_seconds", "When the newest finished backup was taken.", taken)
    yield _gauge("mails_waiting", "Mails that wait to be sent.", [({}, machine.mails_waiting)])
    yield _gauge("mails_set_aside", "Mails that could never be sent.", [({}, machine.mails_set_aside)])


def _of_gateway(live: Live) -> Iterator[Metric]:
    pace = live.pace
    gauges: tuple[tuple[str, str, float | None], ...] = (
        ("session_open", "Whether the exchange trades now.", float(live.session_open)),
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


def _of_process(process: Process) -> Iterator[Metric]:
    yield _counter("process_cpu_seconds", "Seconds of processor time of this process.", [({}, process.cpu_s)])
    yield _gauge("process_resident_memory_bytes", "Memory of this process.", [({}, process.resident_bytes)])
    yield _gauge("process_start_time_seconds", "When this process began.", [({}, process.started_s)])
