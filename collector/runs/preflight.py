"""Check that everything a run needs is there.

Is everything there that a run needs? Each check says what it found and what to do about it.
"""

import os
import shutil
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from collector.domain.errors import CollectorError, DatabaseError, DatabaseUnavailable
from collector.domain.market_data.answers import Failure, Outcome, Permission
from collector.domain.market_data.instruments import OptionContract
from collector.market.calendar import Calendar

_LARGEST_OFFSET_S = 5.0
_LEAST_FREE_BYTES = 1_000_000_000
"""Below this a run is not begun: a full disk would stop it in the middle."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    ok: None: it cannot be told. hint: what to do; with one, what is ok is still a warning. error: what a run would stop
    with.
    """

    subject: str
    ok: bool | None
    finding: str
    hint: str = ""
    error: CollectorError | None = None

    def require(self) -> None:
        """Raise what a run would stop with, when the check is not ok."""
        if self.error is not None:
            raise self.error


def disk_usage(folder: Path) -> tuple[int, float]:
    """Return the free bytes where a folder is, or would be made, and the share of the disk that is used."""
    usage = shutil.disk_usage(_existing(folder))
    return usage.free, usage.used / usage.total


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def disk(folder: Path) -> Check:
    """Check the free space where a folder is, or would be made."""
    place = _existing(folder)
    usage = shutil.disk_usage(place)
    finding = f"{usage.free / 1e9:,.1f} GB free of {usage.total / 1e9:,.0f} GB at {place}"
    if usage.free >= _LEAST_FREE_BYTES:
        return Check("disk", True, finding)
    hint = "Free at least 1 GB, or set database.data_dir to a larger disk."
    return Check("disk", False, finding, hint, DatabaseUnavailable(f"the disk is nearly full: {finding}", hint))


def copies(folder: Path) -> Check:
    """Check that a folder into which backups are copied is there, and may be written."""
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return Check("copies", True, f"{folder} is there")
    state = "may not be written by this user" if folder.exists() else "is not there"
    hint = "Mount its disk; a new folder of backup.copies is made once, by hand, for the user who makes the backups."
    return Check("copies", False, f"{folder} {state}", hint)


def place(subject: str, name: str) -> Check:
    """Say that a place of objects took one, gave it back and removed it."""
    return Check(subject, True, f"{name} can be written and read")


def archive(name: str, data: Path | None) -> Check:
    """Say the same of the archive's place, and warn of a folder on the disk that the database is on.

    Args:
        name: of the place.
        data: the folder of the embedded database; None: it is on another machine, or where nobody knows.
    """
    written = place("archive", name)
    folder = Path(name)
    if data is None or not folder.is_dir() or folder.stat().st_dev != _existing(data).stat().st_dev:
        return written
    hint = "What retention drops is then on that disk alone: let archive.place name another disk, or a bucket."
    return replace(written, finding=f"{written.finding}, and is on the disk of the database", hint=hint)


def sessions(calendar: Calendar, now: datetime) -> Check:
    """Say which session was the last to complete, so that a wrong clock or calendar is noticed."""
    last = calendar.last_completed(now, "SPY")
    return Check(
        "calendar", True, f"it is {now:%Y-%m-%d %H:%M} UTC; the last completed session is {last.day:%A %Y-%m-%d}"
    )


def failed(subject: str, error: CollectorError) -> Check:
    """Return the check that an error failed."""
    return Check(subject, False, error.message, error.hint, error)


def readers(words: str, *, is_late: bool, is_elsewhere: bool) -> Check:
    """Check where readers are sent: that it keeps up, and is the database that runs write to."""
    if is_elsewhere:
        hint = "Its rows are another database's, unless it is fed by logical replication; see database.read_url."
        return Check("readers", True, f"{words}, and not of the database that runs write to", hint)
    hint = "See its primary_conninfo, and pg_stat_replication of the database." if is_late else ""
    return Check("readers", True, words, hint)


def schema(title: str, current: str | None, head: str, *, upgraded_by_runs: bool = False) -> Check:
    """Check that the database has this version's schema, or gets it from the next run."""
    if current == head:
        return Check("database", True, f"{title}, schema {current}")
    if upgraded_by_runs:
        coming = "its tables are made by the first run" if current is None else f"the next run brings it to {head}"
        return Check("database", True, f"{title}, schema {current or 'none yet'}; {coming}")
    finding = f"{title}, schema {current or 'missing'} instead of {head}"
    hint = "run: collector db upgrade"
    return Check("database", False, finding, hint, DatabaseUnavailable(finding, hint))


PROTECT = "add sslmode=verify-full to database.url, or sslmode=disable where nobody else is on the way"
"""What to do about a line to another machine of which nothing is said."""


def line(address: str) -> Check:
    """Warn of a line to another machine that is encrypted only where the server offers it."""
    return Check("database", True, f"the line to {address} may go unencrypted, and nothing proves the server", PROTECT)


def without_rights(hint: str) -> Check:
    """Say that the login could not make the tables that are missing."""
    finding = "its user may not make the collector's tables there"
    return Check("database", False, finding, hint, DatabaseError(finding, hint))


def unfinished_upgrade(left: str, hint: str) -> Check:
    """Say that no run begins before the bars of an earlier schema have moved."""
    finding = f"its upgrade is not finished: {left}"
    return Check("database", False, finding, hint, DatabaseError(finding, hint))


def connection(host: str, port: int, offset_s: float) -> Check:
    """Say that the gateway answers, and how far IB's clock is from ours."""
    finding = f"IB gateway at {host}:{port} answers; its clock differs by {offset_s:+.1f} s"
    if abs(offset_s) <= _LARGEST_OFFSET_S:
        return Check("gateway", True, finding)
    return Check("gateway", False, finding, "Set this machine's clock (NTP): windows start by it.")


def entitlements(found: tuple[Permission, ...] | Failure, day: date) -> list[Check]:
    """Say which series may be seen, from what came of a completed session."""
    if isinstance(found, Failure):
        return [Check("permissions", False, found.message, "See: collector doctor, without --permissions")]
    return [_entitlement(one, day) for one in found]


def _entitlement(one: Permission, day: date) -> Check:
    kind = "option " if isinstance(one.instrument, OptionContract) else ""
    series = f"{one.instrument.symbol} {kind}{one.what_to_show}"
    match one.outcome:
        case Outcome.BARS:
            return Check("permissions", True, f"{series}: bars of {day} came")
        case Outcome.NO_DATA:
            finding = f"{series}: cannot tell, IB has no data of {day}"
            return Check("permissions", None, finding, "Nobody may have traded it: ask again after the next session.")
        case Outcome.PERMISSION:
            hint = "Subscribe to OPRA and the underlying's network for this username in IB's Client Portal."
            return Check("permissions", False, f"{series}: {one.message}", hint)
        case _:
            hint = "This is not about permissions; ask again, and see: collector doctor"
            return Check("permissions", False, f"{series}: {one.outcome} {one.message}".rstrip(), hint)
