"""Connections to PostgreSQL that run named queries.

Named queries in, rows of the trade's own values out, time held while the server works.
"""

import asyncio
import contextlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction as DriverTransaction

from collector.clock import Clock
from collector.db.connection import driver_errors, poolers, sql_values
from collector.db.connection.statements import query
from collector.domain.database_url import DatabaseUrl
from collector.domain.errors import DatabaseError, DatabaseUnavailable, DiskFull, ExtensionNotLoaded

CONNECT_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 300
LOCK_TIMEOUT_S = 15
_GRACE_S = 30.0
_COMMAND_TIMEOUT_S = STATEMENT_TIMEOUT_S + _GRACE_S
"""Ours, for a server that is gone without a word; its own time-out comes first."""

STATEMENT_BYTES = 32 * 1024
"""Statements up to this length, comments included, stay prepared; the driver's own limit is 15 KiB."""

_RELEASE_S = 2.0
"""A server that does not confirm within it that it has cancelled a statement is not waited for."""

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
"""Between looks whether a server that went away is back."""
_DISK_FULL_PATIENCE_S = 5.0
"""A full disk is not mended by waiting; so long for what makes room by itself, such as a checkpoint."""
_MOST_ATTEMPTS = 10
"""A server that lets transactions begin and never end is no server either."""

_NAME_BYTES = 63
"""PostgreSQL cuts longer application names."""

