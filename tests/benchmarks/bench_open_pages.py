# ruff: noqa: T201 - a benchmark prints
"""What twenty open pages cost a run that is at work, and what `serve` takes of memory while it shows them.

    python -m tests.benchmarks.bench_open_pages [--pairs 5] [--phase 80]

`collector serve` runs its eod of some 5,000 contracts in this process, in real time, against the simulated gateway's
`capacity` model, so that the gateway is the limit. Phases without and with open pages alternate within the one run.
Each of the twenty pages, in a process of its own, is loaded when a phase begins, follows what is at work, and one after
the other is loaded again, one every two seconds.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
from pydantic import SecretStr

from collector.app import serving
from collector.clock import SystemClock
from collector.config import BackupSettings, DatabaseSettings, GatewaySettings, LogSettings, ServeSettings, Settings
from collector.db.server import embedded
from collector.simulator.market import Market, MarketSettings
from collector.simulator.scenarios import named
from collector.simulator.server import Gateway
from collector.web import serving_pages
from collector.web.context import Process
from tests.benchmarks.bench_collect import EVENING, empty_database, settings_for
from tests.support.served_pages import logins_in
from tests.support.window_runs import no_bar

PAGES = 20
WARM_UP_S = 90
"""The pacer finds the gateway's capacity."""

MOST_FALL, MOST_MB = 0.03, 150
_RELOAD_S = 2.0
_PATHS = ("/", "/runs", "/schedule", "/gaps", "/sessions/2026-11-20", "/coverage/SPY", "/chains/SPY", "/health")


@dataclass(frozen=True)
class Phase:
    """Requests answered and seconds of CPU between two instants, and the seconds between them."""

    requests: int
    cpu_s: float
    seconds: float

    @property
    def rate(self) -> float:
        """Return requests a second."""
        return self.requests / self.seconds


def serve_gateway(pipe: Connection) -> None:
    """Run the simulated gateway until the other end says so."""

    async def main() -> None:
        clock = SystemClock(EVENING)
        market = Market(7, clock, MarketSettings(contract_days_kept=20_000))
        async with Gateway(market, clock, [named("capacity")]) as gateway:
            pipe.send(gateway.port)
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(main())


def look_on(pipe: Connection) -> None:
    """Open and close pages as the other end says: (port, cookie) opens them, None closes them, "end" ends."""
    asyncio.run(_look_on(pipe))


