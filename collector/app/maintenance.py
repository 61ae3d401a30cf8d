"""Maintain the database: upgrades, backups, restoring, retention, roles.

Wires collector.db to the configuration.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from collector.app import opening, reading
from collector.clock import Clock
from collector.config import DatabaseSettings, Settings
from collector.db.bookkeeping import claims, coverage_table
from collector.db.connection import locks, pool
from collector.db.connection.pool import Database
from collector.db.schema import adoption, compat, conversion, features, schema_revisions
from collector.db.schema.adoption import Adoption
from collector.db.schema.conversion import Progress, Remaining
from collector.db.schema.features import FeatureReport
from collector.db.upkeep import backup, compaction, retention
from collector.db.upkeep import restore as restoring
from collector.db.upkeep.backup_files import Backup
from collector.db.upkeep.compaction import Compacted
from collector.db.upkeep.retention import OldPartition
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.database_url import DatabaseUrl
from collector.domain.errors import BackupError, DatabaseError, UsageError
from collector.domain.run_vocabulary import Window
from collector.jobs import archive_verification, due_windows, greeks_pass, offline_windows
from collector.jobs import verification as checks
from collector.jobs.archive_verification import Verification
from collector.jobs.greeks_pass import GreeksTally
from collector.jobs.verification import Verified
from collector.runs import counting, preflight
from collector.runs.evidence import weighing
from collector.runs.evidence.weighed import Weighed

if TYPE_CHECKING:
    from collector.archive.exports.nautilus import Exported
    from collector.archive.exports.single_file import Bars
    from collector.archive.places import Place
    from collector.jobs.archive_pass import Archived, Planned, Problem, Written
    from collector.jobs.archiving.restoring import Restored

_BEFORE_EOD = timedelta(hours=2)
"""A conversion that is begun so shortly before eod may still be at work when it is due."""


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """What an upgrade would do.

    revision: of the database, None for an empty one. head: this version's. left: the bars that would move. eod: when
    eod is due so soon that the upgrade would not begin, in words, "" otherwise. free_bytes: on the disk of the embedded
    database; None: it is another machine's.
    """

    revision: str | None
    head: str
    left: Remaining
    eod: str = ""
    free_bytes: int | None = None


async def plan_upgrade(settings: Settings, clock: Clock) -> UpgradePlan:
    """Return what `upgrade` would do; changes nothing."""
    url = await opening.database_url(settings)
    revision, own = await schema_revisions.current(url, clock), settings.database.embedded
    left = Remaining() if revision is None else await conversion.remaining(url, clock)
    free = preflight.disk_usage(settings.database.data_path)[0] if own else None
    eod = _eod_soon(settings, clock) if left.days and not left.begun else ""
    return UpgradePlan(revision, schema_revisions.head(), left, eod, free)


async def upgrade(
    settings: Settings, clock: Clock, *, at_once: bool = False, on_day: Callable[[Progress], None] = lambda _: None
) -> FeatureReport:
    """Bring the database to this version's schema, give it every feature, and move the bars of an earlier schema.

    Args:
        settings: which database.
        clock: tells how soon eod is due.
        at_once: move bars even so.
        on_day: told after each day whose bars have been moved.

    Returns:
        What the database has now; its warnings begin with what the upgrade has to say.

    Raises:
        UsageError: bars would have to be moved, and eod is due within two hours.
        LockHeld: bars would have to be moved, and a run is at work.
    """
    plan = await plan_upgrade(settings, clock)
    if not (plan.left.days or plan.left.begun):
        return await opening.upgrade(settings)
    if plan.eod and not at_once:
        raise UsageError(
            f"{plan.eod}, and no run begins while the bars of {plan.left.counted} move",
            "Upgrade after it has run; or now, and eod is made good afterwards: collector db upgrade --now",
        )
    url = await opening.database_url(settings)
    async with pool.connect(url, clock, size=1) as db, locks.collection_lock(db, "upgrade") as lock:
        before = await opening.upgrade(settings)
        notes = await conversion.convert(url, clock, lock, opening.storage(settings), on_day)
        after = await features.report(url, clock)
    return replace(after, warnings=tuple(dict.fromkeys((*notes, *before.warnings, *after.warnings))))


def _eod_soon(settings: Settings, clock: Clock) -> str:
    """Return when eod is due within two hours, in words, "" when it is not."""
    now, schedule = clock.now(), due_windows.configured(settings, opening.calendar(settings))
    due = [one.due for one in schedule.between(now, now + _BEFORE_EOD) if one.window is Window.EOD]
    return f"eod is due at {due[0].astimezone(NEW_YORK):%H:%M} New York time" if due else ""


async def back_up(settings: Settings, folder: Path | None, clock: Clock) -> tuple[Backup, list[BackupError]]:
    """Write a backup into a folder and prune old ones there; without a folder, into the configured ones.

    Returns:
        The backup, and why it was not copied where it should have been.
    """
    rules = settings.backup
    made = await backup.backup(
        await opening.database_url(settings),
        folder or rules.path,
        clock.now(),
        keep_days=rules.keep_days,
        reserve_gb=rules.reserve_gb,
        configuration=settings.shown(),
        clock=clock,
    )
    failed = []
    for place in rules.copies if folder is None else ():
        try:
            await offline_windows.copy_backup(made, place, settings, clock, reserve_gb=rules.reserve_gb)
        except BackupError as exc:
            failed.append(exc)
    return made, failed


async def restore(
    settings: Settings, dump: Path | str, clock: Clock, *, on_day: Callable[[Progress], None] = lambda _: None
) -> tuple[Backup, FeatureReport]:
    """Restore a backup into the configured database, which must be empty, and upgrade it to this version.

    Args:
        settings: name the database, and hold the credentials of a store of objects.
        dump: a file, or its URL in a store of objects, from where it is fetched beside the backups first.
        clock: held while the server works.
        on_day: told of each day that an upgrade has moved.

    Returns:
        The backup, and what `upgrade` returns.
    """
    if isinstance(dump, str):
        with _beside(settings.backup.path) as folder:
            fetched = await _fetched(settings, dump, folder, clock)
            return await restore(settings, fetched, clock, on_day=on_day)
    kept = await restoring.restore(dump, await opening.database_url(settings), clock)
    return kept, await upgrade(settings, clock, at_once=True, on_day=on_day)


@contextlib.contextmanager
def _beside(kept: Path) -> Iterator[Path]:
    """Make a private folder on the backups' disk, for as long as the block lasts."""
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetched-", dir=kept) as folder:
        yield Path(folder)


