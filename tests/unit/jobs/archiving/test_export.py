import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.archive.exports.sources import Sources
from collector.archive.folders import Folder
from collector.jobs.archiving import export
from tests.support.archives import spy_archive


async def test_what_is_cancelled_ends_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that is stopped ends at the next rows; neither its thread nor a copy of an object is left."""
    spy_archive(tmp_path / "place")
    began, ended = threading.Event(), threading.Event()

    def slow(_: Sources, path: Path, bars: str, on_rows: Callable[[int], object]) -> int:
        began.set()
        try:
            while True:
                on_rows(1)
        finally:
            ended.set()

    monkeypatch.setattr(export, "single", slow)
    task = asyncio.ensure_future(
        export.single_file(Folder(tmp_path / "place"), "SPY", tmp_path / "spy.parquet", "5min")
    )
    await asyncio.to_thread(began.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert left(tmp_path) == ["place"]


def left(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())
