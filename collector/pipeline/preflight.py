"""Is everything there that a run needs? Each check says what it found and what to do about it."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from collector.domain.errors import CollectorError, DatabaseUnavailable
from collector.market.calendar import Calendar

_LEAST_FREE_BYTES = 1_000_000_000
"""Below this a run is not begun: a full disk would stop it in the middle."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `finding` is one line; `hint` says what to do when it is not ok; `error` is what was raised."""

    subject: str
    ok: bool
    finding: str
    hint: str = ""
    error: CollectorError | None = None


def disk(folder: Path) -> Check:
    """Check the free space where a folder is, or would be made."""
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    usage = shutil.disk_usage(place)
    finding = f"{usage.free / 1e9:,.1f} GB free of {usage.total / 1e9:,.0f} GB at {place}"
    if usage.free >= _LEAST_FREE_BYTES:
        return Check("disk", True, finding)
    hint = "Free at least 1 GB; see the largest tables with: collector db status"
    return Check("disk", False, finding, hint, DatabaseUnavailable(f"the disk is nearly full: {finding}", hint))


def sessions(calendar: Calendar, now: datetime) -> Check:
    """Say which session was the last to complete, so that a wrong clock or calendar is noticed."""
    last = calendar.last_completed(now, "SPY")
    return Check(
        "calendar", True, f"it is {now:%Y-%m-%d %H:%M} UTC; the last completed session is {last.day:%A %Y-%m-%d}"
    )


def failed(subject: str, error: CollectorError) -> Check:
    """Return the check that an error failed."""
    return Check(subject, False, error.message, error.hint, error)
