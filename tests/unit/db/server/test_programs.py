"""PostgreSQL's programs: where they are led, which one fits, and that none fails or outlives its caller in silence."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.db.server import programs
from collector.domain.errors import DatabaseError, DatabaseUnavailable
from tests.support.waiting import until

SHELL = Path("/bin/sh")
ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://owner@db.example:6543/bars", "postgresql://owner@db.example:6543/bars"),
        (
            "postgres://owner:p%40ss@db.example/bars?sslmode=require",
            "postgresql://owner@db.example/bars?sslmode=require",
        ),
        ("postgresql://o%40work:s@h/b", "postgresql://o%40work@h/b"),
        ("postgresql://u:s@h1:5432,h2:5433/bars", "postgresql://u@h1:5432,h2:5433/bars"),
        ("postgresql://u@[::1]:5433,h2/bars", "postgresql://u@[::1]:5433,h2/bars"),
        ("postgresql:///bars?host=/run/a%20b&user=u", "postgresql:///bars?host=%2Frun%2Fa%20b&user=u"),
        ("postgresql://h/?database=bars&password=s&sslpassword=s", "postgresql://h/?dbname=bars"),
        ("postgresql://u@h/b?user=x&host=y&port=1&dbname=z", "postgresql://u@h/b"),
        (
            "postgresql://h/b?channel_binding=require&sslcrl=/c.pem",
            "postgresql://h/b?channel_binding=require&sslcrl=%2Fc.pem",
        ),
        ("postgresql://h/b?target_session_attrs=read-write", "postgresql://h/b?target_session_attrs=read-write"),
        ("postgresql://h/b?sslmode=disable&sslmode=require", "postgresql://h/b?sslmode=require"),
        (
            "postgresql://h/b?options=-c%20jit%3Doff&search_path=a,%20b&work_mem=1MB",
            "postgresql://h/b?options=-c%20jit%3Doff%20-c%20search_path%3Da%2C%5C%20b%20-c%20work_mem%3D1MB",
        ),
    ],
)
def test_a_url_is_what_it_is_but_for_its_password(url: str, expected: str) -> None:
    """Hosts and parameters stay as they are written, secrets go, and settings of the session become libpq's options."""
    assert programs.conninfo(url) == expected


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql://u:p%40s%25s%3A@h/b", "p@s%s:"),
        ("postgresql://u@h/b?password=p%40ss", "p@ss"),
        ("postgresql://u:first@h1,h2/b?password=second", "first"),
        ("postgresql://u@h/b", None),
    ],
)
def test_the_password_is_in_the_environment(url: str, password: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs get the password, decoded once, by their environment alone."""
    monkeypatch.delenv("PGPASSWORD", raising=False)
    assert programs.environment(url).get("PGPASSWORD") == password


def test_programs_go_where_the_driver_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What leads libpq elsewhere and our driver does not read stays here; the rest of the environment is passed on."""
    for name in ("PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGPORT"):
        monkeypatch.setenv(name, "1")
    given = programs.environment("postgresql:///b")
    assert {name for name in given if name in ("PGHOSTADDR", "PGSERVICE")} == set()
    assert (given["PGSERVICEFILE"], given["PGPORT"]) == ("1", "1")


async def _as_it_is(script: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while part := await script.read(1000):
        yield part


async def _piped(source: str, sink: str) -> None:
    await programs.pipe((SHELL, "-c", source), (SHELL, "-c", sink), env=ENV, edited=_as_it_is)


async def test_what_one_prints_the_other_gets(tmp_path: Path) -> None:
    """Two programs that end well: everything has passed, also what fits into no buffer."""
    await _piped("seq 1 200000", f"cat > {tmp_path / 'got'}")
    assert (tmp_path / "got").read_text().split() == [str(number) for number in range(1, 200_001)]


@pytest.mark.parametrize(
    ("source", "sink", "words"),
    [
        ("echo 'pg: error: cannot read' >&2; exit 1", "cat", "sh failed: pg: error: cannot read"),
        ("seq 1 99999; echo 'error: the end is missing' >&2; exit 1", "cat", "the end is missing"),
        (
            "seq 1 9999999",
            "read line; echo 'psql:1: ERROR:  no such thing' >&2; exit 3",
            "ERROR:  no such thing",
        ),
        ("seq 1 30000", "read line; sleep 0.3; echo 'ERROR:  too late' >&2; exit 3", "ERROR:  too late"),
        ("echo a", "cat > /dev/null; exit 3", "code 3"),
        ("seq 1 9999999", "read line; exit 0", "code 0"),
    ],
    ids=["first at once", "first at its end", "second", "second later", "second at its end", "second too early"],
)
async def test_the_failure_of_either_end_is_told(source: str, sink: str, words: str) -> None:
    """Whichever end of the pipe fails, or stops before it has everything, is told by its own words."""
    with pytest.raises(DatabaseError) as no:
        await asyncio.wait_for(_piped(source, sink), 30)
    assert words in no.value.message


async def test_a_script_that_is_cut_short_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    """When the first program fails, the second is ended instead of being told that this was all."""
    with pytest.raises(DatabaseError):
        await _piped("echo begun; exit 1", f"cat > /dev/null; touch {tmp_path / 'committed'}")
    assert not (tmp_path / "committed").exists()


async def test_a_server_that_is_gone_is_told_apart() -> None:
    """What says that it reached no server is a database that is away."""
    with pytest.raises(DatabaseUnavailable):
        await programs.run(SHELL, "-c", "echo 'pg_dump: error: connection to server at h failed' >&2; exit 1", env=ENV)


async def test_programs_end_with_who_waits_for_them(tmp_path: Path) -> None:
    """What is given up does not go on writing, a pipe neither."""
    ids = [tmp_path / name for name in ("alone", "first", "second")]
    alone, first, second = (f"echo $$ > {path}; exec sleep 60" for path in ids)
    work = [asyncio.ensure_future(one) for one in (programs.run(SHELL, "-c", alone, env=ENV), _piped(first, second))]
    await until(lambda: all(path.exists() and path.read_text() for path in ids), "three programs at work")
    for one in work:
        one.cancel()
    await asyncio.wait(work)
    for path in ids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)


def _install(folder: Path, name: str, script: str) -> Path:
    folder.mkdir()
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return folder / name


@pytest.mark.parametrize(
    ("have", "major", "or_older", "taken"),
    [
        ((15, 18), 15, False, 15),
        ((15, 18), 16, False, 18),
        ((18, 15, 16), 14, False, 15),
        ((15, 16), 18, True, 16),
        ((15, 18), 17, True, 18),
        ((15, 16), 18, False, None),
    ],
)
async def test_the_nearest_version_is_taken(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    have: tuple[int, ...],
    major: int,
    or_older: bool,
    taken: int | None,
) -> None:
    """The same version, else the next newer, else, where it may do, the newest older; what does not start is none."""
    broken = _install(tmp_path / "broken", "pg_restore", "echo 'You must install a postgresql-client' >&2; exit 1")
    paths = {
        one: _install(tmp_path / str(one), "pg_restore", f"echo 'pg_restore (PostgreSQL) {one}.3'") for one in have
    }
    monkeypatch.setattr(programs, "_installed", lambda _name: iter([broken, tmp_path / "absent", *paths.values()]))
    if taken is None:
        with pytest.raises(DatabaseError, match="of version 18 or later is needed; on this machine: 15, 16"):
            await programs.fitting("pg_restore", major, or_older=or_older)
    else:
        assert await programs.fitting("pg_restore", major, or_older=or_older) == (paths[taken], taken)
