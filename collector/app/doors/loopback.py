"""The embedded server's port for programs that know no sockets."""

import asyncio
import secrets
from pathlib import Path

from collector.app import opening
from collector.app.doors.psql import others_at_work
from collector.clock import Clock
from collector.config import Settings
from collector.config.section import refuse_exposed
from collector.db.schema import features
from collector.db.server import embedded
from collector.db.server.local_server import LOOPBACK
from collector.domain.database_url import DatabaseUrl
from collector.domain.errors import ConfigurationError, DatabaseError, DatabaseUnavailable
from collector.machine import private_files

_PASSWORD_BYTES = 24


async def address(settings: Settings, clock: Clock) -> DatabaseUrl:
    """Return the address of the login that reads, password included, after making sure that it leads somewhere.

    Roles and login are made, the password is drawn once; a server that does not listen there yet is started again where
    nobody works with it.

    Raises:
        ConfigurationError: the setting is not there, or others can read the password's file.
        DatabaseError: somebody works with a server that would have to be started again.
        DatabaseUnavailable: the server does not start, or another program has the port.
    """
    port, data = settings.database.tcp_port, settings.database.data_path
    if port is None:
        raise ConfigurationError(
            "database.tcp_port is not set: the embedded server listens on its socket alone",
            "Set it, to 5433 for instance; for a server of yours: collector db url",
        )
    url = await opening.database_url(settings)
    if not embedded.server(data, port).admits:
        if await others_at_work(url, clock):
            raise DatabaseError(
                f"the embedded server was started before database.tcp_port was {port}, and somebody works with it",
                "Call this again when no command runs and no program is connected.",
            )
        await asyncio.to_thread(embedded.stop, data)
        url = await opening.database_url(settings)
        if not embedded.server(data, port).admits:
            raise DatabaseUnavailable(
                f"the embedded server could not listen at {LOOPBACK}:{port}: another program has that port",
                "Set another database.tcp_port, or end that program.",
            )
    async with opening.database(settings, clock):  # its schema is there before rights to it are given
        password = _password(data.with_name(f"{data.name}.reader-password"))
    await features.create_roles(url, clock)
    await features.create_login(url, embedded.READER, password, clock, role="collector_ro")
    return DatabaseUrl(embedded.READER, password, f"{LOOPBACK}:{port}", embedded.DATABASE, {})


def _password(file: Path) -> str:
    """Return the password that was drawn once, and draw it the first time."""
    if not file.exists():
        private_files.write(file, secrets.token_urlsafe(_PASSWORD_BYTES).encode())
    refuse_exposed(file)
    return file.read_text(encoding="utf-8").strip()
