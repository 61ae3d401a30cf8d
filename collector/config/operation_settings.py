"""Settings of schedule, service, pages, backups, archive, retention and logs.

How the collector lives: the sections `schedule:`, `serve:`, `web:`, `dead_man:`, `backup:`, `archive:`, `retention:`,
`log:`.
"""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from collector.config.collection_settings import UNDERLYING_SIZES, split_names
from collector.config.section import Days, HostName, Section, misfit, refuse_exposed
from collector.domain.errors import ConfigurationError
from collector.domain.object_url import ObjectUrl, is_url

_SHORTEST_SECRET = 12
"""Characters of a password or token that can be tried over a network."""


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
    """`collector serve`, its pages and its metrics.

    host, port: where it listens; 0 picks a free port. A host that others than this machine can reach needs certificate,
    key and password of `web:`. names: by which clients may call it besides this machine's own (localhost, 127.0.0.1,
    ::1), such as a reverse proxy's. textfile: where one-shot runs write their metrics for node-exporter's textfile
    collector; None writes none. shutdown_s: how long a run may take to end after SIGTERM, seconds.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65535)
    names: Annotated[tuple[HostName, ...], NoDecode] = ()
    textfile: Path | None = None
    shutdown_s: float = Field(default=4.0, gt=0, le=60)

    _split = field_validator("names", mode="before")(split_names)

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            if host != "localhost":
                raise ValueError("should be an address of this machine, such as 127.0.0.1") from None
        return host


class WebSettings(Section):
    """The owner's pages, which `collector serve` and `collector web` show at `serve.host` and `serve.port`.

    certificate, key: PEM files; with both the pages are https://. password: to log in with besides the one-time address
    that `collector web` prints; a secret. token: lets programs read /api/v1; a secret. read_only: nothing can be
    started from a page. url: where mails say that they are, such as https://collector.example; None: at `serve.host`
    and `serve.port`.
    """

    url: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    read_only: bool = False

    @field_validator("url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        try:
            parts = urlsplit(url or "")
            fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fit = False
        if url is not None and not (fit and url.isprintable()):
            raise ValueError("should be an http:// or https:// address")
        return None if url is None else url.rstrip("/")

    @field_validator("password", "token")
    @classmethod
    def _hard_to_guess(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < _SHORTEST_SECRET:
            raise ValueError(f"should have at least {_SHORTEST_SECRET} characters")
        return secret

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("needs certificate and key, or neither")
        return self

    @property
    def logins_path(self) -> Path:
        """Return the file of the key that signs logins."""
        return platformdirs.user_state_path("collector") / "logins.key"

    @property
    def opens_network(self) -> bool:
        """Tell whether there is all that another address than loopback needs."""
        return self.certificate is not None and self.password is not None


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
    copies: further folders, which have to be there, and URLs of stores of objects, into which each is copied.
    keep_days: older ones go after a good one, where copies are, too. reserve_gb: none is begun, and none copied into a
    folder, that would leave less room on its disk, gigabytes (10^9 bytes).
    """

    enabled: bool = True
    directory: Path | None = None
    copies: Annotated[tuple[Path | str, ...], NoDecode] = ()
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
    def _places(cls, copies: tuple[Path | str, ...]) -> tuple[Path | str, ...]:
        """Refuse what is no place, or would mean another one wherever a command is called."""
        return tuple(place if is_url(place) else Path(place) for place in map(_checked_copy, copies))

    @model_validator(mode="after")
    def _elsewhere(self) -> Self:
        """Refuse copies that would lie beside the backup itself, or twice in one place."""
        seen: set[Path | str] = {self.path.resolve()}
        for place in self.copies:
            real = place.resolve() if isinstance(place, Path) else place  # also by way of a link
            if real in seen:
                raise ValueError(f"backup.copies names {place} twice, or it is backup.directory itself")
            seen.add(real)
        return self

    @property
    def copy_folders(self) -> tuple[Path, ...]:
        """Return the folders among the places of copies."""
        return tuple(place for place in self.copies if isinstance(place, Path))


def _checked_copy(given: Path | str) -> str:
    """Return a place of copies in one spelling; a folder may be named in the message, a URL not."""
    text = str(given)
    if not is_url(text) and not Path(text).expanduser().is_absolute():
        raise ValueError(f"names {text!r}, which is no folder that begins with / or ~, nor a URL like s3://bucket/a")
    return checked_place(text)


class EndpointSettings(Section):
    """Where a store of objects answers.

    endpoint: its address where it is not the provider's own, such as https://s3.example.com:9000. allow_http: let an
    endpoint on another machine be http://, where everybody on the way can read what is sent.
    """

    endpoint: str | None = None
    allow_http: bool = False

    @model_validator(mode="after")
    def _can_be_obeyed(self) -> Self:
        if self.endpoint is None:
            return self
        try:
            parts = urlsplit(self.endpoint)
            fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fit = False
        if not fit:
            raise misfit(("endpoint",), "should be an https:// address")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise misfit(("endpoint",), "should hold no credentials: they have keys of their own")
        if parts.scheme == "http" and not (self.allow_http or is_loopback(parts.hostname or "")):
            words = "should begin with https:// (allow_http: true beside it permits http:// to another machine)"
            raise misfit(("endpoint",), words)
        return self


