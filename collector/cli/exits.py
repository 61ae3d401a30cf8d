"""Exit codes, and which error ends with which."""

from collections.abc import Iterable
from enum import IntEnum

from collector.domain.errors import (
    BackupError,
    CollectorError,
    ConfigurationError,
    DatabaseError,
    GatewayError,
    Interrupted,
    LockHeld,
    UsageError,
)
from collector.domain.run_vocabulary import RunStatus


class Exit(IntEnum):
    """What the command's exit code says (README, Commands)."""

    SUCCESS = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    GATEWAY = 4
    DATABASE = 5
    LOCKED = 6
    INTERRUPTED = 130


_BY_ERROR: tuple[tuple[type[CollectorError], Exit], ...] = (
    (UsageError, Exit.USAGE),
    (ConfigurationError, Exit.USAGE),
    (GatewayError, Exit.GATEWAY),
    (BackupError, Exit.FAILED),
    (DatabaseError, Exit.DATABASE),
    (LockHeld, Exit.LOCKED),
    (Interrupted, Exit.INTERRUPTED),
)

_GRAVITY = (
    Exit.SUCCESS,
    Exit.LOCKED,
    Exit.PARTIAL,
    Exit.FAILED,
    Exit.USAGE,
    Exit.GATEWAY,
    Exit.DATABASE,
    Exit.INTERRUPTED,
)
"""From nothing wrong to what stopped everything else."""

_BY_STATUS = {
    RunStatus.SUCCESS: Exit.SUCCESS,
    RunStatus.PARTIAL: Exit.PARTIAL,
    RunStatus.INTERRUPTED: Exit.INTERRUPTED,
}


def of_error(error: CollectorError) -> Exit:
    """Return the exit code of a foreseeable error."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.FAILED)


def worst(codes: Iterable[int]) -> int:
    """Return the gravest of several runs' exit codes; success without any."""
    return max(codes, key=_GRAVITY.index, default=Exit.SUCCESS)


def of_status(status: RunStatus) -> Exit:
    """Return the exit code of a finished run."""
    return _BY_STATUS.get(status, Exit.FAILED)
