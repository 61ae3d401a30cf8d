"""Which database and archive a reader opens."""

from pathlib import Path
from typing import Any, cast

import pytest

from collector import research
from collector.clock import SystemClock
from collector.config import Settings
from collector.domain.errors import DatabaseUnavailable, UsageError
from collector.research.reader import Reader


def test_another_database_needs_no_other_configuration(tmp_path: Path) -> None:
    """What the configuration says of its own server does not keep anybody from opening another one."""
    config = tmp_path / "config.yaml"
    config.write_text("symbols: [SPY]\ndatabase: {url: embedded, tcp_port: 5433}\n")
    with pytest.raises(DatabaseUnavailable, match="no database server listens there"):
        research.open(f"postgresql://reader@/collector?host={tmp_path}", config=config)


def test_an_unknown_preference_is_refused() -> None:
    """A word that is neither of the two is an error, before anything is opened."""
    with pytest.raises(UsageError, match="bars cannot be read from 'archiv'") as told:
        Reader(Settings(), "postgresql://nowhere", SystemClock(), prefer=cast("Any", "archiv"))
    assert told.value.hint == 'Write prefer="archive" or prefer="database".'
