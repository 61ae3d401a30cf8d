"""The database for pages: beside the runs, read-only, a few at a time, and not for ever."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from collector.app import condition, opening
from collector.clock import SystemClock
from collector.config import DatabaseSettings, ServeSettings, Settings
from collector.db.connection.pool import Database
from collector.db.schema import features, schema_revisions
from collector.domain.errors import DatabaseError, DatabaseUnavailable, ReadersBusy
from collector.market.calendar import Calendar
from collector.web import context, serving_pages
from collector.web.context import Context, Readers
from collector.web.process.alone import Alone
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.served_pages import Shown, logins_in
from tests.support.window_runs import no_bar

LOGIN = "pages_test_reader"


def settings_for(url: str, **more: object) -> Settings:
    """Return settings of a database."""
    return Settings(database=DatabaseSettings.model_validate({"url": SecretStr(url), **more}))


@contextlib.asynccontextmanager
async def readers_of(url: str, size: int = 2) -> AsyncIterator[Readers]:
    """Give readers of a database for the length of a block."""
    readers = Readers(settings_for(url), SystemClock(AFTER_THE_CLOSE), size)
    try:
        yield readers
    finally:
        await readers.close()


async def said(db: Database, statement: str) -> object:
    """Return what the server says to a statement."""
    async with db.transaction() as transaction:
        return await transaction._own.fetchval(statement)


async def test_pages_read_as_the_reader(plain_database_url: str) -> None:
    """Where there is collector_ro it is taken; nothing can be changed, and no statement takes longer than 5 s."""
    clock = SystemClock(AFTER_THE_CLOSE)
    await features.create_roles(plain_database_url, clock)
    async with readers_of(plain_database_url) as readers, readers.lent() as db:
        assert await said(db, "SELECT current_user") == "collector_ro"
        assert await said(db, "SHOW application_name") == "collector pages"
        assert await said(db, "SHOW statement_timeout") == "5s"
        assert await said(db, "SELECT count(*) FROM option_bars_5min") == 0
        for change in ("CREATE TABLE own ()", "DELETE FROM underlying_securities", "CREATE TEMP TABLE own ()"):
            with pytest.raises(asyncpg.PostgresError):
                await said(db, change)


async def test_a_login_that_may_not_be_the_reader_reads_as_itself(plain_database_url: str) -> None:
    """Whoever has no role to take changes nothing either."""
    clock = SystemClock(AFTER_THE_CLOSE)
    await features.create_roles(plain_database_url, clock)
    owner = await asyncpg.connect(plain_database_url)
    try:
        await owner.execute(
            f"DROP ROLE IF EXISTS {LOGIN}; CREATE ROLE {LOGIN} LOGIN; GRANT pg_read_all_data TO {LOGIN}"
        )
        url = plain_database_url.replace("//postgres@", f"//{LOGIN}@")
        async with readers_of(url) as readers, readers.lent() as db:
            assert await said(db, "SELECT current_user") == LOGIN
            assert await said(db, "SHOW default_transaction_read_only") == "on"
    finally:
        await owner.execute(f"DROP ROLE IF EXISTS {LOGIN}")
        await owner.close()


async def test_pages_wait_for_each_other_and_not_for_ever(
    plain_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two read at a time; a third is told so in words, and reads once one of them is done."""
    monkeypatch.setattr(context, "_QUEUE_S", 0.05)
    async with readers_of(plain_database_url) as readers:
        async with readers.lent(), readers.lent():
            with pytest.raises(ReadersBusy, match="busy with other pages"):
                async with readers.lent():
                    pass
        async with readers.lent() as db:
            assert await said(db, "SELECT 1") == 1


async def test_a_database_that_comes_back_is_found(plain_database_url: str) -> None:
    """Sessions that the server has ended are replaced; one that was away at first is opened when it is there."""
    async with readers_of(plain_database_url) as readers:
        async with readers.lent() as db:
            mine = await said(db, "SELECT pg_backend_pid()")
        owner = await asyncpg.connect(plain_database_url)
        await owner.execute("SELECT pg_terminate_backend($1)", mine)
        await owner.close()
        async with readers.lent() as db:
            assert await db.fetchval("schema_revision")
    nowhere = Readers(settings_for("postgresql://nobody@127.0.0.1:1/none"), SystemClock(AFTER_THE_CLOSE))
    with pytest.raises(DatabaseUnavailable):
        async with nowhere.lent():
            pass
    nowhere._settings = settings_for(plain_database_url)
    async with nowhere.lent() as db:
        assert await said(db, "SELECT 1") == 1
    await nowhere.close()