async def _fetched(settings: Settings, url: str, folder: Path, clock: Clock) -> Path:
    """Fetch a dump and its manifest from a store of objects."""
    from collector.archive.places import open_place  # noqa: PLC0415 - only for what lies there

    place, _, name = url.rpartition("/")
    store, dump = open_place(settings.archive, place), folder / name
    with clock.hold():
        for file in (dump.with_suffix(".json"), dump):
            await store.fetch(file.name, file)
    return dump


async def drop_old(settings: Settings, clock: Clock, *, dry_run: bool) -> tuple[OldPartition, ...]:
    """Drop raw bars older than their limits that the archive holds as they are; summaries stay.

    A dry run tells what would go now, what it would free, and what waits for which reason. It reads no object back:
    that is done just before anything goes.

    Raises:
        ArchiveError: the archive's place cannot be asked; what went before stays dropped.
    """
    async with opening.database(settings, clock) as db:
        return await offline_windows.drop_old_bars(db, settings, clock, dry_run=dry_run)


async def drop_old_requests(settings: Settings, clock: Clock, *, dry_run: bool) -> int:
    """Drop the record of requests older than the configured age, and return how many went."""
    url = await opening.database_url(settings)
    return await retention.drop_old_requests(
        url, clock.now(), settings.retention.requests_days, dry_run=dry_run, clock=clock
    )


async def plan_archive(
    settings: Settings, symbols: Sequence[str], since: date | None, clock: Clock
) -> "tuple[Planned, ...]":
    """Return which objects `archive` would write, and why; changes nothing.

    Raises:
        ConfigurationError: no archive is configured, or its library is not installed.
        UsageError: nothing is known of a symbol.
    """
    async with opening.database(settings, clock) as db:
        return await planned_objects(db, settings, symbols, since, clock)


async def planned_objects(
    db: Database, settings: Settings, symbols: Sequence[str], since: date | None, clock: Clock
) -> "tuple[Planned, ...]":
    """Return the same from a database that is open; raises as `plan_archive`."""
    place = _place(settings)
    from collector.jobs import archive_pass  # noqa: PLC0415 - the archive's library may not be installed

    await reading.known(db, symbols, ())
    return await archive_pass.plan(db, place.name, settings, clock.now(), symbols, since)