class S3Settings(EndpointSettings):
    """Amazon's S3 and what speaks like it. Without keys the standard variables (AWS_…) and roles of the machine hold.

    region: of the bucket. access_key_id, secret_access_key, session_token: secrets.
    """

    region: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,40}$")
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.access_key_id is None) is not (self.secret_access_key is None):
            raise ValueError("needs access_key_id and secret_access_key, or neither")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("has a session_token without the keys that it belongs to")
        return self


class GcsSettings(EndpointSettings):
    """Google Cloud Storage. Without a key the standard variables (GOOGLE_…) and the machine's own account hold.

    service_account_key: the JSON of a service account's key; a secret. service_account_file: a file that holds it.
    """

    service_account_key: SecretStr | None = None
    service_account_file: Path | None = None

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.service_account_key is not None and self.service_account_file is not None:
            raise ValueError("needs service_account_key or service_account_file, not both")
        return self

    def key(self) -> str | None:
        """Return the JSON of the key, None when none is given; never show it to anybody.

        Raises:
            ConfigurationError: its file cannot be read, or others can read it.
        """
        if self.service_account_key is not None:
            return self.service_account_key.get_secret_value()
        if self.service_account_file is None:
            return None
        path = self.service_account_file.expanduser()
        try:
            refuse_exposed(path)
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
            raise ConfigurationError(
                f"archive.gcs.service_account_file: {path} cannot be read: {reason}",
                "Name the JSON file of the service account's key.",
            ) from exc


class AzureSettings(EndpointSettings):
    """Azure's Blob Storage. Without a key the standard variables (AZURE_…) and the machine's identity hold.

    account: the storage account, where the URL does not name it. account_key, sas_token: secrets.
    """

    account: str | None = Field(default=None, pattern=r"^[a-z0-9]{3,24}$")
    account_key: SecretStr | None = None
    sas_token: SecretStr | None = None

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.account_key is not None and self.sas_token is not None:
            raise ValueError("needs account_key or sas_token, not both")
        return self


class ArchiveSettings(Section):
    """The archive: bars as Parquet files, for ever.

    place: a folder, or a URL of a bucket or container with a prefix; None keeps no archive. month_after_days: a session
    has a file of its own until it is so old, then the month's. timeout_s: of one request to a store of objects,
    seconds. attempts: of one request. s3, gcs, azure: what their stores want to know, for copies of backups, too.
    """

    place: str | None = None
    month_after_days: Days = 60
    timeout_s: float = Field(default=60.0, ge=1, le=600)
    attempts: int = Field(default=4, ge=1, le=10)
    s3: S3Settings = S3Settings()
    gcs: GcsSettings = GcsSettings()
    azure: AzureSettings = AzureSettings()

    @field_validator("place")
    @classmethod
    def _place(cls, place: str | None) -> str | None:
        return None if place is None else checked_place(place)

    @property
    def folder(self) -> Path | None:
        """Return the place where it is a folder of this machine."""
        return None if self.place is None or is_url(self.place) else Path(self.place)


def checked_place(given: str) -> str:
    """Return a place as it is called from now on: a folder's whole path, or a URL in one spelling.

    Raises:
        PydanticCustomError: it is neither; what was given is not repeated, for a URL may hold a secret.
    """
    if is_url(given):
        try:
            return ObjectUrl.parse(given).text
        except ValueError as exc:
            raise misfit((), str(exc)) from None
    folder = Path(given.strip()).expanduser()
    if not folder.is_absolute():
        raise misfit((), "should be a folder that begins with / or ~, or a URL such as s3://bucket/prefix")
    return os.path.normpath(folder)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this very machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class RetentionSettings(Section):
    """How long bars are kept, days; None keeps them for ever. Records of runs are small, and stay.

    bars_days: of options; a symbol may have its own. underlying_bars_days: of underlyings, by the size of bars; sizes
    that are not named are kept for ever. requests_days: how long the record of requests is kept. archive_before_drop:
    drop nothing that is not settled throughout, or not archived as it is. compress_after_days: bars older than this are
    compressed where TimescaleDB's Community edition is. make_room_gb: where a disk has less room, gigabytes (10^9
    bytes), the collector's caches, temporary files, and closed logs and sent mails older than a week go; 0: never.
    """

    bars_days: Days | None = Field(default=365, ge=60)
    underlying_bars_days: dict[str, Annotated[Days, Field(ge=60)]] = Field(default_factory=dict)
    requests_days: Days | None = Field(default=400, ge=60)
    archive_before_drop: bool = True
    compress_after_days: Days = 7
    make_room_gb: float = Field(default=2.0, ge=0)

    @field_validator("underlying_bars_days")
    @classmethod
    def _of_sizes(cls, days: dict[str, int]) -> dict[str, int]:
        """Refuse sizes that there are not, and bars of a day: they are few, and only whole do they show a split."""
        known = [size for size, data_set in UNDERLYING_SIZES.items() if not data_set.overlap]
        for size in days:
            if size not in known:
                raise ValueError(f"names {size!r}; those that may go are {', '.join(known)}")
        return days


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
