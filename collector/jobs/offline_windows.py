"""Windows that fetch no bars.

Windows that fetch no bars: looking at the tables, bringing the chains up to date, backing the database up, keeping
order once a week.
"""

import asyncio
from collections import Counter
from pathlib import Path

import structlog

from collector.archive import places
from collector.clock import Clock
from collector.config import Settings
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contract_store
from collector.db.upkeep import backup, backup_copies, backup_files, backup_stores, retention
from collector.db.upkeep.backup_files import Backup
from collector.db.upkeep.retention import OldPartition
from collector.domain.errors import ArchiveError, BackupError, ConfigurationError
from collector.domain.market_data.answers import Failure
from collector.domain.reports.run_report import ArchiveReport, BackupReport, CopyReport, UpkeepReport
from collector.jobs import archive_verification
from collector.jobs.archive_verification import ReadBack
from collector.jobs.disk import sizes
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished, NotPrepared, Prepared
from collector.runs.preparing import contract_scope
from collector.runs.preparing.discovery import Discovery

_WEEKS = 8
"""In so many weeks every object of the archive is read back once."""

log = structlog.get_logger()


async def look(finished: Finished, parts: Parts) -> None:
    """Prepare every known symbol as it stands in the tables; closing the run then records gaps and statistics."""
    order = finished.order
    for symbol in order.symbols:
        underlying = await contract_store.underlying(parts.db, symbol)
        if underlying is not None:
            session = order.session(symbol)
            is_optioned = bool(parts.settings.series_for(symbol))
            days = (order.day, order.day)
            contracts = await contract_store.selected(parts.db, underlying.id, *days) if is_optioned else []
            waiting = await contract_scope.pending(parts.db, parts.settings, parts.calendar, underlying, order.day)
            ids = await contract_scope.due_ids(parts.db, underlying, session, waiting)
            known = {contract.id for contract in contracts} if ids is None else set(ids)
            due = tuple(contract for contract in contracts if contract.id in known)
            resting = len(contracts) - len(due)
            finished.prepared.append(Prepared(underlying, (session,), due, None, resting=resting))


async def refresh_chains(finished: Finished, parts: Parts) -> None:
    """Read the chains of symbols with options anew; an expiration that cannot be had leaves the symbol out."""
    order = finished.order
    discovery = Discovery(parts.db, parts.source, parts.settings, parts.clock, parts.calendar)
    finished.renumbered = discovery.renumbered
    collected = (one for one in order.symbols if parts.settings.series_for(one))
    for symbol in collected:
        underlying = await discovery.underlying(symbol)
        found = (
            underlying
            if isinstance(underlying, Failure)
            else await discovery.refresh(underlying, order.day, force=True)
        )
        if isinstance(found, Failure):
            finished.not_prepared.append(NotPrepared(symbol, found))
            continue
        log.info("chain_refreshed", symbol=symbol, contracts=found.contracts, new=found.new)
        finished.chains_read += 1
        finished.not_prepared += [NotPrepared(symbol, failure) for _, failure in found.failures[:1]]


async def close_week(finished: Finished, parts: Parts) -> None:
    """Look at the tables, read a part of the archive back, drop what is old, and measure what is stored.

    An archive that cannot be asked is told, and is no failure of the week: nothing is dropped then.

    Raises:
        DatabaseUnavailable, DatabaseError: the database is gone, or refuses.
    """
    await look(finished, parts)
    db, settings, clock = parts.db, parts.settings, parts.clock
    found: tuple[OldPartition, ...] = ()
    verification, problem = None, ""
    try:
        if settings.archive.place is not None:
            place = places.open_place(settings.archive)
            verification = await archive_verification.verify_part(
                db, place, clock, parts=_WEEKS, until=finished.order.deadline
            )
        found = await drop_old_bars(db, settings, clock)
    except (ArchiveError, ConfigurationError) as exc:
        problem = exc.message
        log.warning("archive_not_asked", problem=exc.message, hint=exc.hint)
    await retention.drop_old_requests(db.url, clock.now(), settings.retention.requests_days, clock=clock)
    waiting: Counter[str] = Counter()
    for one in found:
        waiting[one.why] += 0 if one.dropped else one.bars
    finished.upkeep = UpkeepReport(
        verified=0 if verification is None else len(verification.verdicts) - len(verification.wrong),
        damaged=() if verification is None else tuple(f"{one.path} {one.detail}" for one in verification.wrong),
        dropped_bars=sum(one.bars for one in found if one.dropped),
        freed_bytes=sum(one.bytes for one in found if one.dropped),
        waiting=tuple((why, bars) for why, bars in waiting.most_common() if bars),
        problem=problem,
    )
    finished.storage = await sizes.measure(db, settings)