async def _look_on(pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    opened: list[asyncio.Task[None]] = []
    while (word := await loop.run_in_executor(None, pipe.recv)) != "end":
        for task in opened:
            task.cancel()
        await asyncio.gather(*opened, return_exceptions=True)
        opened = []
        if word is not None:
            port, cookie = word
            await asyncio.gather(*(_load(port, cookie, _PATHS[n % len(_PATHS)]) for n in range(PAGES)))
            opened = [asyncio.create_task(_follow(port, cookie)) for _ in range(PAGES)]
            opened.append(asyncio.create_task(_reload(port, cookie)))
        pipe.send(len(opened))


async def _load(port: int, cookie: str, path: str) -> None:
    async with _asked(port, cookie, path, "close") as reader:
        status = (await reader.readline()).decode()
        if " 200 " not in status:
            raise SystemExit(f"{path}: {status}")
        await reader.read()


async def _follow(port: int, cookie: str) -> None:
    async with _asked(port, cookie, "/live", "keep-alive") as reader:
        while await reader.read(65536):
            pass


async def _reload(port: int, cookie: str) -> None:
    turn = 0
    while True:
        await asyncio.sleep(_RELOAD_S)
        await _load(port, cookie, _PATHS[turn % len(_PATHS)])
        turn += 1


@contextlib.asynccontextmanager
async def _asked(port: int, cookie: str, path: str, connection: str) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{cookie}\r\nConnection: {connection}\r\n\r\n"
    writer.write(head.encode())
    try:
        yield reader
    finally:
        writer.close()


def settings_of(url: str, gateway_port: int, folder: Path) -> Settings:
    """Return the configuration of a service whose eod is due, with contracts for an hour."""
    return settings_for(5_000).model_copy(
        update={
            "database": DatabaseSettings(url=SecretStr(url)),
            "gateway": GatewaySettings(port=gateway_port),
            "log": LogSettings(directory=folder / "logs"),
            "serve": ServeSettings(port=0),
            "backup": BackupSettings(enabled=False),
        }
    )


async def measure(settings: Settings, folder: Path, viewers: Connection, pairs: int, phase_s: float) -> list[Phase]:
    """Serve, let eod begin, and measure phases without and with pages in turn, then what memory is taken."""
    clock, logins = SystemClock(EVENING), logins_in(folder)
    shown: list[Process] = []
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def endpoint(process: Process) -> contextlib.AbstractAsyncContextManager[int]:
        shown.append(process)
        return serving_pages.endpoint(settings, clock, logins)(process)

    def ready(_host: str, port: int) -> None:
        bound.set_result(port)

    work = asyncio.create_task(serving.serve(settings, clock, no_bar, ready, endpoint))
    port = await bound
    cookie = f"Cookie: collector_{port}={logins.cookie()}"
    print(f"warming up for {WARM_UP_S} s", flush=True)
    await asyncio.sleep(WARM_UP_S)
    phases = []
    for number in range(2 * pairs):
        viewers.send((port, cookie) if number % 2 else None)
        await asyncio.get_running_loop().run_in_executor(None, viewers.recv)
        phases.append(await _phase(shown[0], phase_s))
        print(
            f"{'with' if number % 2 else 'without':8}{phases[-1].rate:8.3f} requests/s"
            f"{1000 * phases[-1].cpu_s / phases[-1].requests:8.2f} ms of CPU a request",
            flush=True,
        )
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    return phases


async def _phase(process: Process, phase_s: float) -> Phase:
    began, cpu_began, answered = time.perf_counter(), time.process_time(), _answered(process)
    await asyncio.sleep(phase_s)
    return Phase(_answered(process) - answered, time.process_time() - cpu_began, time.perf_counter() - began)


def _answered(process: Process) -> int:
    work = process.live.work
    if work is None or work.tally is None:
        raise SystemExit("eod is not at work: the run ended, or never began")
    return work.tally.attempts


@contextlib.contextmanager
def children() -> Iterator[tuple[Connection, Connection]]:
    """Start the gateway and the viewers, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    pipes = []
    started = []
    for target in (serve_gateway, look_on):
        ours, theirs = context.Pipe()
        started.append(context.Process(target=target, args=(theirs,)))
        started[-1].start()
        pipes.append(ours)
    try:
        yield pipes[0], pipes[1]
    finally:
        pipes[0].send(None)
        pipes[1].send("end")
        for process in started:
            process.join()


def main() -> int:
    """Print the phases, the median fall and the memory; 1 when one is above its bound."""
    parser = argparse.ArgumentParser(description="what open pages cost a run")
    parser.add_argument("--pairs", type=int, default=5, help="phases without and with pages (default 5)")
    parser.add_argument("--phase", type=float, default=80.0, help="seconds of each (default 80)")
    arguments = parser.parse_args()
    with children() as (gateway, viewers), tempfile.TemporaryDirectory(prefix="collector-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # root's server, which runs as another user, passes through
        url = embedded.ensure_running(folder / "postgres")
        try:
            settings = settings_of(asyncio.run(empty_database(url, "bench")), gateway.recv(), folder)
            phases = asyncio.run(measure(settings, folder, viewers, arguments.pairs, arguments.phase))
        finally:
            embedded.stop(folder / "postgres")
    without, with_pages = phases[::2], phases[1::2]
    falls = [1 - after.rate / before.rate for before, after in zip(without, with_pages, strict=True)]
    fall = statistics.median(falls)
    used_mb = psutil.Process().memory_info().rss / 1e6
    print("falls " + ", ".join(f"{one:.1%}" for one in falls) + f"; median {fall:.1%} (at most {MOST_FALL:.0%})")
    print(f"memory at the end, run and pages {used_mb:.0f} MB (idle with pages: at most {MOST_MB})")
    return int(fall >= MOST_FALL)


if __name__ == "__main__":
    sys.exit(main())
