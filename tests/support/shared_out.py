"""How test files are shared out among workers: those that look at pages stay together."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

_TOGETHER = "pages"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 - it has no types
    """Where tests are shared out by file, give one worker all files that look at pages.

    What these share, a collected week and a browser, is made once then, and not in each worker.
    """
    if config.getvalue("dist") != "loadfile":
        return None
    scheduling = LoadFileScheduling(config, log)
    file_of = scheduling._split_scope

    def scope_of(nodeid: str) -> str:
        file: str = file_of(nodeid)
        return _TOGETHER if _looks_at_pages(config.rootpath / file) else file

    scheduling._split_scope = scope_of
    return scheduling


@cache
def _looks_at_pages(file: Path) -> bool:
    return "from tests.support.pages import" in file.read_text(encoding="utf-8")
