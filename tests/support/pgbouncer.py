"""PgBouncer before a database of the tests."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from collector.domain.database_url import DatabaseUrl

_PORT = 6432
_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")


@contextlib.contextmanager
def pgbouncer(url: str, mode: str, settings: Mapping[str, object] | None = None) -> Iterator[str]:
    """Yield a database's URL by way of a pooler of its own; skip the test where there is no PgBouncer.

    Args:
        url: a server's on this machine, over its socket.
        mode: session, transaction or statement.
        settings: more lines of its configuration.
    """
    program = shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_FOLDERS)))
    if program is None:
        pytest.skip("needs PgBouncer on this machine (Debian: apt-get install pgbouncer)")
    server = DatabaseUrl.parse(url)
    host = Path(server.parameters["host"])
    folder = Path(tempfile.mkdtemp(prefix="collector-pooler-"))
    lines = {
        "listen_port": _PORT,
        "unix_socket_dir": folder,
        "auth_type": "any",
        "pool_mode": mode,
        **(settings or {}),
    }
    configuration = folder / "pgbouncer.ini"
    place = f"host={host} port={server.parameters['port']} user={server.user}"
    configuration.write_text(
        f"[databases]\n* = {place}\n[pgbouncer]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())
    )
    owner = host.stat()  # PgBouncer does not run as root, and only the server's user may pass to its socket
    os.chown(folder, owner.st_uid, owner.st_gid)
    as_user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, configuration], stdout=log, stderr=log, start_new_session=True, **as_user)  # type: ignore[call-overload]
    try:
        for _ in range(200):
            if (folder / f".s.PGSQL.{_PORT}").exists():
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield f"postgresql://{server.user}@/{server.database}?host={folder}&port={_PORT}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)
