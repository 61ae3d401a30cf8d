"""Files for the owner's eyes only.

How such a file is written, and whether one is what it should be. Every command has a umask (`collector/cli/main.py`)
that closes to other users what it creates, folders too; here is what a umask does not do.
"""

import os
import stat
from pathlib import Path
from typing import TextIO

from collector.machine import whole_files

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

_MOUNTED = (Path("/run/secrets"), Path("/run/credentials"))
"""Where container engines and systemd hand secrets over: owner and mode are theirs, and nobody else gets in."""


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, in a way that outlasts a power cut; makes its folder if need be.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with whole_files.draft(path) as made, made.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def open_to_append(path: Path) -> TextIO:
    """Open a text file to append to, closed to others from now on if it was not.

    Raises:
        OSError: it cannot be opened.
    """
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    close_to_others(path)
    return os.fdopen(handle, "a", encoding="utf-8")


def close_to_others(path: Path) -> None:
    """Take from other users what they may do with a file or folder of our own."""
    found = path.stat()
    if found.st_uid == os.geteuid() and found.st_mode & _OTHERS:
        path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)


def exposure(path: Path) -> tuple[str, str] | None:
    """Return who else may read a file, or change a folder, that holds secrets, and what to do; None when nobody.

    Args:
        path: a file that holds a secret, or a folder of such files; where a link leads is what counts.

    Raises:
        OSError: it cannot be looked at.
    """
    if any(path.is_relative_to(place) for place in _MOUNTED):
        return None
    found = path.stat()
    if found.st_uid not in _trusted():
        return f"{path} belongs to another user (uid {found.st_uid}).", "Run the collector as that user, or chown it."
    if stat.S_ISDIR(found.st_mode):
        return (
            (f"{path} can be changed by other users.", f"chmod 700 {path}") if found.st_mode & _OTHERS_WRITE else None
        )
    return (f"{path} can be read by other users.", f"chmod 600 {path}") if found.st_mode & _OTHERS else None


def _trusted() -> set[int]:
    """Return whose files may hold our secrets: ours, root's, and under sudo those of the account that called it."""
    ours = os.geteuid()
    caller = os.environ.get("SUDO_UID", "") if ours == 0 else ""
    return {ours, 0, *([int(caller)] if caller.isdecimal() else [])}
