"""`db roles --login` makes the login that the service collects with."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.server import embedded
from tests.support.command_line import Home, home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

Capsys = pytest.CaptureFixture[str]


_PEOPLE = (
    "CREATE ROLE administrator SUPERUSER LOGIN",
    "CREATE ROLE deputy LOGIN",
    "GRANT administrator TO deputy",
    "CREATE ROLE keeper LOGIN",
    "CREATE TABLE kept (n integer)",
    "ALTER TABLE kept OWNER TO keeper",
    "CREATE ROLE analysts",
    "CREATE ROLE reader LOGIN",
    "GRANT analysts TO reader",
)


@pytest.fixture(scope="module")
def account() -> Iterator[Home]:
    """A home whose database has its tables, the collector's roles, and other people's."""
    with home(SystemClock(AFTER_THE_CLOSE), 1) as made:
        for words in ("upgrade", "roles"):
            assert made.run("db", words).code == 0
        url = embedded.ensure_running(made.data_dir)
        for statement in _PEOPLE:
            asyncio.run(_asked(url, statement))
        yield made


async def _asked(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def test_the_login_has_the_roles_rights_and_the_password(account: Home, tmp_path: Path, capsys: Capsys) -> None:
    """An odd name is quoted; called again with another password the login has that one, and may do no more."""
    file = tmp_path / "password"
    kept = []
    for password in ('first\' \\ "one"', "second"):
        file.write_text(f"{password}\n", encoding="utf-8")
        done = account.call(capsys, "db", "roles", "--login", 'the "service"', "--password-file", str(file))
        assert done.code == 0, done.err
        assert password not in done.out + done.err
        url = embedded.ensure_running(account.data_dir)
        statement = "SELECT rolpassword FROM pg_authid WHERE rolname = 'the \"service\"'"
        kept += asyncio.run(_asked(url, statement))
    assert all(str(one).startswith("SCRAM-SHA-256$") for (one,) in kept)
    assert kept[0] != kept[1]


def test_a_login_may_only_read(account: Home, tmp_path: Path, capsys: Capsys) -> None:
    """It is given collector_ro alone; one that may change rows is left as it is."""
    file = tmp_path / "password"
    file.write_text("of Grafana", encoding="utf-8")
    words = ("--password-file", str(file), "--reads-only")
    done = account.call(capsys, "db", "roles", "--login", "grafana", *words)
    assert (done.code, "rights of collector_ro" in done.out) == (0, True), done.err
    url = embedded.ensure_running(account.data_dir)
    roles = "SELECT pg_has_role('grafana', 'collector_ro', 'MEMBER'), pg_has_role('grafana', 'collector_rw', 'MEMBER')"
    assert asyncio.run(_asked(url, roles)) == [(True, False)]
    assert account.call(capsys, "db", "roles", "--login", "writer", *words[:2]).code == 0
    refused = account.call(capsys, "db", "roles", "--login", "writer", *words)
    assert (refused.code, "'writer' may change rows already" in refused.complaint) == (5, True)
    assert account.call(capsys, "db", "roles", "--reads-only").code == 2


def test_no_log_of_the_server_has_the_password(account: Home, tmp_path: Path, capsys: Capsys) -> None:
    """Also of a server that logs each statement, and those that fail: what it is given is no password."""
    file = tmp_path / "password"
    file.write_text("seen by nobody", encoding="utf-8")
    url = embedded.ensure_running(account.data_dir)
    asyncio.run(_asked(url, "ALTER ROLE CURRENT_USER SET log_statement = 'all'"))
    assert account.call(capsys, "db", "roles", "--login", "service", "--password-file", str(file)).code == 0
    log = (account.data_dir / "server.log").read_text(encoding="utf-8")
    assert "CREATE ROLE service LOGIN PASSWORD" in log
    assert "seen by nobody" not in log


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("collector_ro", "is a role that is given to logins"),
        ("collector_rw", "is a role that is given to logins"),
        ("administrator", "may administer the server"),
        ("deputy", "may administer the server"),
        ("keeper", "owns tables"),
        ("analysts", "is a role that others are members of"),
        ("pg_monitor", "is reserved"),
        ("", "is no name"),
        ("é" * 32, "is no name"),
    ],
)
def test_a_name_that_means_more_than_the_service_is_refused(
    account: Home, tmp_path: Path, capsys: Capsys, name: str, why: str
) -> None:
    """Nobody's password, rights or members change: not an administrator's, not those of all readers."""
    file = tmp_path / "password"
    file.write_text("secret", encoding="utf-8")
    known = "SELECT * FROM pg_authid ORDER BY oid"
    members = "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members ORDER BY 1, 2"
    url = embedded.ensure_running(account.data_dir)
    before = [asyncio.run(_asked(url, asked)) for asked in (known, members)]
    done = account.call(capsys, "db", "roles", "--login", name, "--password-file", str(file))
    assert [asyncio.run(_asked(url, asked)) for asked in (known, members)] == before
    assert done.code != 0
    assert why in done.err
    assert "a login of the service's own" in done.err


def test_a_login_without_a_password_is_refused(account: Home, tmp_path: Path, capsys: Capsys) -> None:
    """Half of the pair, a file that is not there, an empty one: one line each, and no login."""
    empty = tmp_path / "empty"
    empty.touch()
    for words in (
        ["--login", "service"],
        ["--password-file", str(empty)],
        ["--login", "service", "--password-file", str(empty)],
        ["--login", "service", "--password-file", str(tmp_path / "nowhere")],
    ):
        done = account.call(capsys, "db", "roles", *words)
        assert done.code == 2, words
        assert "Traceback" not in done.err


def test_the_login_writes_bars_and_drops_nothing(account: Home, tmp_path: Path, capsys: Capsys) -> None:
    """What the server itself says of its privileges."""
    file = tmp_path / "password"
    file.write_text("secret", encoding="utf-8")
    assert account.call(capsys, "db", "roles", "--login", "service", "--password-file", str(file)).code == 0
    url = embedded.ensure_running(account.data_dir)
    rights = asyncio.run(
        _asked(
            url,
            """
            SELECT r, has_table_privilege('service', 'store.option_bars_5min', r)
            FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS r
            """,
        )
    )
    alone = asyncio.run(_asked(url, "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'service'"))
    assert [one for one, allowed in rights if allowed] == ["SELECT", "INSERT", "UPDATE"]
    assert alone == [(False, False)]