Row: TypeAlias = Mapping[str, Any]
"""One row of an answer, by column name. Columns of type tstzmultirange are Spans, tstzrange are Span."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
ResultT = TypeVar("ResultT")
_Decoders: TypeAlias = Mapping[str, Callable[[Any], Any]]
log = structlog.get_logger()

_within_patience: ContextVar[bool] = ContextVar("_within_patience", default=False)
"""Whether this task is inside work that `Database.patiently` repeats whole."""


def session_settings(statement_timeout_s: int = STATEMENT_TIMEOUT_S) -> dict[str, str]:
    """Return the settings that every session of the collector gets.

    It gets them when it has begun: poolers refuse most of them in the packet that begins it, or drop them silently.
    """
    return {
        "timezone": "UTC",
        "statement_timeout": f"{statement_timeout_s}s",
        "lock_timeout": f"{LOCK_TIMEOUT_S}s",
        "idle_in_transaction_session_timeout": f"{STATEMENT_TIMEOUT_S}s",
        "work_mem": "64MB",  # a batch is compared in memory
        "temp_buffers": "32MB",
        "random_page_cost": "1.1",  # no disk heads; batches of compressed days are then found by their index
        "jit": "off",  # compiling costs more than these statements take
        "plan_cache_mode": "force_custom_plan",  # a generic plan would open every chunk of a hypertable
    }


def session_name(application_name: str) -> str:
    """Return the name that the server shows for a session, which is not cut inside a letter."""
    return application_name.encode()[:_NAME_BYTES].decode(errors="ignore")


def driver_arguments(url: str, application_name: str) -> dict[str, Any]:
    """Return what the driver is told to open a connection, by the names of its arguments.

    Raises:
        DatabaseError: the URL cannot be read, or asks for what the driver cannot do.
    """
    try:
        address = DatabaseUrl.parse(url)
    except ValueError:
        raise driver_errors.unreadable_url() from None
    return {
        "dsn": address.for_driver,
        "timeout": address.connect_timeout_s or CONNECT_TIMEOUT_S,
        "server_settings": {**address.server_settings, "application_name": session_name(application_name)},
    }


async def open_connection(
    url: str, clock: Clock, *, application_name: str, command_timeout_s: float | None = None
) -> "asyncpg.Connection[asyncpg.Record]":
    """Open one connection outside any pool; the caller closes it.

    Raises:
        DatabaseUnavailable: no server, wrong password, no such database.
        SharedSession, ExtensionNotLoaded: see `begin_session`.
        DatabaseError: the URL cannot be read.
    """
    arguments = driver_arguments(url, application_name)
    with clock.hold(), driver_errors.door():
        connection = await connected(**arguments, command_timeout=command_timeout_s or _COMMAND_TIMEOUT_S)
        await begin_session(connection, arguments)
        await sql_values.teach(connection)
    return connection


async def connected(*args: Any, **arguments: Any) -> "asyncpg.Connection[asyncpg.Record]":  # noqa: ANN401 - the driver's
    """Return a connection as the driver opens it.

    Raises:
        DatabaseError: what counts beside the URL, such as PGPORT, cannot be read.
    """
    try:
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(*args, **arguments)
    except ValueError as error:
        if isinstance(error, asyncpg.InterfaceError | OSError):  # the driver's and TLS's own, for the door to tell
            raise
        raise driver_errors.unreadable_url() from None
    return connection


async def begin_session(
    connection: "asyncpg.Connection[asyncpg.Record]",
    arguments: Mapping[str, Any],
    statement_timeout_s: int = STATEMENT_TIMEOUT_S,
) -> None:
    """Make sure that a new connection is one that the collector can work with, and give it our settings; or end it.

    Args:
        connection: as the driver has opened it.
        arguments: with which it did.
        statement_timeout_s: seconds after which the server gives up on a statement.

    Raises:
        SharedSession: a pooler lends its session to others, too.
        ExtensionNotLoaded: the database has TimescaleDB, and its server does not load it.
    """
    try:
        await poolers.require_own_session(connection, lambda: connected(**arguments))
        await _require_loaded_extension(connection)
        names, values = zip(*session_settings(statement_timeout_s).items(), strict=True)
        await connection.execute(query("prepare_session"), names, values)
    except BaseException:  # a cancelled beginning, too, must leave no session behind
        connection.terminate()
        raise


async def _require_loaded_extension(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    unloaded = await connection.fetchval(query("unloaded_extension"))
    if unloaded is not None:
        raise ExtensionNotLoaded(unloaded)


class Statements(ABC):
    """What can be asked of the database: queries by the name of their file in sql/queries.

    Arguments and columns: Spans ↔ tstzmultirange, Span ↔ tstzrange, Decimal ↔ numeric, aware datetime ↔ timestamptz,
    anything JSON ↔ jsonb. Every method raises DatabaseUnavailable or DatabaseError, never the driver's errors.
    """

    def __init__(self, clock: Clock, decoders: dict[str, _Decoders]) -> None:
        self._clock = clock
        self._decoders = decoders

    @property
    def clock(self) -> Clock:
        """Return the clock by which rows are stamped."""
        return self._clock

    @abstractmethod
    def _connection(self) -> AbstractAsyncContextManager[Connection]: ...

    @contextlib.contextmanager
    def _outside(self) -> Iterator[None]:
        """Hold simulated time and stand at the door of errors while the server works."""
        with self._clock.hold(), driver_errors.door():
            yield

    async def fetch(self, name: str, *args: object) -> list[Row]:
        """Run a query and return its rows."""
        async with self._connection() as connection:
            with self._outside():
                if name in self._decoders:
                    records = await connection.fetch(query(name), *sql_values.sent(args))
                else:
                    # Prepared and run: what is only prepared leaves the server waiting, until its time-out has passed.
                    statement = await connection.prepare(query(name))
                    records = await statement.fetch(*sql_values.sent(args))
                    self._decoders[name] = _decoders_of(statement.get_attributes())
        return [_decoded(record, self._decoders[name]) for record in records]

    async def fetchrow(self, name: str, *args: object) -> Row | None:
        """Run a query and return its first row, None when there is none."""
        rows = await self.fetch(name, *args)
        return rows[0] if rows else None

    async def fetchval(self, name: str, *args: object) -> Any:  # noqa: ANN401 - a column of any type
        """Run a query and return the first column of its first row, None when there is none."""
        row = await self.fetchrow(name, *args)
        return None if row is None else next(iter(row.values()))

    async def execute(self, name: str, *args: object) -> int:
        """Run a statement and return the number of rows that it touched (0 for what touches none by nature)."""
        async with self._connection() as connection:
            with self._outside():
                tag = await connection.execute(query(name), *sql_values.sent(args))
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0


class Transaction(Statements):
    """Statements that commit together; made by `Database.transaction`."""

    def __init__(self, connection: Connection, clock: Clock, decoders: dict[str, _Decoders]) -> None:
        super().__init__(clock, decoders)
        self._own = connection

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        yield self._own

    async def copy(self, table: str, columns: Sequence[str], lines: str) -> None:
        """Load rows in COPY's text format: a line each, columns by tabs, NULL as backslash N."""
        with self._outside():
            await self._own.copy_to_table(table, source=_chunk(lines.encode()), columns=columns, format="text")

    async def copy_in(self, table: str, columns: Sequence[str], text: AsyncIterable[bytes]) -> None:
        """Load rows as CSV without a head line, in pieces of any size; an empty field is NULL."""
        with self._outside():
            await self._own.copy_to_table(table, source=text, columns=columns, format="csv")

    async def copy_out(self, name: str, *args: object, to: Callable[[bytes], object]) -> int:
        """Run a query by COPY and hand its rows on as CSV without a head line, in pieces; return how many there are."""

        async def hand_on(piece: bytes) -> None:
            to(piece)

        with self._outside():
            tag = await self._own.copy_from_query(
                query(name), *sql_values.sent(args), output=hand_on, format="csv", timeout=_COMMAND_TIMEOUT_S
            )
        return int(tag.rpartition(" ")[2])


