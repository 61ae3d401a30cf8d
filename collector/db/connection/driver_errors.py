"""Turn errors of driver and server into ours.

The one door through which errors of the driver, the socket and the server leave: as DatabaseError, with a hint.

No message carries a password: what the server says never does, and what the driver says of a URL is not repeated.
"""

import contextlib
import re
import ssl
from collections.abc import Iterator

import asyncpg

from collector.domain.errors import DatabaseError, DatabaseUnavailable, DataRefused, DiskFull, SharedSession

_UPGRADE = "run `collector db upgrade`"
_START = "start the server, or correct database.url"

_UNAVAILABLE: dict[str, tuple[str, str]] = {
    "28P01": (
        "the database refuses the password",
        "set the password in the environment, the secrets file or ~/.pgpass",
    ),
    "28000": ("the database refuses the user", "check the user in database.url and the server's pg_hba.conf"),
    "3D000": ("the database does not exist", "create it (createdb), or correct database.url"),
    "53100": (
        "the database's disk is full",
        "free space on the server's disk; the next run continues where this stopped",
    ),
    "53200": ("the database is out of memory", "give the server more memory, or stop what else runs there"),
    "53300": ("the database has too many connections", "close other programs that use it, or raise max_connections"),
    "55P03": ("the database did not get a lock in time", "another program holds the table; see `collector db status`"),
    "57014": ("the database cancelled a statement that took too long", "see what else the server is doing; try again"),
    "57P01": ("the database server is shutting down", _START),
    "57P02": ("the database server crashed and restarts", "wait until it has recovered"),
    "57P03": ("the database server is starting up or shutting down", "wait until it accepts connections"),
    "23505": ("another program wrote the same rows at the same moment", "let one collector write at a time; try again"),
    "25006": ("the database is read-only", "connect to the primary server, or end its recovery mode"),
    "40001": ("the database could not serialise a transaction", "try again"),
    "40P01": ("the database broke a deadlock", "another program writes to the same tables; try again"),
}
"""SQLSTATEs after which a later attempt may help → what happened, what to do."""

_SCHEMA: dict[str, tuple[str, str]] = {
    "42P01": ("the database lacks a table of the collector", _UPGRADE),
    "3F000": ("the database lacks a schema of the collector", _UPGRADE),
    "42703": ("the database lacks a column of the collector", _UPGRADE),
}

_FORBIDDEN = "42501"
_MAY_NOT = "the database user may not do this"
LET_CREATE = (
    "let it own the database (ALTER DATABASE … OWNER TO …), or GRANT it CREATE on the database and schema public"
)
"""What to do for a login that may not make the collector's tables."""
_RIGHTS = (
    (
        re.compile(r"for (?:database|schema public)\b"),
        LET_CREATE,
    ),
    (
        re.compile(r"must be owner of|for schema"),
        "only the owner of the collector's tables may: use the login that ran `collector db upgrade` first",
    ),
    (
        re.compile(r"role"),
        "let a superuser run it, or a login that may create roles (ALTER ROLE … CREATEROLE)",
    ),
)
"""What the server says of the object → what to do. In another language than English, what is needed most often."""
_READ_AND_WRITE = "grant it the role collector_rw (made by `collector db roles`)"

_DISK_FULL = "53100"
_NO_ROOM = "No space left on device"
_CONNECTION_CLASS = "08"
_REFUSED_STATES = ("08001", "08004", "08P01")
"""The server, or a pooler, answered, and would not go on; the others say that the line has gone."""
_SHARED_STATES = ("26000", "42P05")
"""A prepared statement that has gone or is there already: it was another session that prepared it."""
_PARAMETER = re.compile(r"unsupported startup parameter(?: in options)?: ([\w.]+)")
_DATA_CLASSES = ("22", "23")
_LOST = ("the connection to the database was lost", "see the server's log; the next run continues where this stopped")


@contextlib.contextmanager
def door() -> Iterator[None]:
    """Turn errors of asyncpg and the operating system into the collector's own.

    Raises:
        DatabaseUnavailable: there is no usable connection, or the server takes no writes; a later attempt may help.
        DiskFull: the server has no room; no attempt helps before somebody has made some.
        DataRefused: the server refused values.
        DatabaseError: the server or the driver refused; the message names the SQLSTATE.
    """
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        if isinstance(error, DatabaseError):
            raise
        raise translated(error) from error


def translated(error: BaseException) -> DatabaseError:
    """Return the collector's error for one of the driver's or the operating system's."""
    if isinstance(error, asyncpg.PostgresError):
        return _from_server(error)
    if isinstance(error, asyncpg.InternalClientError | asyncpg.InterfaceError):
        return _from_driver(error)
    return _from_system(error)


