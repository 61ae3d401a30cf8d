"""TLS on the way to the database: what `sslmode` asks for is done, or it is said why it cannot be."""

from pathlib import Path

import pytest

from collector.clock import SystemClock
from collector.db.connection import pool
from collector.domain.errors import DatabaseError, DatabaseUnavailable
from tests.support.by_network import by_network
from tests.support.mail_server import certificates


async def asked(url: str) -> object:
    """Return what a connection to the database answers."""
    connection = await pool.open_connection(url, SystemClock(), application_name="test")
    try:
        return await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


async def test_a_server_that_is_proved(plain_database_url: str, tmp_path: Path) -> None:
    """With its authority's certificate and its own name verify-full lets us in; so does require, without any."""
    made = certificates(tmp_path)
    async with by_network(plain_database_url, tls=made.server) as url:
        assert await asked(f"{url}?sslmode=require&channel_binding=prefer") == 1
        assert await asked(f"{url}?sslmode=verify-full&sslrootcert={made.ca_file}") == 1


@pytest.mark.parametrize(
    ("own", "host", "says"),
    [
        (False, "127.0.0.1", "certificate cannot be verified: .*"),
        (True, "db.example.com", "certificate cannot be verified: IP address mismatch"),
        (None, "127.0.0.1", "certificate cannot be verified: there is none to verify it by"),
    ],
)
async def test_a_server_that_is_not(
    plain_database_url: str,
    own: bool | None,
    host: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of another authority, under another name, or with none to ask: no line was lost, and no later attempt helps."""
    monkeypatch.setenv("HOME", str(tmp_path))  # libpq's default is in there
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    made, other = certificates(tmp_path / "own", host), certificates(tmp_path / "other")
    root = "" if own is None else f"&sslrootcert={(made if own else other).ca_file}"
    async with by_network(plain_database_url, tls=made.server) as url:
        with pytest.raises(DatabaseError, match=says) as caught:
            await asked(f"{url}?sslmode=verify-full{root}")
    assert not isinstance(caught.value, DatabaseUnavailable)
    assert "sslrootcert" in caught.value.hint


async def test_a_server_without_tls(plain_database_url: str) -> None:
    """Where it is asked for and not offered the message says both, and not that the connection was lost."""
    async with by_network(plain_database_url) as url:
        with pytest.raises(DatabaseError, match="offers no TLS") as caught:
            await asked(f"{url}?sslmode=require")
        assert "ssl on" in caught.value.hint
        assert await asked(url) == 1
