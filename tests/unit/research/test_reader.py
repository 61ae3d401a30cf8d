"""Which database and archive a reader opens."""

from pathlib import Path

import pytest

from collector import research
from collector.domain.errors import DatabaseUnavailable


def test_another_database_needs_no_other_configuration(tmp_path: Path) -> None:
    """What the configuration says of its own server does not keep anybody from opening another one."""
    config = tmp_path / "config.yaml"
    config.write_text("symbols: [SPY]\ndatabase: {url: embedded, tcp_port: 5433}\n")
    with pytest.raises(DatabaseUnavailable, match="no database server listens there"):
        research.open(f"postgresql://reader@/collector?host={tmp_path}", config=config)
