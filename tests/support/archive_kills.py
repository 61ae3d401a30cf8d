"""A pass of the archive in a process of its own that kills itself after so many steps."""

import asyncio
import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from collector.archive.places import open_place
from collector.clock import SystemClock
from collector.config.operation_settings import ArchiveSettings
from collector.db.connection import pool
from collector.jobs import archive_pass
from collector.jobs.archive_pass import Step
from collector.market.calendar import Calendar
from tests.support.window_runs import narrow

_COMMAND = "from tests.support.archive_kills import main; main()"
CHECKOUT = Path(__file__).parents[2]


async def killed(url: str, place: Path, now: datetime, steps: int, after_s: float | None) -> int:
    """Run a pass that is killed, and return how its process ended.

    Args:
        url: the database.
        place: the archive's folder; temporary files lie beside it.
        now: the instant that the pass begins at.
        steps: after so many it kills itself.
        after_s: seconds after its first step it is killed from outside; None: it is not.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _COMMAND, url, str(place), now.isoformat(), str(steps)),
        cwd=CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            await process.stdout.readline()
            if after_s is not None:
                await asyncio.sleep(after_s)
                process.kill()
            return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def main() -> None:
    """Run a pass as the arguments say."""
    url, place, now, steps = sys.argv[1:]
    left = int(steps)

    def at_step(_: Step) -> None:
        nonlocal left
        if left == int(steps):
            sys.stdout.write("begun\n")
            sys.stdout.flush()
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    async def run() -> None:
        settings = narrow("PLTR", archive=ArchiveSettings(place=place))
        async with pool.connect(url, SystemClock(datetime.fromisoformat(now))) as db:
            await archive_pass.archive(
                db,
                open_place(settings.archive),
                settings,
                Calendar.configured(settings),
                root=Path(place).parent / "work",
                at_step=at_step,
            )

    asyncio.run(run())
