"""Fixtures of the migration tests."""

from collections.abc import Iterator

import pytest

from tests.support.engines import Engine
from tests.support.fixtures_engines import Matrix


@pytest.fixture
def empty_plain_url(plain_engine: Engine, engine_matrix: Matrix) -> Iterator[str]:
    """Give the URL of an empty database on the plain engine."""
    yield from engine_matrix.create(plain_engine, "template0")
