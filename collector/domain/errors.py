"""Every error that a person may see, as one tree.

CollectorError
├── UsageError                   a word on the command line, or an argument of the research API, is wrong
│   ├── NaiveInstant             an instant has no time zone
│   └── Unknown                  what is named does not exist
│       ├── NotASession          the date is no trading day (says why)
│       ├── UnknownSymbol        nothing is known of an underlying
│       └── UnknownContract      nothing is known of a contract (says which are like it)
├── ExtraMissing                 what an extra of the package installs is not there (also ImportError)
├── ConfigurationError           the configuration is wrong (file, line, key)
├── GatewayError
│   └── GatewayUnavailable       no usable connection to IB (also ConnectionError)
│       └── ClientIdInUse        the gateway is well, and another program has our client id
├── DatabaseError
│   ├── DatabaseUnavailable      no usable connection to PostgreSQL, read-only… (also ConnectionError)
│   │   └── DiskFull             the server's disk is full
│   ├── SharedSession            a pooler lends the database's sessions to several clients
│   ├── ExtensionNotLoaded       the database has TimescaleDB, and its server does not load it
│   ├── ReadersBusy              the connections for pages are all at work
│   ├── DataRefused              the server refuses values or a constraint does; the same again never helps
│   ├── ContractIdsExhausted     new contracts of an underlying cannot get ids
│   └── BackupError              a backup could not be made; the database itself is well
├── ArchiveError                 the archive or its place refused or failed
│   ├── ArchiveRefused           an object would be replaced by less than it holds
│   ├── ObjectMissing            an object is not at its place
│   ├── PlaceUnavailable         the place cannot be reached now (also ConnectionError)
│   ├── PlaceRefused             the place refuses: no credentials, no rights, no such bucket or folder
│   ├── ArchiveDamaged           a file does not hold what it should
│   ├── ForeignFile              a file is none of the archive's
│   ├── SessionHeldTwice         two objects hold a session, with different bars
│   └── NewerFormat              a file was written by a later version of this program
├── LockHeld                     another run is at work
├── NotAllowed                   whoever asks may look, and start or stop nothing
├── Incomplete                   something of what was asked for could not be done
└── Interrupted                  a signal asked the run to stop

The message says what happened; `hint` says what to do about it. Neither may carry a secret.
"""

from collections.abc import Sequence
from datetime import date


class CollectorError(Exception):
    """Something foreseeable went wrong.

    Args:
        message: one line, what happened.
        hint: one line, what to do; empty when the message says it all.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(CollectorError):
    """A word on the command line is wrong; calling again with the same words never helps."""


class Unknown(UsageError):  # noqa: N818 - named for what it is
    """What is named does not exist here: no such run, contract, session or mail; it may be in another database."""


class NotASession(Unknown):
    """The date is no trading session; the message says why."""


class NaiveInstant(UsageError):  # noqa: N818 - named for what it is
    """An instant has no time zone, so nobody can know which one is meant.

    Args:
        moment: as it was given.
    """

    def __init__(self, moment: str) -> None:
        super().__init__(
            f"{moment} has no time zone",
            f'Write "{moment} America/New_York", or give a datetime with tzinfo.',
        )
        self.moment = moment


class UnknownSymbol(Unknown):
    """Nothing is known of an underlying.

    Args:
        symbol: as it was given.
        known: the symbols of which something is known.
    """

    def __init__(self, symbol: str, known: Sequence[str]) -> None:
        super().__init__(
            f"nothing is known of {symbol}",
            f"Known are: {', '.join(known)}." if known else "Nothing has been collected yet.",
        )
        self.symbol = symbol
        self.known = tuple(known)


class UnknownContract(Unknown):
    """Nothing is known of a contract.

    Args:
        contract: as it was given.
        nearest: symbols of the contracts that are most like it.
    """

    def __init__(self, contract: str, nearest: Sequence[str]) -> None:
        super().__init__(
            f"nothing is known of a contract {contract}",
            f"The nearest known ones are: {', '.join(nearest)}." if nearest else "See: collector chains list",
        )
        self.contract = contract
        self.nearest = tuple(nearest)


class ExtraMissing(CollectorError, ImportError):  # noqa: N818 - named for what is wrong
    """Something needs libraries that are not installed.

    Args:
        extra: of the package, or a library outside it.
        what: needs it.
    """

    def __init__(self, extra: str, what: str) -> None:
        package = f"'collector[{extra}]'" if extra in _EXTRAS else extra
        super().__init__(f"{what} needs what is not installed", f"pip install {package}")
        self.extra = extra


_EXTRAS = ("archive", "embedded", "research")


class ConfigurationError(CollectorError):
    """The configuration is wrong; the message names file, line and key."""


class GatewayError(CollectorError):
    """IB or its gateway refused or failed."""


class GatewayUnavailable(GatewayError, ConnectionError):  # noqa: N818
    """There is no usable connection to IB; a later attempt may help."""


class ClientIdInUse(GatewayUnavailable):
    """Another program is connected to the gateway with our client id, be it a `collector serve`."""


class DatabaseError(CollectorError):
    """The database refused or failed."""


class DatabaseUnavailable(DatabaseError, ConnectionError):  # noqa: N818
    """There is no usable connection to the database, or it takes no writes; a later attempt may help."""


class DiskFull(DatabaseUnavailable):
    """The database's disk is full; no attempt helps before somebody has made room."""


class SharedSession(DatabaseError):  # noqa: N818 - named for what was found
    """A pooler lends the database's sessions to several clients: locks and settings of a session would be nobody's."""

    def __init__(self) -> None:
        super().__init__(
            "a connection pooler in transaction mode stands before the database: several clients share a session",
            "let database.url name the server itself, or a pool in session mode (PgBouncer: pool_mode = session)",
        )