async def drop_old_bars(
    db: Database, settings: Settings, clock: Clock, *, dry_run: bool = False
) -> tuple[OldPartition, ...]:
    """Drop the bars that are older than their limits and that the archive holds as they are.

    Raises:
        ArchiveError: the archive's place cannot be asked; what went before stays dropped.
        ConfigurationError: the library that reads the archive's files is not installed.
        DatabaseUnavailable, DatabaseError: likewise.
    """
    place = None if settings.archive.place is None else places.open_place(settings.archive)
    if place is not None and settings.retention.archive_before_drop and not dry_run:
        places.require_library()  # rows are read and compared
    return await retention.drop_old_bars(
        db.url,
        clock.now(),
        settings.retention_for,
        archive_before_drop=settings.retention.archive_before_drop,
        archive=None if place is None else ReadBack(db, place, clock),
        dry_run=dry_run,
        clock=clock,
    )


async def back_up(finished: Finished, parts: Parts) -> None:
    """Write the database's backup and copy it; what is at work when the gateway is next to be asked is given up.

    A copy that fails is told, and is no failure of the backup.

    Raises:
        BackupError: none could be made.
        DatabaseUnavailable: the database is gone.
    """
    rules, now = parts.settings.backup, parts.clock.now()
    try:
        async with asyncio.timeout(_left_s(finished, parts)):
            made = await backup.backup(
                parts.db.url,
                rules.path,
                now,
                keep_days=rules.keep_days,
                reserve_gb=rules.reserve_gb,
                configuration=parts.settings.shown(),
                clock=parts.clock,
            )
    except TimeoutError as exc:
        raise BackupError(
            "the backup was not done when the next window was due, and was given up",
            "it is tried again in the next pause; a faster disk for backup.directory helps",
        ) from exc
    kept = backup_files.backups(rules.path)
    seconds = (parts.clock.now() - now).total_seconds()
    log.info("backup_made", file=str(made.path), bytes=made.bytes, seconds=round(seconds, 1), kept=len(kept))
    copies = tuple([await _copied(made, place, finished, parts) for place in rules.copies])
    finished.backup = BackupReport(
        file=str(made.path), bytes=made.bytes, seconds=seconds, kept=len(kept), copies=copies
    )


async def archive(finished: Finished, parts: Parts) -> None:
    """Bring the archive up to date; what is not written when the gateway is next to be asked waits for the next time.

    Raises:
        ConfigurationError: no archive is configured, or its library is not installed.
        LockHeld: another process is writing the archive.
        ArchiveError: its place refuses or cannot be reached.
        DatabaseUnavailable: the database is gone.
    """
    places.require_library()
    from collector.jobs import archive_pass  # noqa: PLC0415 - it may not be installed

    place, done = places.open_place(parts.settings.archive), archive_pass.Archived()
    try:
        async with asyncio.timeout(_left_s(finished, parts)):
            await archive_pass.archive(
                parts.db,
                place,
                parts.settings,
                parts.calendar,
                symbols=parts.settings.windows.archive.symbols,
                until=finished.order.deadline,
                into=done,
            )
    except TimeoutError:
        log.warning("archive_given_up", hint="what is not written is written in the next pause")
    finally:
        finished.archive = ArchiveReport(
            place=place.name,
            objects=len(done.written),
            rows=done.rows,
            bytes=done.bytes,
            unsettled=done.unsettled,
            carried=sum(one.carried for one in done.written),
            waiting=done.due - len(done.written) - len(done.problems),
            problems=tuple((one.path, one.message) for one in done.problems),
        )


async def _copied(made: Backup, place: Path | str, finished: Finished, parts: Parts) -> CopyReport:
    """Copy a backup to a place, in the time that is left."""
    try:
        async with asyncio.timeout(_left_s(finished, parts)):
            await copy_backup(made, place, parts.settings, parts.clock)
    except TimeoutError:
        problem = f"there was no time left to write to {place} before the next window"
    except BackupError as exc:
        problem = exc.message
    else:
        log.info("backup_copied", folder=str(place))
        return CopyReport(folder=str(place))
    log.error("backup_not_copied", folder=str(place), problem=problem)
    return CopyReport(folder=str(place), problem=problem)


async def copy_backup(
    made: Backup, place: Path | str, settings: Settings, clock: Clock, *, reserve_gb: float = 0.0
) -> None:
    """Copy a backup to one of `backup.copies`, a folder or a store of objects, and prune what is old there.

    Args:
        made: a finished backup.
        place: a folder, or the URL of a store.
        settings: how long copies are kept, and the stores' credentials.
        clock: held meanwhile.
        reserve_gb: what has to stay free on a folder's disk, gigabytes.

    Raises:
        BackupError: it could not be copied; earlier copies stay.
    """
    keep_days = settings.backup.keep_days
    if isinstance(place, Path):
        await backup_copies.copy(made, place, keep_days=keep_days, clock=clock, reserve_gb=reserve_gb)
        return
    from collector.archive.places import open_place  # noqa: PLC0415 - who copies into folders need not install it

    try:
        store = open_place(settings.archive, place)
    except (ArchiveError, ConfigurationError) as exc:
        raise BackupError(exc.message, exc.hint) from exc
    await backup_stores.copy(made, store, keep_days=keep_days, clock=clock)


def _left_s(finished: Finished, parts: Parts) -> float | None:
    """Return the seconds until the gateway is next to be asked, None where it never is."""
    deadline = finished.order.deadline
    return None if deadline is None else max((deadline - parts.clock.now()).total_seconds(), 0)
