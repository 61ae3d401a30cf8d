"""What commands import: nothing heavy before it is needed."""

import sys
from dataclasses import replace

import pytest

from collector.clock import SystemClock
from tests.support.command_line import Home, gateway_beside, home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

_HEAVY = {"ib_async", "sqlalchemy", "alembic", "numpy", "jinja2", "pydantic", "asyncpg", "obstore", "pyarrow", "duckdb"}
_IMPORTED = """
import sys
from collector.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


def imported(account: Home, *words: str) -> tuple[int, set[str]]:
    """Run the command in a process of its own; return its exit code and the packages that it has imported."""
    done = replace(account, words=(sys.executable, "-c", _IMPORTED)).run(*words)
    return done.code, set(done.err.splitlines()[-1].split())


@pytest.mark.parametrize(("words", "code"), [("--help", 0), ("-h", 0), ("--version", 0), ("statsu", 2), ("", 2)])
def test_help_imports_nothing_heavy(words: str, code: int) -> None:
    """Help, the version and a typo need neither a database nor a gateway, nor what checks the configuration."""
    with home(SystemClock(AFTER_THE_CLOSE), 1) as account:
        ended, packages = imported(account, *words.split())
    assert ended == code
    assert packages & _HEAVY == set()


def test_reading_commands_import_no_gateway() -> None:
    """A status page, and a timer that finds nothing due, import neither IB's client nor what renders mails."""
    clock = SystemClock(AFTER_THE_CLOSE)
    with gateway_beside(clock) as gateway, home(clock, gateway.port) as account:
        assert account.run("run", "--due").code == 0  # once: what is due is done, the exchange's calendar is kept
        for words in ("status", "run --due", "gaps"):
            ended, packages = imported(account, *words.split())
            assert ended == 0, words
            assert packages & (_HEAVY - {"pydantic", "asyncpg"}) == set(), words


_WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(("obstore", "pyarrow", "duckdb"), None))
from collector.cli import main
main(sys.argv[1:])
"""


def test_without_the_archives_libraries() -> None:
    """Where the extra is not installed the archive says how to, by 2; a place in a bucket likewise; the rest works."""
    with home(SystemClock(AFTER_THE_CLOSE), 1) as account:
        more = {"COLLECTOR_BACKUP__COPIES": "s3://bars/backups", "COLLECTOR_ARCHIVE__PLACE": str(account.folder)}
        bare = replace(account, words=(sys.executable, "-c", _WITHOUT), more=more)
        archive = bare.run("archive")
        assert archive.code == 2
        assert "which is not installed" in archive.err
        assert "pip install 'collector[archive]'" in archive.err
        assert bare.run("status").code == 0
        backup = bare.run("db", "backup")
        assert backup.code == 3
        assert "the backup is not copied: the archive needs obstore, which is not installed" in backup.err
        assert "the archive needs obstore, which is not installed" in bare.run("doctor").out
