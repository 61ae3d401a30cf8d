"""Settings of schedule, service, backups, retention and logs.

How the collector lives: the sections `schedule:`, `serve:`, `dead_man:`, `backup:`, `retention:`, `log:`.
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from collector.config.collection_settings import split_names
from collector.config.section import Days, HostName, Section


class ScheduleSettings(Section):
    """How windows are attempted.

    retry_first_s, retry_max_s: the wait after a failed attempt, doubled each time up to the most, seconds.
    attempts: of a window that ended partial, until its deadline; failed ones are tried until their work is done.
    due_every_s: how often the timers start `run --due`, seconds.
    """

    retry_first_s: float = Field(default=300.0, ge=1, le=86400)
    retry_max_s: float = Field(default=900.0, ge=1, le=86400)
    attempts: int = Field(default=3, ge=1, le=100)
    due_every_s: int = Field(default=300, ge=60, le=3600)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.retry_first_s > self.retry_max_s:
            raise ValueError("schedule.retry_first_s is above schedule.retry_max_s")
        return self


class ServeSettings(Section):
    """`collector serve` and its metrics.

    host, port: the health endpoint, on this machine only; 0 picks a free port. names: by which clients may call it
    besides this machine's own (localhost, 127.0.0.1, ::1), such as a reverse proxy's. textfile: where one-shot runs
    write their metrics for node-exporter's textfile collector; None writes none. shutdown_s: how long a run may take to
    end after SIGTERM, seconds.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65535)
    names: Annotated[tuple[HostName, ...], NoDecode] = ()
    textfile: Path | None = None
    shutdown_s: float = Field(default=4.0, gt=0, le=60)

    _split = field_validator("names", mode="before")(split_names)

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        try:
            local = ipaddress.ip_address(host.strip("[]")).is_loopback
        except ValueError:
            local = host == "localhost"
        if not local:
            raise ValueError("should be an address of this machine only, such as 127.0.0.1")
        return host


class DeadManSettings(Section):
    """Pings to a service that raises an alarm when they stop (healthchecks style).

    url: pinged as it is after a success, with /start and /fail otherwise; a secret. windows: only these runs ping;
    empty means all. timeout_s: of one ping, seconds.
    """

    url: SecretStr | None = None
    windows: tuple[str, ...] = ("eod", "late_night")
    timeout_s: float = Field(default=10.0, gt=0, le=60)

    @field_validator("url")
    @classmethod
    def _web_address(cls, url: SecretStr | None) -> SecretStr | None:
        try:
            parts = urlsplit("" if url is None else url.get_secret_value())
            fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fit = False
        if url is not None and not (fit and url.get_secret_value().isprintable()):
            raise ValueError("should be an http:// or https:// address")
        return url


class BackupSettings(Section):
    """Backups of the database; when one is due is said by `windows.backup`.

    enabled: make them at all. directory: where they are kept; None is `backups` in the per-user data directory.
    copies: further folders into which each is copied; they have to be there. keep_days: older ones go after a good
    one, in the copies' folders, too. reserve_gb: none is begun, and none copied, that would leave less room on its
    disk, gigabytes (10^9 bytes).
    """

    enabled: bool = True
    directory: Path | None = None
    copies: Annotated[tuple[Path, ...], NoDecode] = ()
    keep_days: Days = 30
    reserve_gb: float = Field(default=2.0, ge=0)

    @property
    def path(self) -> Path:
        """Return the directory of the backups."""
        return (self.directory or platformdirs.user_data_path("collector") / "backups").expanduser()

    @field_validator("copies", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return split_names(given)

    @field_validator("copies")
    @classmethod
    def _folders(cls, copies: tuple[Path, ...]) -> tuple[Path, ...]:
        """Refuse what is no folder of this machine, or would mean another one wherever a command is called."""
        folders = tuple(path.expanduser() for path in copies)
        for path in folders:
            if not path.is_absolute():
                raise ValueError(f"names {str(path)!r}, which is no folder that begins with / or ~")
        return folders

    @model_validator(mode="after")
    def _elsewhere(self) -> Self:
        """Refuse copies that would lie beside the backup itself, or twice in one folder."""
        seen = {self.path.resolve()}
        for path in self.copies:
            if path.resolve() in seen:  # also by way of a link
                raise ValueError(f"backup.copies names {path} twice, or it is backup.directory itself")
            seen.add(path.resolve())
        return self


class RetentionSettings(Section):
    """How long bars are kept, days; None keeps them for ever. Records of runs are small, and stay.

    requests_days: how long the record of requests is kept. archive_before_drop: drop no day that is not settled
    throughout and exported. compress_after_days: bars older than this are compressed where TimescaleDB's Community
    edition is.
    """

    bars_days: Days | None = Field(default=365, ge=60)
    requests_days: Days | None = Field(default=400, ge=60)
    archive_before_drop: bool = True
    compress_after_days: Days = 7


class LogSettings(Section):
    """The log.

    level: the least that is written. format: `auto` is colours on a terminal and JSON lines elsewhere.
    directory: where the files lie; None is the per-user log directory. files: write them at all. rotate_mb: size at
    which a file is closed. compress_after_days, keep_days: age of closed files in days.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    directory: Path | None = None
    files: bool = True
    rotate_mb: float = Field(default=20.0, gt=0, le=10_000)
    compress_after_days: int = Field(default=30, ge=0, le=36_500)
    keep_days: Days = 365

    @property
    def path(self) -> Path:
        """Return the directory of the log files."""
        return (self.directory or platformdirs.user_log_path("collector")).expanduser()
