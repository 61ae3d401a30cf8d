"""The database as Arrow tables: statements of sql/readers over ADBC."""

import asyncio
import contextlib
import re
import threading
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias, TypeVar

import adbc_driver_manager
import adbc_driver_postgresql.dbapi
import pyarrow as pa
from adbc_driver_manager.dbapi import Connection

from collector.config.package_files import resource
from collector.db.connection import driver_errors, pool
from collector.db.connection.statements import filled, query
from collector.domain.errors import DatabaseUnavailable, UsageError
from collector.domain.market_data.data_sets import DataSet

Argument: TypeAlias = str | int | float | Decimal | date | datetime | Iterable[Any] | None
"""Of a statement; iterables become arrays."""

T = TypeVar("T")

_SAID = re.compile(r"\b(?:ERROR|FATAL|PANIC): +(.*)")

_PARAMETER = re.compile(r"\$(\d+)::([a-z]+(?: precision)?(?:\[\])?)")


class Server:
    """One connection to the database, which only reads; several threads may share it, one at a time.

    Whoever asks while it is lost is told so; the next one who asks gets a new one.

    Args:
        url: of the database, by libpq's rules, password included.
        statement_timeout_s: seconds after which the server gives up on a statement.
        in_role: take the role for readers where the login may.

    Raises:
        DatabaseUnavailable: no server, wrong password, no such database.
    """

    def __init__(self, url: str, statement_timeout_s: int = pool.STATEMENT_TIMEOUT_S, *, in_role: bool = False) -> None:
        self._statement_timeout_s, self._in_role = statement_timeout_s, in_role
        self._url, self._lock, self._closed = url, threading.RLock(), False
        self._connection: Connection | None = None
        self._connect()

    def select(
        self, name: str, *args: Argument, columns: Sequence[str] = (), data_set: DataSet | None = None
    ) -> pa.Table:
        """Run sql/readers/NAME.sql and return its rows.

        Args:
            name: the statement's.
            args: in the order of its head.
            columns: which of its columns, where it leaves that open.
            data_set: whose bars, where it leaves that open.

        Raises:
            DatabaseUnavailable, DatabaseError: as everywhere.
            UsageError: the connection has been closed.
        """
        statement = bound(name, args).replace("{columns}", ", ".join(columns))
        if data_set is not None:
            statement = filled(statement, data_set)
        with self._lock:
            if self._closed:
                raise UsageError("the reader is closed", "Ask while it is open: with research.open() as data: …")
            try:
                return _fetched(self._connection or self._connect(), statement)
            except DatabaseUnavailable:
                self._let_go()
                raise

    def close(self) -> None:
        """End the connection; again does nothing."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _connect(self) -> Connection:
        """Connect with the settings of a session that only reads; without them there is no connection."""
        with _door():
            connection: Connection = adbc_driver_postgresql.dbapi.connect(self._url, autocommit=True)
        self._connection = connection
        settings = {
            **pool.session_settings(self._statement_timeout_s),
            "application_name": "collector research",
            "default_transaction_read_only": "on",
            "standard_conforming_strings": "on",
        }
        names, values = zip(*settings.items(), strict=True)
        try:
            self.select("begin_reading", names, values)
            if self._in_role:
                _fetched(connection, query("only_read"))
        except BaseException:  # interrupted, too: one without its settings would write, and wait for ever
            self._let_go()
            raise
        return connection

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(adbc_driver_manager.Error):  # it may be broken
                connection.close()


def _fetched(connection: Connection, statement: str) -> pa.Table:
    # The cursor goes before the connection, or the driver complains.
    with _door(), connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetch_arrow_table()


@contextlib.contextmanager
def _door() -> Iterator[None]:
    """Turn the driver's errors into the collector's own."""
    try:
        yield
    except adbc_driver_manager.Error as error:
        raise driver_errors.of_state(error.sqlstate or "", _said(str(error))) from error


def _said(words: str) -> str:
    """Return what the server said, without what the driver puts around it."""
    found = _SAID.search(words)
    return found[1] if found else words.partition("\n")[0]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread with a loop of its own: the caller's may be running, as in a notebook."""
    found: list[T] = []
    failed: list[BaseException] = []

    def target() -> None:
        try:
            found.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread
            failed.append(error)

    thread = threading.Thread(target=target, name="collector research")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def bound(name: str, args: Sequence[Argument]) -> str:
    """Return a statement with its arguments in the place of their parameters.

    Values written into it are what COPY takes, which is how the driver fetches; and the planner sees the bounds, so
    that it leaves other chunks shut.
    """
    return _PARAMETER.sub(lambda found: f"{_literal(args[int(found[1]) - 1])}::{found[2]}", text(name))


@cache
def text(name: str) -> str:
    """Return sql/readers/NAME.sql without its comments."""
    lines = (resource("sql") / "readers" / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("--"))


def _literal(value: Argument) -> str:
    """Return a value as SQL writes it, in quotes whatever it is; its type follows it."""
    if value is None:
        return "NULL"
    if isinstance(value, str | int | float | Decimal | date):
        words = value.isoformat() if isinstance(value, date) else str(value)
        if "\0" in words:
            raise UsageError("a name holds a NUL, which the database cannot take")
        return "'" + words.replace("'", "''") + "'"
    return f"ARRAY[{', '.join(map(_literal, value))}]"
