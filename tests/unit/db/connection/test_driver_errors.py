"""The one door: what drivers, servers and sockets say becomes one clear line with a hint, and never a secret."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from collector.db.connection import driver_errors
from collector.db.schema import migrate
from collector.domain.errors import DatabaseError, DatabaseUnavailable, DiskFull, SharedSession

exceptions = asyncpg.exceptions


@pytest.mark.parametrize(
    ("raised", "message", "hint"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), "no database server listens there", "start the server"),
        (FileNotFoundError(2, "No such file"), "no database server listens there", "start the server"),
        (ConnectionResetError(104, "reset by peer"), "connection to the database was lost", "continues"),
        (TimeoutError(), "does not answer", "network"),
        (OSError(113, "No route to host"), "cannot be reached", "start the server"),
        (exceptions.InvalidPasswordError("password authentication failed"), "refuses the password", "pgpass"),
        (exceptions.InvalidAuthorizationSpecificationError("role x"), "refuses the user", "pg_hba"),
        (exceptions.InvalidCatalogNameError('database "x" does not exist'), "does not exist", "createdb"),
        (exceptions.DiskFullError("could not extend file"), "disk is full", "free space"),
        (exceptions.OutOfMemoryError("out of memory"), "out of memory", "memory"),
        (exceptions.TooManyConnectionsError("too many clients"), "too many connections", "max_connections"),
        (exceptions.LockNotAvailableError("canceling statement"), "did not get a lock", "another program"),
        (exceptions.QueryCanceledError("statement timeout"), "took too long", "try again"),
        (exceptions.AdminShutdownError("terminating connection"), "shutting down", "start the server"),
        (exceptions.CrashShutdownError("crash"), "crashed", "recovered"),
        (exceptions.CannotConnectNowError("starting up"), "starting up", "wait"),
        (exceptions.ReadOnlySQLTransactionError("read-only transaction"), "is read-only", "primary"),
        (exceptions.ConnectionDoesNotExistError("connection was closed"), "was lost", "continues"),
        (exceptions.InterfaceError("connection is closed"), "was lost", "continues"),
        (exceptions.InternalClientError("cannot switch to state 12"), "was lost", "continues"),
        (exceptions.ConnectionRejectionError("no more for you"), "refused: no more for you", "log of the server"),
        (exceptions.ProtocolViolationError("pgbouncer cannot connect to server"), "refused: pgbouncer", "pooler"),
        (exceptions.TargetServerAttributeNotMatched("None of the hosts"), "none of the servers", "start the one"),
        (exceptions.UniqueViolationError("duplicate key"), "same rows at the same moment", "try again"),
        (exceptions.DeadlockDetectedError("deadlock detected"), "deadlock", "try again"),
    ],
)
def test_a_later_attempt_may_help(raised: BaseException, message: str, hint: str) -> None:
    """What time or a person can mend is DatabaseUnavailable, with one line and what to do."""
    with pytest.raises(DatabaseUnavailable, match=message) as caught, driver_errors.door():
        raise raised
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.__cause__ is raised


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (exceptions.UndefinedTableError('relation "x" does not exist'), "lacks a table of the collector"),
        (exceptions.UndefinedColumnError('column "x" does not exist'), "lacks a column of the collector"),
        (exceptions.InvalidSchemaNameError('schema "store" does not exist'), "lacks a schema of the collector"),
        (exceptions.InsufficientPrivilegeError("permission denied"), "may not do this"),
        (exceptions.NumericValueOutOfRangeError("numeric field overflow"), r"refused a statement \(22003\)"),
        (exceptions.InterfaceError("the number of arguments"), "driver refused: the number"),
        (exceptions.ClientConfigurationError("invalid DSN: s3cret"), "cannot be read as a PostgreSQL URL"),
    ],
)
def test_no_attempt_helps(raised: BaseException, message: str) -> None:
    """What stays wrong however often it is tried is DatabaseError, and not a connection error."""
    with pytest.raises(DatabaseError, match=message) as caught, driver_errors.door():
        raise raised
    assert not isinstance(caught.value, DatabaseUnavailable)
    assert "s3cret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("permission denied for schema public", "GRANT it CREATE on the database and schema public"),
        ("permission denied for database bars", "let it own the database"),
        ("must be owner of table option_chains", "only the owner of the collector's tables may"),
        ("permission denied for schema store", "only the owner of the collector's tables may"),
        ("permission denied to create role", "let a superuser run it"),
        ("permission denied for table option_chains", "grant it the role collector_rw"),
        ("keine Berechtigung für Tabelle option_chains", "grant it the role collector_rw"),
    ],
)
def test_a_missing_right_is_told_by_what_it_is_missing_on(said: str, hint: str) -> None:
    """One SQLSTATE stands for rights on the database, of the tables' owner, of reading and writing, to create roles."""
    error = driver_errors.translated(exceptions.InsufficientPrivilegeError(said))
    assert error.message == f"the database user may not do this: {said}"
    assert hint in error.hint


@pytest.mark.parametrize(
    "raised",
    [
        exceptions.DuplicatePreparedStatementError('prepared statement "x" already exists'),
        exceptions.InvalidSQLStatementNameError('prepared statement "x" does not exist'),
        exceptions.ProtocolViolationError("transaction blocks not allowed in statement pooling mode"),
    ],
)
def test_a_statement_that_another_session_prepared(raised: BaseException) -> None:
    """Somebody between us and the server changes the session under our hands."""
    assert isinstance(driver_errors.translated(raised), SharedSession)


@pytest.mark.parametrize("where", ["", " in options"])
def test_a_parameter_that_a_pooler_refuses(where: str) -> None:
    """It is named, with what to do; waiting does not help."""
    error = driver_errors.translated(exceptions.ProtocolViolationError(f"unsupported startup parameter{where}: a.b"))
    assert not isinstance(error, DatabaseUnavailable)
    assert error.message.endswith("refuses the parameter a.b")
    assert "add a.b to its ignore_startup_parameters" in error.hint


def test_sqlalchemys_wrapping_is_taken_off() -> None:
    """An error of a migration is judged by what asyncpg said."""
    inner = exceptions.LockNotAvailableError("canceling statement due to lock timeout")
    wrapped = DBAPIError("SELECT 1", None, inner)
    with pytest.raises(DatabaseUnavailable, match="did not get a lock"), driver_errors.door(), migrate.unwrapped():
        raise wrapped


def test_what_has_been_through_the_door_stays_as_it_is() -> None:
    """The collector's own errors, and errors of the code, pass unchanged."""
    own = DatabaseUnavailable("gone", "wait")
    with pytest.raises(DatabaseUnavailable) as caught, driver_errors.door():
        raise own
    assert caught.value is own
    with pytest.raises(KeyError), driver_errors.door():
        raise KeyError("a mistake")


def test_the_last_word_of_a_server_that_has_no_room() -> None:
    """A server whose log has no room crashes; what it says before that names the disk, not the connection."""
    lost = asyncpg.ConnectionDoesNotExistError('could not write to file "pg_wal/xlogtemp.1": No space left on device')
    assert isinstance(driver_errors.translated(lost), DiskFull)
