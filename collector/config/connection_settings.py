"""Settings of the database, the gateway and pacing.

The `database:`, `gateway:` and `pacing:` sections: what the collector talks to, and how fast.
"""

import contextlib
import os
from datetime import time
from pathlib import Path
from typing import Self

import platformdirs
from pydantic import Field, SecretStr, field_validator, model_validator

from collector.config.section import HostName, Section, TimeOfDay, Zone, misfit, refuse_exposed
from collector.domain.database_url import FILES, DatabaseUrl
from collector.domain.errors import ConfigurationError

_EMBEDDED = "embedded"
_SCHEMES = ("postgresql://", "postgres://")


class DatabaseSettings(Section):
    """Where the bars are kept.

    url: `embedded`, or a postgresql:// URL (with its password only if it comes from the environment or a secret).
    data_dir: where the embedded server keeps its files; None is the per-user data directory.
    password, password_file: the password, or a file that holds nothing else. Neither is needed with ~/.pgpass.
    pool_size: connections that one run opens.
    read_url: where whoever only reads is sent instead: a replica, or another login; None: to the database itself.
    tcp_port: the embedded server's on 127.0.0.1, for programs that know no sockets; None: it is on no network.
    """

    url: SecretStr = SecretStr("embedded")
    data_dir: Path | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    pool_size: int = Field(default=4, ge=1, le=32)
    read_url: SecretStr | None = None
    tcp_port: int | None = Field(default=None, ge=1024, le=65535)

    @field_validator("url")
    @classmethod
    def _can_be_obeyed(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if text != _EMBEDDED and not text.startswith(_SCHEMES):
            raise ValueError("should be `embedded` or a postgresql:// URL")
        if text != _EMBEDDED:
            _check_named(text)
        return url

    @field_validator("read_url")
    @classmethod
    def _can_be_read(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            if not url.get_secret_value().startswith(_SCHEMES):
                raise ValueError("should be a postgresql:// URL")
            _check_named(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _leads_elsewhere(self) -> Self:
        if self.read_address is not None and self.read_address.shown == self.shown:
            raise misfit(("read_url",), "is database.url itself: leave it out, or name a replica or another login")
        if self.tcp_port is not None and not self.embedded:
            raise misfit(("tcp_port",), "is the embedded server's, and database.url names another: leave it out")
        return self

    @property
    def embedded(self) -> bool:
        """Tell whether the collector runs its own server."""
        return self.url.get_secret_value() == _EMBEDDED

    @property
    def address(self) -> DatabaseUrl | None:
        """Return the URL, decoded, as it is written in the configuration; None for the embedded server."""
        return None if self.embedded else DatabaseUrl.parse(self.url.get_secret_value())

    @property
    def read_address(self) -> DatabaseUrl | None:
        """Return the address of whoever only reads, decoded, as it is written; None where it is the database's own."""
        return None if self.read_url is None else DatabaseUrl.parse(self.read_url.get_secret_value())

    @property
    def data_path(self) -> Path:
        """Return where the embedded server keeps its files."""
        return (self.data_dir or platformdirs.user_data_path("collector") / "postgres").expanduser()

    def dsn(self) -> str:
        """Return the postgresql:// URL with the password in it; never show it to anybody.

        Raises:
            ConfigurationError: the password's file cannot be read, or others can read it.
        """
        address = self.address
        return _EMBEDDED if address is None else _with_password(address, self.stored_password())

    def read_dsn(self) -> str | None:
        """Return the URL of whoever only reads, with the password in it; None where it is the database's own.

        The password of `url` is used for a replica, on which the same login is, and for no other login.

        Raises:
            ConfigurationError: see `dsn`.
        """
        address = self.read_address
        if address is None:
            return None
        is_ours = self.address is not None and address.user == self.address.user
        return _with_password(address, self.stored_password() if is_ours else None)

    @property
    def shown(self) -> str:
        """Return the URL without its password, for people and logs."""
        return _EMBEDDED if self.address is None else self.address.shown

    @property
    def unprotected(self) -> bool:
        """Tell whether the database is on another machine and nobody has said how the line there is to be protected."""
        if self.address is None or os.environ.get("PGSSLMODE"):
            return False
        return self.address.unprotected(os.environ.get("PGHOST", ""))

    def stored_password(self) -> str | None:
        """Return the password that does not stand in the URL, None when there is none; never show it to anybody.

        Raises:
            ConfigurationError: its file cannot be read, or others can read it.
        """
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_file is None:
            return None
        path = self.password_file.expanduser()
        try:
            refuse_exposed(path)
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
            raise ConfigurationError(
                f"database.password_file: {self.password_file} cannot be read: {reason}",
                "Write the password, and nothing else, into that file, or use ~/.pgpass.",
            ) from exc


def _check_named(text: str) -> None:
    """Refuse a URL of which a program of PostgreSQL's could not be given everything, or that names missing files.

    Raises:
        ValueError: in words.
    """
    named = DatabaseUrl.parse(text).parameters
    if "sslpassword" in named:
        raise ValueError("has an sslpassword, which pg_dump could not be given in secret: use a key without one")
    for name in FILES:
        if name in named and not Path(named[name]).is_file():
            raise ValueError(f"names a file by {name} that is not there")


def _with_password(address: DatabaseUrl, password: str | None) -> str:
    if password is not None:
        return address.with_password(password).text
    if not address.secrets:
        with contextlib.suppress(OSError):  # one that is not there is none
            refuse_exposed(Path(os.environ.get("PGPASSFILE") or "~/.pgpass").expanduser())
    return address.text


class GatewaySettings(Section):
    """The IB Gateway or TWS.

    host, port: 4001 is a live gateway, 4002 a paper one, 7496 and 7497 are TWS. client_id: fixed, not 0.
    connect_timeout_s: for one attempt. patience_s: how long one request waits for a lost gateway or farm before it
    fails, seconds; a run asks again with growing pauses, and gives up as `domain.reactions` says: after 10 failures of
    one request without a gateway (about 23 minutes at 120 s), 30 with a farm down (about 80).
    restart_at, restart_zone: the daily auto-restart set in the gateway; plans avoid it. None: it does not restart.
    weekly_login_reminder: remind the owner after the week's last session that IB's weekly reset ends the login.
    """

    host: HostName = "127.0.0.1"
    port: int = Field(default=4001, ge=1, le=65535)
    client_id: int = Field(default=17, ge=1, le=2**31 - 1)
    connect_timeout_s: float = Field(default=15.0, gt=0, le=300)
    patience_s: float = Field(default=120.0, ge=0, le=3600)
    restart_at: TimeOfDay | None = time(6, 30)
    restart_zone: Zone = "Asia/Jerusalem"
    weekly_login_reminder: bool = True


class PacingSettings(Section):
    """How fast IB is asked. IB's ceilings are 50 open historical requests and 50 messages per second.

    messages_per_s: of any kind, cancels too, in any rolling second. open_requests: historical requests in flight.
    adaptive: seek the best number in flight below that, from start_in_flight on. definition_in_flight:
    contract-details requests in flight. pause_s: silence after a pacing error. request_timeout_s,
    definition_timeout_s: seconds from sending to giving up.
    """

    messages_per_s: float = Field(default=40.0, ge=1, le=50)
    open_requests: int = Field(default=45, ge=1, le=50)
    adaptive: bool = True
    start_in_flight: int = Field(default=4, ge=1, le=50)
    max_in_flight: int | None = Field(default=None, ge=1, le=50)
    definition_in_flight: int = Field(default=2, ge=1, le=10)
    pause_s: float = Field(default=60.0, ge=1, le=3600)
    request_timeout_s: float = Field(default=60.0, gt=0, le=600)
    definition_timeout_s: float = Field(default=120.0, gt=0, le=1200)

    @model_validator(mode="after")
    def _below_the_ceiling(self) -> Self:
        if self.start_in_flight > self.open_requests:
            raise ValueError("pacing.start_in_flight is above pacing.open_requests")
        return self
