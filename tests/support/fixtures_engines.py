"""Fixtures of the database: the engine matrix, a migrated database for each test, and the suite's last lines.

COLLECTOR_REQUIRE_ENGINES (`plain,apache`) makes the absence of an engine a failure instead of a skip. COLLECTOR_ENGINES
(`community`) leaves out the tests that run on another.
"""

import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from collector.clock import SystemClock
from tests.support import engines

if TYPE_CHECKING:
    from collector.db.connection.pool import Database

_ENGINE = "database engine"
_ABSENT = "absent database engine"
_numbers = itertools.count(1)


@dataclass
class Matrix:
    """The engines of one test session: each is found once, when the first test asks for it."""

    stack: ExitStack
    found: dict[str, engines.Engine | str] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)

    def engine(self, request: pytest.FixtureRequest, name: str) -> engines.Engine:
        """Return a running engine, or skip (or fail) the test with the reason."""
        if name not in self.found:
            try:
                self.found[name] = engines.find(name, self.stack)
            except engines.EngineAbsent as exc:
                self.found[name] = str(exc)
        engine = self.found[name]
        if isinstance(engine, engines.Engine):
            return engine
        if isinstance(request.node, pytest.Item):
            request.node.user_properties.append((_ABSENT, f"{name}|{engine}"))
        if name in os.environ.get("COLLECTOR_REQUIRE_ENGINES", "").split(","):
            pytest.fail(f"the required engine {name} is absent: {engine}", pytrace=False)
        pytest.skip(f"engine {name} is absent: {engine}")

    def template(self, engine: engines.Engine) -> str:
        """Return the name of the engine's migrated template database; it is made once."""
        if engine.name not in self.templates:
            name = f"collector_template_{os.getpid()}"
            engine.execute(f'DROP DATABASE IF EXISTS "{name}"', f'CREATE DATABASE "{name}"')
            engines.run(_migrate(engine.database(name)))
            self.stack.callback(engine.execute, f'DROP DATABASE "{name}" WITH (FORCE)')
            self.templates[engine.name] = name
        return self.templates[engine.name]

    def create(self, engine: engines.Engine, template: str) -> Generator[str, None, None]:
        """Yield the URL of a new database cloned from `template`, and drop it afterwards."""
        name = f"collector_test_{os.getpid()}_{next(_numbers)}"
        copied = (
            "" if engine.server.startswith("14.") else "STRATEGY file_copy"
        )  # four times as fast as by way of the log
        engine.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {copied}')
        try:
            yield engine.database(name)
        finally:
            engine.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _migrate(url: str) -> None:
    """Bring an empty database to the newest schema with every feature that the engine has."""
    from collector.db.schema import features, migrate  # noqa: PLC0415 - alembic is loaded by tests that need it only

    await migrate.upgrade(url)
    await features.apply(url)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what runs on an engine that is not wanted."""
    wanted = os.environ.get("COLLECTOR_ENGINES", "")
    if not wanted:
        return
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        (kept if _engine_of(item) in {"", *wanted.split(",")} else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def _engine_of(item: pytest.Item) -> str:
    """Return the name of the engine that a test runs on, "" without any."""
    if {"plain_engine", "site"} & set(getattr(item, "fixturenames", ())):
        return "plain"
    return (
        str(item.callspec.params.get("engine", ""))
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        else ""
    )


@pytest.fixture(scope="session")
def engine_matrix() -> Iterator[Matrix]:
    """Give the engines of this session, and stop them when it ends."""
    engines.remove_leftovers()
    with ExitStack() as stack:
        yield Matrix(stack)


@pytest.fixture(params=engines.NAMES)
def engine(request: pytest.FixtureRequest, engine_matrix: Matrix) -> engines.Engine:
    """Give each engine in turn; an absent one is skipped, and named in the suite's last lines."""
    found = engine_matrix.engine(request, request.param)
    request.node.user_properties.append((_ENGINE, f"{found.name}|{found.title}"))
    return found


@pytest.fixture
def plain_engine(request: pytest.FixtureRequest, engine_matrix: Matrix) -> engines.Engine:
    """Give the engine without TimescaleDB only."""
    found = engine_matrix.engine(request, "plain")
    request.node.user_properties.append((_ENGINE, f"{found.name}|{found.title}"))
    return found


@pytest.fixture
def database_url(engine: engines.Engine, engine_matrix: Matrix) -> Iterator[str]:
    """Give the URL of a migrated database of its own, on each engine in turn."""
    yield from engine_matrix.create(engine, engine_matrix.template(engine))


@pytest.fixture
def empty_database_url(engine: engines.Engine, engine_matrix: Matrix) -> Iterator[str]:
    """Give the URL of an empty database, on each engine in turn."""
    yield from engine_matrix.create(engine, "template0")


@pytest.fixture
def plain_database_url(plain_engine: engines.Engine, engine_matrix: Matrix) -> Iterator[str]:
    """Give the URL of a migrated database of its own, on the plain engine only."""
    yield from engine_matrix.create(plain_engine, engine_matrix.template(plain_engine))


@pytest_asyncio.fixture
async def database(database_url: str) -> "AsyncIterator[Database]":
    """Give an open database, on each engine in turn."""
    from collector.db.connection import pool  # noqa: PLC0415 - only tests with a database pay for its import

    async with pool.connect(database_url, SystemClock()) as opened:
        yield opened


def _parts(report: pytest.TestReport, key: str) -> Iterator[tuple[str, str]]:
    for name, value in getattr(report, "user_properties", ()):
        if name == key:
            engine, _, text = str(value).partition("|")
            yield engine, text


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each engine with its versions, how many tests ran on it, and what was skipped and why."""
    ran: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    titles: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for outcome in ("passed", "failed", "skipped", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            for engine, title in _parts(report, _ENGINE):
                titles[engine] = title
                ran[engine] += 1
            for engine, reason in _parts(report, _ABSENT):
                reasons[engine] = reason
                skipped[engine] += 1
    if not titles and not reasons:
        return
    terminalreporter.section("database engines")
    for name in engines.NAMES:
        if name in titles:
            terminalreporter.write_line(f"{name:<10} {titles[name]}: {ran[name]} tests")
        elif name in reasons:
            terminalreporter.write_line(f"{name:<10} ABSENT, {skipped[name]} tests skipped: {reasons[name]}")
        else:
            terminalreporter.write_line(f"{name:<10} no test asked for it")
