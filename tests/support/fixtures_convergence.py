"""Fixtures of convergence: a database for each engine that is emptied between disturbed runs, and their references."""

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.support import engines, liars
from tests.support.arena import Arena, Reference, Variant
from tests.support.fixtures_engines import Matrix


@pytest.fixture(scope="session")
def arenas(engine_matrix: Matrix) -> Iterator[Callable[[engines.Engine], Arena]]:
    """Give the arena of an engine; it is made once, and all share their references: engines must not differ."""
    made: dict[str, Arena] = {}
    open_: list[Iterator[str]] = []
    references: dict[tuple[int, Variant], Reference] = {}

    def of(engine: engines.Engine) -> Arena:
        if engine.name not in made:
            urls = engine_matrix.create(engine, engine_matrix.template(engine))
            made[engine.name] = Arena(next(urls), references)
            open_.append(urls)
        return made[engine.name]

    yield of
    for urls in open_:
        next(urls, None)


@pytest.fixture
def quiet_faults() -> Iterator[None]:
    """Keep asyncio's and asyncpg's reports of provoked errors out of the log."""
    loggers = [logging.getLogger(name) for name in ("asyncio", "asyncpg.pool")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture
def arena(arenas: Callable[[engines.Engine], Arena], plain_engine: engines.Engine) -> Arena:
    """Give the arena on the engine without TimescaleDB."""
    return arenas(plain_engine)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the mixes left before their quiet nights: how much one witness settled, how much of it is wrong."""
    found = [
        [int(number) for number in str(value).split()]
        for report in terminalreporter.stats.get("passed", [])
        for name, value in getattr(report, "user_properties", ())
        if name == liars.PROPERTY
    ]
    if found:
        settled, single, wrong, contradicted = map(sum, zip(*found, strict=True))
        terminalreporter.write_line(
            f"{len(found)} mixes with lies: {settled:,} slots settled, {single:,} by one witness,"
            f" {wrong:,} of these wrong, {contradicted} against a control"
        )