async def test_tables_of_another_version_are_left(plain_database_url: str) -> None:
    """A page says so, and upgrades nothing; after an upgrade it reads."""
    owner = await asyncpg.connect(plain_database_url)
    revision = await owner.fetchval("UPDATE alembic_version SET version_num = '0001' RETURNING version_num")
    async with readers_of(plain_database_url) as readers:
        with pytest.raises(DatabaseError, match=f"has schema {revision}, not ") as told:
            async with readers.lent():
                pass
        assert told.value.hint == "run: collector db upgrade"
        assert await owner.fetchval("SELECT version_num FROM alembic_version") == "0001"
        await owner.execute("UPDATE alembic_version SET version_num = $1", schema_revisions.head())
        async with readers.lent() as db:
            assert await said(db, "SELECT 1") == 1
    await owner.close()


async def test_a_replica_is_read_where_there_is_one(plain_database_url: str) -> None:
    """database.read_url is where pages go."""
    settings = settings_for("postgresql://nobody@127.0.0.1:1/none", read_url=SecretStr(plain_database_url))
    readers = Readers(settings, SystemClock(AFTER_THE_CLOSE))
    async with readers.lent() as db:
        assert await said(db, "SHOW default_transaction_read_only") == "on"
    await readers.close()


@contextlib.contextmanager
def frozen(pid: object) -> Iterator[None]:
    """Stop a process of the server's, so that it answers nothing, for the length of a block."""
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_database_that_hangs_holds_no_page_for_ever(
    plain_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that is never answered ends in seconds, and another session answers the next."""
    monkeypatch.setattr(opening, "ONLOOKER_PATIENCE_S", 0.3)
    monkeypatch.setattr(context, "_RETURN_S", 0.0)
    async with readers_of(plain_database_url) as readers, readers.lent() as db:
        pid = await said(db, "SELECT pg_backend_pid()")
        with frozen(pid):
            async with asyncio.timeout(5):
                with pytest.raises(DatabaseUnavailable):
                    await db.fetchval("schema_revision")
                assert await db.fetchval("schema_revision")  # by another session


async def test_health_answers_while_the_database_hangs(plain_database_url: str) -> None:
    """A question that is given up is not waited for: the answer is that the database is down, within seconds."""
    clock, settings = SystemClock(AFTER_THE_CLOSE), settings_for(plain_database_url)
    async with opening.onlooker(settings, clock) as db:

        async def asked() -> condition.Condition:
            return await condition.found(contextlib.nullcontext(db), settings, Calendar(), clock)

        assert (await asked()).database_up
        with frozen(await said(db, "SELECT pg_backend_pid()")):
            assert opening.ONLOOKER_PATIENCE_S <= 5
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(opening, "ONLOOKER_PATIENCE_S", 0.3)
                begun = clock.monotonic()
                found = await asked()
            assert (found.database_up, found.problems) == (False, ("the database does not answer",))
            assert clock.monotonic() - begun < 4.3
            assert (await asked()).database_up  # by another session


async def test_a_question_of_health_holds_up_no_end(plain_database_url: str) -> None:
    """One that the server is slow to answer, as while a table is locked, is cut off when the process ends."""
    clock = SystemClock(AFTER_THE_CLOSE)
    async with opening.onlooker(settings_for(plain_database_url), clock) as db:
        asked = asyncio.create_task(said(db, "SELECT pg_sleep(4)"))
        await asyncio.sleep(0.1)
        ends = clock.monotonic()
    assert clock.monotonic() - ends < 2
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await asked


async def test_health_answers_while_all_readers_are_busy(
    plain_database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Pages that take long keep no monitor waiting; a page that is one too many says why in words."""
    monkeypatch.setattr(context, "_QUEUE_S", 0.05)
    settings, clock = settings_for(plain_database_url), SystemClock(AFTER_THE_CLOSE)
    settings = settings.model_copy(update={"serve": ServeSettings(port=0)})
    process, logins = Alone(settings, clock, no_bar), logins_in(tmp_path)
    async with readers_of(plain_database_url) as readers:
        made_from = Context(settings=settings, clock=clock, process=process, readers=readers)
        async with serving_pages.shown(made_from, logins) as port, readers.lent(), readers.lent():
            pages = Shown(port, settings, logins)
            for path in ("/api/v1/schedule", "/schedule"):
                status, _, body = await pages.get(path, pages.cookie)
                assert (status, "the database is busy with other pages" in body) == (503, True)
            assert json.loads((await pages.get("/healthz"))[2])["database"] == {"ok": True}
    await process.close()