def broke_the_connection(error: BaseException) -> bool:
    """Return whether a connection cannot be used again after an error that came through the door."""
    return isinstance(error.__cause__, asyncpg.InternalClientError | asyncpg.InterfaceError | OSError)


def unreadable_url() -> DatabaseError:
    """Return the error for a URL that cannot be parsed; says nothing of its content, which may hold the password."""
    return DatabaseError(
        "database.url cannot be read as a PostgreSQL URL",
        "write postgresql://USER@HOST:PORT/NAME; percent-encode special characters, keep the password elsewhere",
    )


def _from_server(error: asyncpg.PostgresError) -> DatabaseError:
    return of_state(str(error.sqlstate or ""), str(error))


def of_state(state: str, words: str) -> DatabaseError:
    """Return the collector's error for what a server refused, whichever driver told it.

    Args:
        state: the SQLSTATE; empty where the connection has gone.
        words: the server's.
    """
    said = _one_line(words)
    return _of_state(state, said) if state else DatabaseUnavailable(f"{_LOST[0]}: {said}", _LOST[1])


def _of_state(state: str, said: str) -> DatabaseError:
    if _NO_ROOM in said:  # also the last word of a server that crashes because its log has no room
        state = _DISK_FULL
    if state in _UNAVAILABLE:
        what, hint = _UNAVAILABLE[state]
        kind = DiskFull if state == _DISK_FULL else DatabaseUnavailable
        return kind(f"{what}: {said}", hint)
    if state.startswith(_CONNECTION_CLASS):
        return _from_connection(state, said)
    if state in _SHARED_STATES:
        return SharedSession()
    if state == _FORBIDDEN or state in _SCHEMA:
        what, hint = _SCHEMA.get(state) or (_MAY_NOT, _lacking_right(said))
        return DatabaseError(f"{what}: {said}", hint)
    if state.startswith(_DATA_CLASSES):
        return DataRefused(f"the database refused a statement ({state}): {said}", state, said)
    return DatabaseError(f"the database refused a statement ({state}): {said}")


def _lacking_right(said: str) -> str:
    return next((hint for object_, hint in _RIGHTS if object_.search(said)), _READ_AND_WRITE)


def _from_connection(state: str, said: str) -> DatabaseError:
    if state not in _REFUSED_STATES:
        return DatabaseUnavailable(f"{_LOST[0]}: {said}", _LOST[1])
    parameter = _PARAMETER.search(said)
    if parameter:
        return DatabaseError(
            f"a connection pooler before the database refuses the parameter {parameter[1]}",
            f"add {parameter[1]} to its ignore_startup_parameters, or let database.url name the server itself",
        )
    if "pooling mode" in said:  # of a single statement, which no transaction outlasts
        return SharedSession()
    return DatabaseUnavailable(
        f"the database, or a connection pooler before it, refused: {said}", "see the log of the server or the pooler"
    )


def _from_driver(error: BaseException) -> DatabaseError:
    said = _one_line(str(error))
    if isinstance(error, asyncpg.ClientConfigurationError):
        return _untrusted("there is none to verify it by") if "root certificate" in said else unreadable_url()
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return DatabaseUnavailable(
            "none of the servers in database.url is what its target_session_attrs asks for",
            "start the one that is, or correct database.url",
        )
    # An internal error is how asyncpg stumbles over a line that was cut between two messages.
    if isinstance(error, asyncpg.InternalClientError) or "closed" in said or "connection" in said:
        return DatabaseUnavailable(f"{_LOST[0]}: {said}", _LOST[1])
    return DatabaseError(f"the database driver refused: {said}")


def _from_system(error: BaseException) -> DatabaseError:
    if isinstance(error, TimeoutError):
        return DatabaseUnavailable("the database does not answer", "check the network and the server's load")
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error.verify_message)
    if isinstance(error, ConnectionError) and "SSL upgrade" in str(error):
        return DatabaseError(
            "the database server offers no TLS, and database.url asks for it by sslmode",
            "switch ssl on in postgresql.conf, or choose another sslmode",
        )
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return DatabaseUnavailable(f"no database server listens there: {_one_line(str(error))}", _START)
    if isinstance(error, ConnectionError):
        return DatabaseUnavailable(f"{_LOST[0]}: {_one_line(str(error))}", _LOST[1])
    return DatabaseUnavailable(f"the database cannot be reached: {_one_line(str(error))}", _START)


def _untrusted(why: str) -> DatabaseError:
    return DatabaseError(
        f"the database server's certificate cannot be verified: {why}",
        "name its authority's file by sslrootcert in database.url, and the server as its certificate does",
    )


def _one_line(message: str) -> str:
    return " ".join(message.split())
