"""Hypertables, compression, aggregates and policies, where possible.

What a database gets beyond its tables, by what its server can: hypertables, compression, aggregates, policies.

Everything is idempotent, and moves a database in place when the server's abilities change (the extension is added
later, the edition changes). No row is lost on the way. Queries and reports are the same whatever is on.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import asyncpg

from collector.clock import Clock
from collector.db.connection import scram
from collector.db.connection.statements import OF_UNDERLYINGS, of
from collector.db.schema import comments, timescale
from collector.db.schema.timescale import Edition, Server, Session
from collector.domain.errors import DatabaseError
from collector.domain.market_data.data_sets import DATA_SETS

HYPERTABLES = ("store.option_bars_5min", *(f"store.{one.name}" for one in OF_UNDERLYINGS), "requests")
AGGREGATES = ("hourly_option_summary", "underlying_intraday_summary", "daily_option_summary")
"""In the schema store and in the order in which they are made: the daily one stands on the hourly one."""

VIEWS = (
    "views/option_contracts",
    "views/instruments",
    "views/option_bars_5min",
    "views/option_bars_5min_float8",
    *(of("schema/view", one) for one in OF_UNDERLYINGS),
    *(f"views/{name}" for name in AGGREGATES),
    "views/contract_terms",
    "views/option_bars",
    "views/option_hours",
    "views/option_days",
    "views/selections",
    "views/latest_runs",
    "views/open_gaps",
    "views/session_quality",
    "views/greeks_inputs",
)
"""Statements that make the views for readers; the same on every engine, in this order."""

FUNCTIONS = (
    "refuse_writes", "whole_numbers", "note_changes", "merge_coverage", "option_bars_of", "write_option_bars",
    "latest_bar", "drop_day", "drop_requests", "compress_again", "stored_chunks",
    "old_bars", "unproved",
)  # fmt: skip
"""In sql/functions; the same on every engine."""

_AGGREGATE_LAG = {
    "hourly_option_summary": timedelta(hours=1),
    "underlying_intraday_summary": timedelta(hours=1),
    "daily_option_summary": timedelta(days=1),
}
_REFRESH_EVERY = timedelta(hours=1)
_AGGREGATE_SETTLED = timedelta(days=15)
"""Aggregates are compressed this much later than repairs can reach."""


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """How bars are stored, in days.

    compress_after_days: bars older than this are compressed; beyond the sessions that late_night repairs. repair_days:
    how far back repairs reach, and so the refreshing of aggregates. keep_days: raw bars older than this may be dropped
    (see collector.db.upkeep.retention), None keeps them for ever.
    """

    compress_after_days: int = 7
    repair_days: int = 45
    keep_days: int | None = 365

    def __post_init__(self) -> None:
        if self.keep_days is not None and self.keep_days <= self.repair_days:
            raise ValueError("bars must be kept for longer than repairs reach back")


class Feature(NamedTuple):
    """One ability: whether it is on, and why (not)."""

    name: str
    on: bool
    why: str


@dataclass(frozen=True, slots=True)
class FeatureReport:
    """What a database has.

    server: PostgreSQL's version. extension: TimescaleDB's version, None without. warnings: what somebody should do.
    may_create: whether this user could make tables in it.
    """

    server: str
    extension: str | None
    edition: Edition
    features: tuple[Feature, ...]
    warnings: tuple[str, ...] = ()
    may_create: bool = True

    @property
    def title(self) -> str:
        """Return one line: versions and edition."""
        extension = f"TimescaleDB {self.extension} ({self.edition})" if self.extension else "no TimescaleDB"
        return f"PostgreSQL {self.server}, {extension}"


async def apply(url: str, settings: StorageSettings | None = None, clock: Clock | None = None) -> FeatureReport:
    """Give a migrated database every feature that its server can have; changes nothing when all are there.

    Returns:
        What the database has now.

    Raises:
        DatabaseUnavailable: no usable connection, or another upgrade is at work.
        DatabaseError: a version is too old, or the edition went away below compressed bars.
    """
    async with timescale.session(url, clock) as session:
        server = await session.server()
        timescale.check(server)
        async with session.alone():
            if server.installed is None and not _refusal(server):
                server = await _extended(session, server)
            for one in OF_UNDERLYINGS:
                await session.execute(of("schema/create_table", one))
            if server.edition is Edition.NONE:
                await _plain_summaries(session)
            else:
                await session.execute("hypertable_option_bars")
                for one in OF_UNDERLYINGS:
                    await session.execute(of("schema/hypertable", one))
                await session.execute("hypertable_requests")
                if server.edition is Edition.COMMUNITY:
                    await _community(session, settings or StorageSettings())
                else:
                    await _apache(session)
            for one in DATA_SETS:
                seconds = int(one.bar_size.total_seconds())
                await session.execute("add_data_set", one.id, one.name, one.kind.value, seconds)
            async with session.transaction():  # so that no reader misses bars that wait to be moved into the store
                for name in VIEWS:
                    await session.execute(name)
                await session.execute("upgrade/show_both")
            for name in FUNCTIONS:
                await session.execute(f"functions/{name}")
            await comments.write(session)
        return await _report(session, await session.server())


async def create_roles(url: str, clock: Clock | None = None) -> None:
    """Make the roles collector_rw and collector_ro, or bring their privileges up to date.

    Call it as the owner of the tables, who must be allowed to create roles; then `GRANT collector_ro TO somebody`.

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`.
    """
    async with timescale.session(url, clock) as session:
        await session.execute("roles/create")


async def create_login(
    url: str, name: str, password: str, clock: Clock | None = None, *, role: str = "collector_rw"
) -> None:
    """Make a login with the rights of a role, or give the one of that name this password and these rights.

    Call it as somebody who may create roles, after `create_roles`.

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`; or a role of that name may do
            more than the service, and is left as it is.
    """
    async with timescale.session(url, clock) as session, session.transaction():
        [texts] = await session.fetch("roles/login", name, scram.verifier(password), role)
        if texts["refused"]:
            raise DatabaseError(
                f"{name!r} {texts['refused']}; it is left as it is", "choose a name for a login of the service's own"
            )
        await session.execute_text(texts["login"])
        await session.execute_text(texts["role"])


async def report(url: str, clock: Clock | None = None) -> FeatureReport:
    """Return what a database has, without changing anything.

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`.
    """
    async with timescale.session(url, clock) as session:
        return await _report(session, await session.server())


async def refresh(session: Session, start: datetime | None = None, end: datetime | None = None) -> None:
    """Compute the aggregates anew where bars changed between two midnights of UTC: from the first bar, until today's.

    Only days that have raw bars: refreshing a day that retention dropped would delete what the aggregates know of it.
    """
    end = end or session.clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in await session.fetch("raw_days", start, end):
        for name in AGGREGATES:
            await session.execute("refresh_aggregate", f"store.{name}", days["start"], days["end"])


async def _extended(session: Session, server: Server) -> Server:
    try:
        await session.execute("create_extension")
    except DatabaseError as exc:
        if isinstance(exc.__cause__, asyncpg.InsufficientPrivilegeError):
            return server
        raise
    return await session.server()


async def _community(session: Session, settings: StorageSettings) -> None:
    await session.execute("batches_of_the_database")
    compress_after = timedelta(days=settings.compress_after_days)
    reach = timedelta(days=settings.repair_days)
    await session.execute("columnstore_option_bars")
    await session.execute("columnstore_requests")
    for one in OF_UNDERLYINGS:
        await session.execute(of("schema/columnstore", one))
    for name in HYPERTABLES:
        await session.execute("add_columnstore_policy", name, compress_after)
        await session.execute("move_columnstore_policy", name, compress_after)
    await session.execute("drop_summary_views")
    for name in AGGREGATES:
        await session.execute(name)
    # Before any policy: once one has run, nothing older than it reaches is computed from raw bars any more.
    await refresh(session)
    for name in AGGREGATES:
        await session.execute("add_refresh_policy", f"store.{name}", reach, _AGGREGATE_LAG[name], _REFRESH_EVERY)
        await session.execute("move_refresh_policy", f"store.{name}", reach)
    await session.execute("columnstore_aggregates")
    for name in AGGREGATES:
        await session.execute("add_columnstore_policy", f"store.{name}", reach + _AGGREGATE_SETTLED)


async def _apache(session: Session) -> None:
    compressed = sum(row["compressed_chunks"] for row in await session.fetch("hypertables"))
    if compressed:
        raise DatabaseError(
            f"{compressed} days of bars were compressed by the Community edition and cannot be used under this license",
            "set timescaledb.license = 'timescale' again; or decompress first (`SELECT decompress_chunk(…)`)",
        )
    if not await session.fetch("aggregates"):
        await _plain_summaries(session)


async def _plain_summaries(session: Session) -> None:
    for name in AGGREGATES:
        await session.execute(f"view_{name}")


def _refusal(server: Server) -> str:
    """Return why TimescaleDB cannot be added to this database, "" when it can or is there."""
    if server.installed is not None:
        return ""
    if server.offered is None:
        return "this server has no TimescaleDB"
    if not server.preloaded:
        return "TimescaleDB is installed but not loaded: add it to shared_preload_libraries and restart the server"
    if timescale.version(server.offered) < timescale.MINIMUM_VERSION:
        return f"the server's TimescaleDB {server.offered} is too old and is left alone"
    return ""


async def _report(session: Session, server: Server) -> FeatureReport:
    if server.edition is Edition.NONE:
        why = _refusal(server) or "this user may not add TimescaleDB: let a superuser CREATE EXTENSION timescaledb"
        return FeatureReport(server.server, None, server.edition, tuple(_without(why)), may_create=server.may_create)
    tables = {row["name"]: row for row in await session.fetch("hypertables")}
    aggregates = {row["name"] for row in await session.fetch("aggregates")}
    jobs = await session.fetch("jobs")
    if server.edition is Edition.APACHE:
        off = "the Apache edition has none: the Community edition does"
    else:
        off = "not applied yet: run `collector db upgrade`"
    features = []
    missing = [name for name in HYPERTABLES if name not in tables]
    chunks = sum(row["chunks"] for row in tables.values())
    why = f"not applied yet: {', '.join(missing)}" if missing else f"{chunks} chunks"
    features.append(Feature("hypertables", not missing, why))
    columnstore = bool(tables) and all(row["columnstore"] for row in tables.values())
    compressed = sum(row["compressed_chunks"] for row in tables.values())
    features.append(Feature("compression", columnstore, f"{compressed} chunks compressed" if columnstore else off))
    for name in AGGREGATES:
        kept = name in aggregates
        why = "continuous aggregate, today included" if kept else f"a view, computed when it is read; {off}"
        features.append(Feature(name, kept, why))
    refreshing = {job["name"] for job in jobs if job["policy"] == "policy_refresh_continuous_aggregate"}
    running = refreshing >= set(AGGREGATES) and server.workers > 0
    idle = "timescaledb.max_background_workers is 0" if refreshing >= set(AGGREGATES) else off
    features.append(Feature("background jobs", running, f"{len(jobs)} policies" if running else idle))
    features.append(Feature("retention", True, "whole chunks, by `collector db retention`"))
    warnings = _warnings(server, jobs, aggregates)
    return FeatureReport(
        server.server, server.installed, server.edition, tuple(features), tuple(warnings), server.may_create
    )


def _without(why: str) -> "list[Feature]":
    features = [Feature("hypertables", False, f"ordinary tables; {why}"), Feature("compression", False, why)]
    features.extend(Feature(name, False, f"a view, computed when it is read; {why}") for name in AGGREGATES)
    features.append(Feature("background jobs", False, why))
    features.append(Feature("retention", True, "by delete, by `collector db retention`"))
    return features


def _warnings(server: Server, jobs: "list[asyncpg.Record]", aggregates: set[str]) -> "list[str]":
    found = []
    installed = server.installed or "0"
    if timescale.version(installed) < timescale.MINIMUM_VERSION:
        found.append(f"TimescaleDB {installed} loses rows that are stored again in compressed chunks: upgrade it")
    elif server.edition is Edition.COMMUNITY and timescale.version(installed) < timescale.SWIFT_VERSION:
        found.append(f"TimescaleDB {installed} is slow at repairing compressed days; 2.20 and later are not")
    if server.edition is Edition.APACHE and aggregates:
        found.append("the aggregates were made by the Community edition; under this license nothing refreshes them")
    if server.edition is Edition.COMMUNITY and not server.workers:
        found.append("no background job can run: set timescaledb.max_background_workers to 8 or more")
    found.extend(
        f"the last run of {job['policy']} on {job['name']} failed" for job in jobs if job["last_run_status"] == "Failed"
    )
    return found
