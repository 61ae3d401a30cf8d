"""`db roles --login` makes the login that the service collects with."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.server import embedded
from tests.support.command_line import home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

Capsys = pytest.CaptureFixture[str]


async def _asked(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def test_the_login_has_the_roles_rights_and_the_password(tmp_path: Path, capsys: Capsys) -> None:
    """An odd name is quoted; called again with another password the login has that one, and may do no more."""
    file = tmp_path / "password"
    with home(SystemClock(AFTER_THE_CLOSE), 1) as account:
        assert account.call(capsys, "db", "upgrade").code == 0
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


def test_a_login_without_a_password_is_refused(tmp_path: Path, capsys: Capsys) -> None:
    """Half of the pair, a file that is not there, an empty one: one line each, and no login."""
    empty = tmp_path / "empty"
    empty.touch()
    with home(SystemClock(AFTER_THE_CLOSE), 1) as account:
        for words in (
            ["--login", "service"],
            ["--password-file", str(empty)],
            ["--login", "service", "--password-file", str(empty)],
            ["--login", "service", "--password-file", str(tmp_path / "nowhere")],
        ):
            done = account.call(capsys, "db", "roles", *words)
            assert done.code == 2, words
            assert "Traceback" not in done.err


def test_the_login_writes_bars_and_drops_nothing(capsys: Capsys, tmp_path: Path) -> None:
    """What the server itself says of its privileges."""
    file = tmp_path / "password"
    file.write_text("secret", encoding="utf-8")
    with home(SystemClock(AFTER_THE_CLOSE), 1) as account:
        assert account.call(capsys, "db", "upgrade").code == 0
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