class Database(Statements):
    """A pool of connections to one database; made by `connect`. Its `url` may hold a password: never to be shown."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", clock: Clock, size: int, url: str) -> None:
        super().__init__(clock, {})
        self._pool = pool
        self.url = url
        # Waiting for a free connection must not hold time: who has it may be waiting for time to pass.
        self._free = asyncio.Semaphore(size)
        self._prepared: dict[int, set[str]] = {}
        self._patience_s = 0.0
        self._away_since: float | None = None
        self._full: DiskFull | None = None

    @contextlib.contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Within the block, wait for a server that went away (restarts, fails over) instead of failing at once.

        Statements outside a transaction are repeated, also when their fate is not known, so they must bear it; a
        transaction begins later, but is not repeated. `seconds` count from the first failure in a row.
        """
        before, self._patience_s = self._patience_s, seconds
        try:
            yield
        finally:
            self._patience_s = before

    async def fetch(self, name: str, *args: object) -> list[Row]:
        """Run a query and return its rows."""
        return await self.patiently(lambda: super(Database, self).fetch(name, *args))

    async def execute(self, name: str, *args: object) -> int:
        """Run a statement and return the number of rows that it touched (0 for what touches none by nature)."""
        return await self.patiently(lambda: super(Database, self).execute(name, *args))

    async def patiently(self, ask: Callable[[], Awaitable[ResultT]], patience_s: float | None = None) -> ResultT:
        """Do work that bears to be repeated whole; while the server is away, again with growing pauses.

        Within such work nothing waits by itself: a statement that fails lets the whole begin again.

        Args:
            ask: the work.
            patience_s: instead of the `patience` of the block, for work that waits whoever asks.

        Raises:
            DatabaseUnavailable: the patience is spent (short for a full disk), or there is none.
        """
        if _within_patience.get():
            return await ask()
        patience_s = self._patience_s if patience_s is None else patience_s
        for attempt in itertools.count(1):
            try:
                found = await _once(ask)
            except DatabaseUnavailable as error:
                now = self._clock.monotonic()
                if self._away_since is None:
                    self._away_since = now
                away_s = now - self._away_since
                wait_s = min(max(away_s, _FIRST_WAIT_S), _LONGEST_WAIT_S)
                self._note(error)
                most_s = _DISK_FULL_PATIENCE_S if self._full else patience_s
                if away_s + wait_s > min(most_s, patience_s) or attempt == _MOST_ATTEMPTS:
                    if self._full is None or self._full is error:
                        raise
                    raise self._full from error
                log.warning("database_awaited", error=error.message, wait_s=wait_s)
                await self._clock.sleep(wait_s)
            else:
                self._away_since = self._full = None
                return found
        raise AssertionError("counting does not end")

    def _note(self, error: DatabaseError) -> None:
        """Remember that the disk is full: the server may crash of it, and then only say that it is not there."""
        self._full = error if isinstance(error, DiskFull) else self._full

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with self._free:
            with self._outside():
                connection = await self._pool.acquire()
            try:
                yield connection
            except DatabaseError as error:
                self._note(error)
                if driver_errors.broke_the_connection(error):
                    # A connection that has noticed its own end has left the pool already.
                    with contextlib.suppress(asyncpg.InterfaceError):
                        connection.terminate()
                raise
            finally:
                # What fails here has ended the connection; the pool opens another.
                with contextlib.suppress(DatabaseError), self._outside():
                    await self._pool.release(connection, timeout=_RELEASE_S)

    @contextlib.asynccontextmanager
    async def transaction(self, *prepared: str) -> AsyncIterator[Transaction]:
        """Open a transaction: committed when the block ends, rolled back when it raises.

        Args:
            prepared: names of statements that each connection runs once, before its first such transaction (temporary
                tables).
        """
        async with self._transaction(prepared) as transaction:
            yield transaction

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """Open a transaction that only reads, and sees the database throughout as it is at its first statement."""
        async with self._transaction((), isolation="repeatable_read", readonly=True) as transaction:
            yield transaction

    @contextlib.asynccontextmanager
    async def _transaction(self, prepared: Sequence[str], **kind: Any) -> AsyncIterator[Transaction]:  # noqa: ANN401 - the driver's
        async with AsyncExitStack() as stack:
            connection, block = await self.patiently(lambda: self._begun(stack, prepared, **kind))
            try:
                yield Transaction(connection, self._clock, self._decoders)
            except BaseException:  # a cancelled block is rolled back, too
                # The error in hand says more than a failing rollback: the connection is gone, and so is what it wrote.
                with contextlib.suppress(DatabaseError), self._outside():
                    await block.rollback()
                raise
            with self._outside():
                await block.commit()

    async def _begun(
        self,
        stack: AsyncExitStack,
        prepared: Sequence[str],
        **kind: Any,  # noqa: ANN401 - the driver's
    ) -> tuple[Connection, DriverTransaction]:
        """Take a connection and begin a transaction; a failure gives the connection back."""
        async with AsyncExitStack() as until_begun:
            connection = await until_begun.enter_async_context(self._connection())
            await self._prepare(connection, prepared)
            block = connection.transaction(**kind)
            with self._outside():
                await block.start()
            stack.push_async_exit(until_begun.pop_all())
        return connection, block

    async def _prepare(self, connection: Connection, names: Sequence[str]) -> None:
        done = self._prepared.setdefault(connection.get_server_pid(), set())
        for name in names:
            if name not in done:
                with self._outside():
                    await connection.execute(query(name))
                done.add(name)

    async def _welcome(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Prepare a new connection; its server process may bear the number of one that is gone."""
        self._prepared.pop(connection.get_server_pid(), None)
        await sql_values.teach(connection)


@contextlib.asynccontextmanager
async def connect(
    url: str,
    clock: Clock,
    *,
    application_name: str = "collector",
    size: int = 4,
    statement_timeout_s: int = STATEMENT_TIMEOUT_S,
    reads_only: bool = False,
    farewell_s: float = CONNECT_TIMEOUT_S,
) -> AsyncIterator[Database]:
    """Open a database; its connections are opened as they are needed, the first one at once.

    Args:
        url: postgresql://…; over a unix socket with `?host=/folder`. PGPASSWORD and ~/.pgpass are read.
        clock: stamps rows, and is held while the server works.
        application_name: how this program appears in pg_stat_activity.
        size: connections at most.
        statement_timeout_s: seconds after which the server gives up on a statement.
        reads_only: let the server refuse every change, and take the role for readers where the login may.
        farewell_s: for which the end waits for what is still asked; then that is cut off.

    Raises:
        DatabaseUnavailable: no server, wrong password, no such database.
        SharedSession, ExtensionNotLoaded: see `begin_session`.
        DatabaseError: the URL cannot be read.
    """
    welcome: Callable[[asyncpg.Connection[asyncpg.Record]], Any]

    async def init(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        await begin_session(connection, arguments, statement_timeout_s)
        await welcome(connection)
        if reads_only:
            await connection.execute(query("only_read"))

    async def keep(_: object) -> None:
        """Leave session settings and temporary tables as they are between uses."""

    arguments = driver_arguments(url, application_name)
    with clock.hold(), driver_errors.door():
        pool = asyncpg.create_pool(
            **arguments,
            min_size=0,  # more would be kept up in the background, also when the server is away
            max_size=size,
            max_inactive_connection_lifetime=0,
            connect=connected,
            init=init,
            reset=keep,
            max_cacheable_statement_size=STATEMENT_BYTES,
            command_timeout=statement_timeout_s + min(statement_timeout_s, _GRACE_S),
        )
        database = Database(pool, clock, size, url)
        welcome = database._welcome  # noqa: SLF001 - the pool and the database belong together
        await pool
        await pool.release(await pool.acquire())
    try:
        yield database
    finally:
        await _closed(pool, clock, farewell_s)


async def _once(ask: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Do work in which nothing waits by itself."""
    within = _within_patience.set(True)
    try:
        return await ask()
    finally:
        _within_patience.reset(within)


async def _closed(pool: "asyncpg.Pool[asyncpg.Record]", clock: Clock, farewell_s: float) -> None:
    with contextlib.suppress(DatabaseError), clock.hold(), driver_errors.door():
        try:
            await asyncio.wait_for(pool.close(), farewell_s)
        except TimeoutError:
            pool.terminate()


def _decoders_of(columns: Iterable[asyncpg.Attribute]) -> _Decoders:
    return {one.name: sql_values.DECODERS[one.type.name] for one in columns if one.type.name in sql_values.DECODERS}


def _decoded(record: Any, decoders: _Decoders) -> Row:  # noqa: ANN401 - asyncpg's Record, a Mapping but for its type
    if not decoders:
        row: Row = record
        return row
    return {name: decoders[name](value) if name in decoders else value for name, value in record.items()}


async def _chunk(text: bytes) -> AsyncIterator[bytes]:
    """Yield a text whole: a file would be read by other threads, which takes longer than small batches do."""
    yield text
