"""Copy an archive's bars into other shapes."""

import asyncio
import contextlib
import functools
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from collector.archive.exports import sources
from collector.archive.exports.nautilus import Exported, nautilus
from collector.archive.exports.single_file import Bars, single
from collector.archive.places import Place
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN

ResultT = TypeVar("ResultT")


class _Stopped(Exception):  # noqa: N818 - no error: it was asked for
    """Ends the work of a thread."""


async def single_file(place: Place, symbol: str, path: Path, bars: Bars) -> int:
    """Write all bars of a symbol's options into one file, and return how many they are.

    Args:
        place: of the archive; the database is not asked.
        symbol: of the underlying.
        path: of the file, absolute; what is there is replaced. Objects that must be fetched lie beside it meanwhile.
        bars: of which size.

    Raises:
        ArchiveError: the archive has none, is damaged, or its place cannot be reached.
        OSError: the file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix=".collector-", dir=path.parent) as folder:
        found = await sources.gather(place, OPTION_BARS_5MIN, symbol, Path(folder))
        return await _in_thread(functools.partial(single, found, path, bars))


async def catalogue(place: Place, symbol: str, folder: Path) -> Exported:
    """Write a symbol's option bars as a catalogue of NautilusTrader.

    Args:
        place: of the archive; the database is not asked.
        symbol: of the underlying.
        folder: of the catalogue, absolute, new or empty; the one above it must be there.

    Raises:
        UsageError: the folder is not empty.
        ArchiveError, OSError: as for `single_file`.
    """
    with tempfile.TemporaryDirectory(prefix=".collector-", dir=folder.parent) as copies:
        found = await sources.gather(place, OPTION_BARS_5MIN, symbol, Path(copies))
        return await _in_thread(functools.partial(nautilus, found, folder))


async def _in_thread(work: Callable[[Callable[[int], None]], ResultT]) -> ResultT:
    """Do work in a thread that ends soon when it is cancelled; its files are not taken from it before.

    Args:
        work: calls its argument often.
    """
    stop = threading.Event()

    def told(_: int) -> None:
        if stop.is_set():
            raise _Stopped

    task = asyncio.ensure_future(asyncio.to_thread(work, told))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        with contextlib.suppress(Exception):  # however it ends, it was to end
            await task
        raise