async def archive(
    settings: Settings,
    symbols: Sequence[str],
    since: date | None,
    clock: Clock,
    on_object: "Callable[[Written | Problem], object]",
) -> "Archived":
    """Bring the archive up to date with the database.

    Raises:
        ConfigurationError: no archive is configured, or its library is not installed.
        UsageError: nothing is known of a symbol.
        LockHeld: another process is writing the archive.
        ArchiveError: its place refuses or cannot be reached.
    """
    place = _place(settings)
    from collector.jobs import archive_pass  # noqa: PLC0415 - as above

    async with opening.database(settings, clock) as db:
        await reading.known(db, symbols, ())
        await conversion.require_finished(db)
        days = opening.calendar(settings)
        return await archive_pass.archive(db, place, settings, days, symbols=symbols, since=since, on_object=on_object)


async def export_single_file(settings: Settings, symbol: str, path: Path, bars: "Bars") -> int:
    """Write all bars of a symbol's options in the archive into one file, and return how many they are.

    Raises:
        ConfigurationError: no archive is configured, or its library is not installed.
        ArchiveError: it has none, is damaged, or its place cannot be reached.
    """
    place = _place(settings)
    from collector.jobs.archiving import export  # noqa: PLC0415 - as above

    return await export.single_file(place, symbol, path, bars)


async def export_catalogue(settings: Settings, symbol: str, folder: Path) -> "Exported":
    """Write a symbol's option bars in the archive as a catalogue of NautilusTrader.

    Raises:
        ConfigurationError, ArchiveError: as above.
        UsageError: the folder is not empty.
    """
    place = _place(settings)
    from collector.jobs.archiving import export  # noqa: PLC0415 - as above

    return await export.catalogue(place, symbol, folder)


async def verify_archive(settings: Settings, clock: Clock, since: date | None, *, deep: bool) -> Verification:
    """Compare the stored objects with the manifest, and note in it which are what was archived.

    Args:
        settings: which archive.
        clock: ours.
        since: only objects with sessions from this one on; None: all.
        deep: read every row, too.

    Raises:
        ConfigurationError: no archive is configured, or its library is not installed.
        ArchiveError: its place refuses or cannot be reached.
    """
    place = _place(settings)
    async with opening.database(settings, clock) as db:
        return await archive_verification.verify_place(db, place, clock, since=since, deep=deep)


async def restore_archive(
    settings: Settings,
    url: str | None,
    symbols: Sequence[str],
    since: date | None,
    clock: Clock,
    on_object: "Callable[[Restored], object]",
) -> "list[Restored]":
    """Put sessions of the archive back into a database; None: into the configured one.

    Raises:
        UsageError: the URL holds a password, which everybody on this machine could read.
        ConfigurationError: no archive is configured, or its library is not installed.
        ArchiveError: see `collector.jobs.archiving.restoring.restore`.
    """
    place = _place(settings)
    from collector.jobs.archiving import restoring  # noqa: PLC0415 - as above

    if url is not None:
        try:
            holds_secret = bool(DatabaseUrl.parse(url).secrets)
        except ValueError as exc:
            raise UsageError(f"--database: {exc}", "Example: postgresql://user@host/name") from None
        if holds_secret:
            raise UsageError(
                "--database holds a password, which the list of processes shows to everybody",
                "Leave it out, and set PGPASSWORD or write it into ~/.pgpass.",
            )
        settings = settings.model_copy(update={"database": DatabaseSettings(url=SecretStr(url))})
    async with opening.database(settings, clock) as db:
        await conversion.require_finished(db)
        return await restoring.restore(db, place, symbols=symbols, since=since, on_object=on_object)


def _place(settings: Settings) -> "Place":
    """Return the archive's place, with its library there."""
    from collector.archive import places  # noqa: PLC0415 - as above

    places.require_library()
    return places.open_place(settings.archive)


async def make_roles(
    settings: Settings, clock: Clock, login: tuple[str, str] | None = None, *, reads_only: bool = False
) -> None:
    """Make the roles collector_rw and collector_ro, or bring their privileges up to date.

    Args:
        settings: which database.
        clock: ours.
        login: name and password of a login for the service, made or changed with them.
        reads_only: it is for readers instead.
    """
    url = await opening.database_url(settings)
    await features.create_roles(url, clock)
    if login is not None:
        await features.create_login(url, *login, clock, role="collector_ro" if reads_only else "collector_rw")


async def compact(settings: Settings, clock: Clock) -> tuple[Compacted, ...]:
    """Compress repaired days anew, so that they are as small as freshly compressed ones, and refresh all summaries.

    Raises:
        DatabaseError: this user does not own the tables.
    """
    url = await opening.database_url(settings)
    done = await compaction.compact(url, clock)
    if not await compaction.refresh_aggregates(url, clock=clock):
        raise DatabaseError("only the owner of the tables may refresh the summaries", compaction.AS_OWNER)
    return done


