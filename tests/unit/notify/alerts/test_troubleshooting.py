"""The cause of an error, the checklist for it, and tracebacks without values."""

import errno

import pytest

from collector.domain.errors import (
    BackupError,
    ClientIdInUse,
    ConfigurationError,
    DatabaseError,
    DatabaseUnavailable,
    DiskFull,
    GatewayUnavailable,
    Interrupted,
    LockHeld,
    NotASession,
    UsageError,
)
from collector.domain.reports.run_report import Cause
from collector.notify.alerts.troubleshooting import CHECKLISTS, cause_of, checklist, traceback_without_values


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (GatewayUnavailable("refused"), Cause.GATEWAY_DOWN),
        (ClientIdInUse("in use"), Cause.CLIENT_ID),
        (DatabaseUnavailable("refused"), Cause.DATABASE_DOWN),
        (DatabaseError("could not extend file: No space left on device"), Cause.DISK),
        (OSError(errno.ENOSPC, "No space left on device"), Cause.DISK),
        (ConfigurationError("config.yaml:3: symbls"), Cause.CONFIGURATION),
        (DiskFull("the database's disk is full: could not write a block"), Cause.DISK),
        (UsageError("IB does not know SPX1"), Cause.USAGE),
        (NotASession("2026-11-26 is no trading session"), Cause.USAGE),
        (BackupError("pg_dump of version 18 or later is needed; on this machine: none"), Cause.BACKUP),
        (Interrupted("SIGTERM"), Cause.INTERRUPTED),
        (LockHeld("run 7"), Cause.INTERRUPTED),
        (KeyError("x"), Cause.UNFORESEEN),
        (ExceptionGroup("tasks", [GatewayUnavailable("gone")]), Cause.GATEWAY_DOWN),
    ],
)
def test_the_cause_of_an_error(error: BaseException, cause: Cause) -> None:
    """Our own errors name their cause; what nobody foresaw stays unforeseen."""
    assert cause is cause_of(error)


def test_the_cause_is_looked_for_in_what_raised_the_error() -> None:
    """An error raised from a full disk is about the disk."""
    error = DatabaseError("could not write")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")

    assert cause_of(error) is Cause.DISK


def test_every_cause_has_a_checklist() -> None:
    """Whatever fails, there is something to look at."""
    assert set(Cause) == set(CHECKLISTS)
    assert all(len(checklist(cause)) >= 2 for cause in Cause)


@pytest.mark.parametrize(
    ("cause", "place"),
    [
        (Cause.PERMISSION, "collector doctor --permissions"),  # without the option it asks IB for nothing
        (Cause.DISK, "sql/status/storage_by_table.sql"),  # `db status` shows features, no sizes
        (Cause.INCOMPLETE, "sql/status/dead_letters.sql"),  # `gaps` shows a kind of reason, not what IB said
    ],
)
def test_checklists_name_what_really_shows_it(cause: Cause, place: str) -> None:
    """Nobody is sent to a command that does not show what it is said to show."""
    assert any(place in line for line in checklist(cause))


def test_a_traceback_shows_lines_and_no_values() -> None:
    """Where it broke is shown, what the variables held is not."""

    def connect(login: str) -> None:
        secret = login * 2
        raise ValueError(f"refused after {len(secret)} characters")

    try:
        connect("hunter2")
    except ValueError as error:
        text = traceback_without_values(error)

    assert "raise ValueError" in text
    assert "refused after 14 characters" in text
    assert "hunter2hunter2" not in text
