"""Open database and archive for reading."""

import warnings
from pathlib import Path

from collector import config
from collector.app import opening as installation
from collector.clock import Clock
from collector.config import Settings
from collector.db.connection import pool
from collector.db.readers import replica
from collector.db.readers.replica import Standing
from collector.db.schema import schema_revisions
from collector.domain.errors import DatabaseError
from collector.research import database as server
from collector.research.reader import Preference, Reader


class LateReplica(UserWarning):
    """What is read may lack what the database already has."""


def open(  # noqa: A001 - research.open is what people call it
    database: str | None = None,
    archive: str | None = None,
    config: str | Path | None = None,
    *,
    prefer: Preference = None,
) -> Reader:
    """Open database and archive for reading; the embedded server is started where it is the database.

    Blocking, as all of it is; a running loop, of a notebook for instance, does not matter.

    Args:
        database: a postgresql:// URL, or `embedded`; None is what config.yaml says.
        archive: a folder or a URL such as s3://bucket/prefix; None is what config.yaml says.
        config: the configuration file; None is found as by every command.
        prefer: where sessions are read that database and archive both have, "database" or "archive"; None: where it is
            quicker. What the database has not, the archive gives in any case.

    Raises:
        UsageError: nothing can be read from what is preferred.
        ConfigurationError: the configuration is wrong.
        ArchiveError: the archive's place is none.
        DatabaseUnavailable: no server, wrong password, no such database.
        DatabaseError: the database's schema is not the one of this version.

    Warns:
        LateReplica: database.read_url leads to a replica that is far behind, or cut off.
    """
    settings = _settings(database, archive, None if config is None else Path(config))
    clock = installation.system_clock()
    url, standing = _database(settings, clock)
    if standing is not None and standing.is_late:
        warnings.warn(f"read from database.read_url: {standing.words}", LateReplica, stacklevel=2)
    return Reader(settings, url, clock, prefer=prefer)


def _settings(database: str | None, archive: str | None, path: Path | None) -> Settings:
    overrides: dict[str, dict[str, str | None]] = {}
    if database is not None:
        overrides["database"] = {"url": database, "read_url": None, "tcp_port": None}
    if archive is not None:
        overrides["archive"] = {"place": archive}
    return config.load(path, overrides)


def _database(settings: Settings, clock: Clock) -> tuple[str, Standing | None]:
    """Return the URL of the database that readers are sent to, and how a replica stands.

    Raises:
        DatabaseUnavailable, DatabaseError: as `open`.
    """

    async def checked() -> tuple[str, Standing | None]:
        url = await installation.replica_url(settings, clock)
        if url is not None:
            async with pool.connect(url, clock, application_name="collector research", size=1) as db:
                return url, await replica.standing(db)
        url = await installation.database_url(settings)
        current, head = await schema_revisions.current(url, clock), schema_revisions.head()
        if current != head:
            state = "holds no tables of the collector" if current is None else f"has schema {current}, not {head}"
            raise DatabaseError(f"the database {state}", "run: collector db upgrade")
        return url, None

    return server.run(checked())
