"""A disk of the write-ahead log that fills up in mid-run: the server crashes, and the run says why within seconds."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.schema import features, migrate
from collector.db.server import embedded
from collector.db.server.local_server import LocalServer
from collector.domain.errors import CollectorError, DiskFull
from collector.domain.run_vocabulary import RunStatus
from collector.simulator.server import Gateway
from tests.support.server_folders import server_folder
from tests.support.truth import compare
from tests.support.window_runs import FRIDAY, narrow, run_window

KEPT_BYTES = 400_000
"""What is left of the log when the run begins: enough for its row, not for its bars."""


@pytest.fixture
def small_wal() -> Iterator[tuple[LocalServer, Path]]:
    """Start a server whose log lies on a disk of 80 MB of its own; gives that disk's folder, too."""
    folder = server_folder("collector-tests-wal-")
    disk = folder / "disk"
    disk.mkdir()
    folder.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", "size=80m", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        shutil.rmtree(folder)
        pytest.skip("only root, where mounting is allowed, can make a disk that is full")
    server = LocalServer(embedded.binaries(), folder / "pg", {"max_wal_size": "32MB", "min_wal_size": "32MB"})
    try:
        server.start()
        server.stop()
        log = server.data_dir / "pg_wal"
        owner = log.stat()
        shutil.move(log, disk / "pg_wal")
        for path in (disk / "pg_wal", *(disk / "pg_wal").rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        disk.chmod(0o755)
        log.symlink_to(disk / "pg_wal")
        server.start()
        yield server, disk
    finally:
        with contextlib.suppress(CollectorError):
            server.stop("immediate")
        subprocess.run(["umount", "-l", str(disk)], check=True)  # noqa: S607 - the system's own
        shutil.rmtree(folder, ignore_errors=True)


async def fill(url: str, disk: Path) -> None:
    """Use up the disk, and the log that is there already, but for the last few pages."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CHECKPOINT")
        with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(b"\0" * 4096):
                pass
        current = await connection.fetchval("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
        ahead = sum(path.name > current for path in (disk / "pg_wal").glob("0" * 8 + "?" * 16))
        for _ in range(ahead):
            await connection.execute("SELECT pg_logical_emit_message(true, 'fill', 'x'), pg_switch_wal()")
        left = "SELECT 16777216 - (pg_current_wal_insert_lsn() - '0/0')::bigint % 16777216"
        message = "SELECT pg_logical_emit_message(true, 'fill', repeat('x', $1))"
        await connection.execute(message, await connection.fetchval(left) - KEPT_BYTES)
    finally:
        await connection.close()


async def test_a_full_log_ends_the_run_within_seconds(
    small_wal: tuple[LocalServer, Path], gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """The run is not kept waiting a minute for a disk that nobody mends; with room again the next one completes."""
    server, disk = small_wal
    url = server.url("postgres")
    await migrate.upgrade(url)
    await features.apply(url)
    await fill(url, disk)
    began = time.monotonic()
    finished = await run_window(url, gateway, narrow("PLTR"), gateway_clock)
    assert isinstance(finished.error, DiskFull)
    assert finished.error.message.startswith("the database's disk is full: ")
    assert time.monotonic() - began < 30
    (disk / "ballast").unlink()
    server.start()
    again = await run_window(url, gateway, narrow("PLTR"), gateway_clock)
    assert again.status is RunStatus.SUCCESS
    await compare(url, gateway.market, [FRIDAY], ["PLTR"])