class ExtensionNotLoaded(DatabaseError):  # noqa: N818 - named for what was found
    """The database has TimescaleDB, and its server does not load it: what touches a hypertable ends the connection.

    Args:
        version: the extension's.
    """

    def __init__(self, version: str) -> None:
        super().__init__(
            f"TimescaleDB {version} is installed in the database but not loaded by its server",
            "add timescaledb to shared_preload_libraries (postgresql.conf) and restart the server",
        )
        self.version = version


class ReadersBusy(DatabaseError):  # noqa: N818 - named for what was found
    """The connections for pages are all at work; a later attempt may help."""

    def __init__(self) -> None:
        super().__init__(
            "the database is busy with other pages", "Try again in a moment; what collects has connections of its own."
        )


class DataRefused(DatabaseError):  # noqa: N818 - named for what became of it
    """The server refuses the values of a statement (SQLSTATE classes 22 and 23); the same again never helps.

    Args:
        message: as for every error.
        sqlstate: the server's five characters.
        reason: the server's words; they may quote a value.
    """

    def __init__(self, message: str, sqlstate: str, reason: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.reason = reason


class ContractIdsExhausted(DatabaseError):  # noqa: N818 - named for what happened
    """New contracts of an underlying cannot get ids: no block is free, and its own are full.

    Args:
        symbol: the underlying's.
        contracts: how many are new.
    """

    def __init__(self, symbol: str, contracts: int) -> None:
        super().__init__(
            f"{symbol} has {contracts:,} new contracts, and no block of contract ids is free for them",
            "collect the symbol into another database",
        )
        self.symbol = symbol
        self.contracts = contracts


class BackupError(DatabaseError):
    """A backup could not be made; the database itself is well, and earlier backups stay. A later attempt may help."""


class ArchiveError(CollectorError):
    """The archive, or the place where its objects lie, refused or failed."""


class ArchiveRefused(ArchiveError):  # noqa: N818 - named for what became of it
    """An object of the archive is not written: it would take the place of more than it holds, or of another's.

    Args:
        path: the object's.
        why: without a full stop.
        hint: what to do.
    """

    def __init__(self, path: str, why: str, hint: str) -> None:
        super().__init__(f"{path} is not written: {why}", hint)
        self.path = path
        self.why = why


class ObjectMissing(ArchiveError):  # noqa: N818 - named for what was found
    """An object is not at its place.

    Args:
        place: the place's name.
        path: the object's.
    """

    def __init__(self, place: str, path: str) -> None:
        super().__init__(f"{place} has no {path}", "look at what is there: somebody else may have removed or moved it")
        self.place = place
        self.path = path


class PlaceUnavailable(ArchiveError, ConnectionError):  # noqa: N818 - named as DatabaseUnavailable
    """The place of objects cannot be reached, or fails; a later attempt may help."""


class PlaceRefused(ArchiveError):  # noqa: N818 - named for what the place did
    """The place of objects refuses: the same again never helps before somebody has changed something."""


class ArchiveDamaged(ArchiveError):  # noqa: N818 - named for what was found
    """A file of the archive does not hold what it should: it is torn, was changed, or was written wrongly.

    Args:
        path: the file.
        found: what is wrong with it, without a full stop.
    """

    def __init__(self, path: str, found: str) -> None:
        super().__init__(
            f"{path} is damaged: {found}",
            "keep the file for inspection; collector archive writes it anew from the database, a backup has it, too",
        )
        self.path = path
        self.found = found


class ForeignFile(ArchiveError):  # noqa: N818 - named for what was found
    """A file is none of the archive's, or holds other bars than its place says.

    Args:
        path: the file.
        found: what it is instead, without a full stop.
    """

    def __init__(self, path: str, found: str) -> None:
        super().__init__(f"{path} is no such file of the archive: {found}", "move it out of the archive")
        self.path = path
        self.found = found


class SessionHeldTwice(ArchiveError):  # noqa: N818 - named for what was found
    """Two objects of the archive hold a session, with different bars: one of them is older, and nothing says which.

    Args:
        place: the place's name.
        paths: of both objects.
        day: of the session.
    """

    def __init__(self, place: str, paths: tuple[str, str], day: date) -> None:
        super().__init__(
            f"{place}/{paths[0]} holds {day}, and {paths[1]} holds it, too, with other bars",
            "a pass was killed: run collector archive, which removes the one that the other replaces; "
            "without its database, remove it yourself",
        )
        self.paths = paths
        self.day = day


class NewerFormat(ArchiveError):  # noqa: N818 - named for what was found
    """A file was written by a later version of this program.

    Args:
        path: the file.
        found: its format. known: the latest one that this program reads.
    """

    def __init__(self, path: str, found: int, known: int) -> None:
        super().__init__(
            f"{path} has format {found}, and this version of the collector reads formats up to {known}",
            "install the version that wrote it, or a later one",
        )
        self.path = path
        self.found = found
        self.known = known


class LockHeld(CollectorError):  # noqa: N818
    """Another run holds the advisory lock; it is at work, or its host is."""


class NotAllowed(CollectorError):  # noqa: N818 - named for what it is
    """Whoever asks may look, and start or stop nothing."""


class Incomplete(CollectorError):  # noqa: N818 - named for what it is
    """Something of what was asked for is done, and something is not; the message says what."""


class Interrupted(CollectorError):  # noqa: N818
    """A signal asked the run to stop; what was stored stays, the next run continues."""
