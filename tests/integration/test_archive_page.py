"""The page of the archive's files: what stands there reads an archive."""

import json
import re
import runpy
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.archives import NOVEMBER, spy_archive

PAGE = Path(__file__).parents[2] / "docs/archive.md"
SNIPPETS = re.findall(r"^```python\n(.+?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
SAID = {
    "duckdb": "implied_volatility",
    "pyarrow.dataset": "60 ",
    "polars": "shape: (100, 3)",
    "pandas": "bid_close",
    "json": f"{NOVEMBER[0]} True 60 {{}}",
}
"""What each prints of an archive of three contracts, twenty slots and five sessions, three of them November's."""


@pytest.mark.parametrize("library", SAID)
def test_what_the_page_shows_reads_an_archive(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each reader's lines run beside an archive as they stand, and print what it holds."""
    [snippet] = [one for one in SNIPPETS if one.startswith(f"import {library}\n") or f"import {library} as" in one]
    spy_archive(tmp_path / "archive")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "snippet.py").write_text(snippet)
    runpy.run_path("snippet.py")
    assert SAID[library] in capsys.readouterr().out


def test_every_example_is_run() -> None:
    """No example of the page is without a reader above."""
    assert len(SNIPPETS) == len(SAID)


def test_the_page_names_the_metadata_that_files_have(tmp_path: Path) -> None:
    """What the page says of a session is in the file under that name."""
    spy_archive(tmp_path / "archive")
    path = tmp_path / "archive/option_bars_5min/v1/symbol=SPY/2026-11.parquet"
    told = json.loads(pq.read_metadata(path).metadata[b"collector.sessions"])
    words = set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8")))
    assert list(told) == [day.isoformat() for day in NOVEMBER]
    assert {"settled", "verdicts"} <= words & set(told["2026-11-23"])