async def recompute_greeks(settings: Settings, symbols: Sequence[str], since: date, clock: Clock) -> GreeksTally:
    """Compute implied volatilities and Greeks since a session afresh, under the collection lock.

    Raises:
        LockHeld: a run is at work.
    """
    async with opening.database(settings, clock) as db, locks.collection_lock(db, f"greeks since {since}"):
        await conversion.require_finished(db)
        names = symbols or settings.symbol_names
        return await greeks_pass.recompute(db, settings.greeks, opening.calendar(settings), clock, names, since)


async def show_compatibly(settings: Settings, clock: Clock, *, drop: bool) -> tuple[str, ...]:
    """Make the schema for readers of an earlier system, or take it away; return the names of what it has now."""
    url = await opening.database_url(settings)
    if drop:
        await compat.drop(url, clock)
        return ()
    return await compat.make(url, clock)


async def adopt(settings: Settings, folder: Path, clock: Clock) -> Adoption:
    """Back up an earlier system's tables of these names, set them aside, and fill the collector's own from them."""
    url = await opening.database_url(settings)
    own = {symbol: settings.series_for(symbol) for symbol in settings.symbol_names}
    days = opening.calendar(settings)
    return await adoption.adopt(
        url, folder, clock.now(), clock, option_series=settings.series, own_series=own, calendar=days
    )


async def verify(settings: Settings, symbols: Sequence[str], since: date | None, clock: Clock) -> list[Verified]:
    """Check the stored bars of sessions since a day, of the last one by default; changes nothing.

    Raises:
        UsageError: no session has ended since the day, or nothing is known of a symbol.
    """
    days = opening.calendar(settings)
    names = symbols or settings.symbol_names
    last = days.last_completed(clock.now(), names[0]).day
    if since is not None and since > last:
        raise UsageError(f"{since} is after the last session that has ended", f"That one is {last}.")
    async with opening.database(settings, clock) as db:
        await conversion.require_finished(db)
        await reading.known(db, symbols, settings.symbol_names)
        return await checks.verify(db, settings, days, clock, names, since or last, last)


async def forget(settings: Settings, day: date, symbols: Sequence[str], clock: Clock) -> int:
    """Forget what is covered and settled of a session, but for contracts that have expired; return how many series.

    The session is measured again at once: whoever looks before the next run must not find it complete.

    Raises:
        LockHeld: a run is at work.
        NotASession: the date is no trading day.
        UsageError: nothing is known of a symbol.
    """
    days, today = opening.calendar(settings), clock.now().astimezone(NEW_YORK).date()
    sessions = {symbol: days.session(symbol, day) for symbol in symbols or settings.symbol_names}
    async with opening.database(settings, clock) as db, locks.collection_lock(db, f"forgetting {day}"):
        await conversion.require_finished(db)
        forgotten = 0
        for one in await reading.known(db, symbols, settings.symbol_names):
            forgotten += await coverage_table.forget(db, sessions[one.symbol], [one.symbol], today)
            await counting.measure(db, settings, days, one, sessions[one.symbol])
    return forgotten


async def accept(settings: Settings, day: date, symbols: Sequence[str], clock: Clock) -> Weighed:
    """Accept a session as empty as it looks, and weigh its empty answers at once; nothing is asked.

    Raises:
        LockHeld: a run is at work.
        NotASession: the date is no trading day.
        UsageError: the session is not over or not implausible, or nothing is known of a symbol.
    """
    days, names = opening.calendar(settings), tuple(symbols or settings.symbol_names)
    if any(days.session(symbol, day).settles_at > clock.now() for symbol in names):
        raise UsageError(f"the session of {day} is not over", "How empty it is will be known after its close.")
    async with opening.database(settings, clock) as db, locks.collection_lock(db, f"accepting {day}"):
        await conversion.require_finished(db)
        underlyings = await reading.known(db, symbols, settings.symbol_names)
        asked_for = (*names, claims.ALL) if set(names) >= set(settings.symbol_names) else names
        doubted = [symbol for symbol in asked_for if day in await claims.doubted_days(db, symbol)]
        if not doubted:
            raise UsageError(
                f"{day} does not look emptier than it can be", f"See: collector coverage list --session {day}"
            )
        await claims.accept(db, day, doubted)
        return await weighing.weigh(db, settings, days, underlyings, None, only=day)
