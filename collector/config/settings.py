"""All sections together."""

import contextlib
import itertools
from datetime import datetime, time
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from collector.config.activity_settings import ActivitySettings, OpenInterestSettings
from collector.config.collection_settings import (
    EvidenceSettings,
    RepairSettings,
    RotationSettings,
    SelectionSettings,
    SymbolSettings,
    check_series,
    check_sizes,
    collected,
    split_names,
    split_symbols,
)
from collector.config.connection_settings import DatabaseSettings, GatewaySettings, PacingSettings
from collector.config.greeks_settings import GreeksSettings, QualitySettings
from collector.config.notify_settings import NotifySettings
from collector.config.operation_settings import (
    ArchiveSettings,
    BackupSettings,
    DeadManSettings,
    LogSettings,
    RetentionSettings,
    ScheduleSettings,
    ServeSettings,
    WebSettings,
    is_loopback,
)
from collector.config.section import misfit, secrets_in, without_secrets
from collector.config.window_settings import (
    CLOSE,
    DEFAULTS,
    OPEN,
    Closure,
    EarlyClose,
    WindowsSettings,
    dated_once,
)
from collector.domain.errors import ConfigurationError
from collector.domain.market_data.data_sets import DATA_SETS, DAY, OPTION_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import WhatToShow

_LIKE_ANY = SymbolSettings(symbol="ANY")
"""Differs from the general settings in nothing."""


MOVE_SECRETS = (
    "Move it to secrets.yaml (chmod 600), to a file of its own or into the environment; see docs/operations.md."
)
"""What to do about secrets in the configuration file."""


class Settings(BaseSettings):
    """Everything that can be set; frozen. `load` makes one."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="COLLECTOR_",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
        validate_default=True,
    )

    sections_with_secrets: ClassVar[tuple[str, ...]] = ("database", "notify", "web", "dead_man", "archive")

    symbols: Annotated[tuple[SymbolSettings, ...], NoDecode] = (
        SymbolSettings(symbol="SPY"),
        SymbolSettings(symbol="PLTR"),
        SymbolSettings(symbol="TSLA"),
    )
    source: Literal["ib"] = "ib"
    series: Annotated[tuple[WhatToShow, ...], NoDecode] = OPTION_BARS_5MIN.series
    underlying_bars: Annotated[tuple[str, ...], NoDecode] = ("5 mins", "1 day")
    selection: SelectionSettings = SelectionSettings()
    activity: ActivitySettings = ActivitySettings()
    open_interest: OpenInterestSettings = OpenInterestSettings()
    database: DatabaseSettings = DatabaseSettings()
    gateway: GatewaySettings = GatewaySettings()
    pacing: PacingSettings = PacingSettings()
    closures: tuple[Closure, ...] = ()
    early_closes: tuple[EarlyClose, ...] = ()
    windows: WindowsSettings = WindowsSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    repair: RepairSettings = RepairSettings()
    rotation: RotationSettings = RotationSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    serve: ServeSettings = ServeSettings()
    web: WebSettings = WebSettings()
    dead_man: DeadManSettings = DeadManSettings()
    greeks: GreeksSettings = Field(default_factory=GreeksSettings)
    quality: QualitySettings = QualitySettings()
    backup: BackupSettings = BackupSettings()
    archive: ArchiveSettings = ArchiveSettings()
    retention: RetentionSettings = RetentionSettings()
    notify: NotifySettings = Field(default_factory=NotifySettings)
    log: LogSettings = LogSettings()

    _misplaced_secrets: tuple[str, ...] = PrivateAttr(())

    _symbols = field_validator("symbols", mode="before")(split_symbols)
    _names = field_validator("series", "underlying_bars", mode="before")(split_names)
    _series = field_validator("series")(check_series)
    _sizes = field_validator("underlying_bars")(check_sizes)

    @model_validator(mode="after")
    def _symbols_named_once(self) -> Self:
        names = [symbol.symbol for symbol in self.symbols]
        if not names:
            raise ValueError("symbols: at least one is needed")
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"symbols: {name} is named twice")
        return self

    @field_validator("closures", "early_closes")
    @classmethod
    def _dated_once(cls, entries: tuple[Closure | EarlyClose, ...]) -> tuple[Closure | EarlyClose, ...]:
        dated_once(entries)
        return entries

    @model_validator(mode="after")
    def _closed_or_early(self) -> Self:
        try:
            dated_once((*self.closures, *self.early_closes))
        except ValueError as exc:
            raise ValueError(f"closures, early_closes: {exc}") from None
        return self

    @model_validator(mode="after")
    def _early_closes_leave_a_session(self) -> Self:
        for (symbol, close), early in itertools.product(self.closes.items(), self.early_closes):
            sooner = datetime.combine(early.date, CLOSE) - datetime.combine(early.date, close)
            if (datetime.combine(early.date, early.time) - sooner).time() <= OPEN:
                raise ValueError(
                    f"early_closes: {symbol}, which closes at {close:%H:%M}, has no session on {early.date}"
                )
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        """Refuse symbols and windows that are named and are not there: nothing would ever happen for them."""
        windows = {**{name: getattr(self.windows, name) for name in DEFAULTS}, **self.windows.own}
        for window, settings in windows.items():
            if unknown := [symbol for symbol in settings.symbols if symbol not in self.symbol_names]:
                raise misfit(("windows", str(window), "symbols"), f"names {unknown[0]}, which is not among the symbols")
        for name in self.dead_man.windows:
            if name not in self.windows.known:
                known = ", ".join(sorted(self.windows.known))
                raise misfit(("dead_man", "windows"), f"names {name!r}, which is no window; there are {known}")
        return self

    @model_validator(mode="after")
    def _nobody_in_anothers_place(self) -> Self:
        """Refuse two uses of one port, and files of ours among those of PostgreSQL, which would not start there."""
        if self.serve.port == self.gateway.port and self.serve.host == self.gateway.host:
            raise misfit(("serve", "port"), "is the gateway's own port (gateway.port); choose another")
        data = self.database.data_path
        for key, path in (
            (("log", "directory"), self.log.path),
            (("backup", "directory"), self.backup.path),
            (("notify", "outbox", "directory"), self.notify.outbox.path(self.log.path)),
            (("archive", "place"), self.archive.folder),
        ):
            if path is not None and self.database.embedded and path.absolute().is_relative_to(data.absolute()):
                raise misfit(key, "should be a folder outside database.data_dir, which is PostgreSQL's alone")
        return self

    @model_validator(mode="after")
    def _closed_to_the_network(self) -> Self:
        """Refuse to let others than this machine in without encryption and a password."""
        if not is_loopback(self.serve.host) and not self.web.opens_network:
            words = "may be another address than 127.0.0.1 only with web.certificate, web.key and web.password"
            raise misfit(("serve", "host"), words)
        return self

    @model_validator(mode="after")
    def _no_window_without_work(self) -> Self:
        """Take windows out of the schedule that have nothing to do: without backups, an archive, or daily bars."""
        idle = {
            "backup": not self.backup.enabled,
            "archive": self.archive.place is None,
            "daily_bars": all(one.bar_size < DAY for one in self.data_sets),
        }
        off = {
            name: getattr(self.windows, name).model_copy(update={"enabled": False})
            for name, is_idle in idle.items()
            if is_idle and getattr(self.windows, name).enabled
        }
        if off:
            object.__setattr__(self, "windows", self.windows.model_copy(update=off))  # frozen for everybody else
        return self

    @property
    def data_sets(self) -> tuple[DataSet, ...]:
        """Return what is collected for any symbol, by id."""
        own = {one for symbol in self.symbol_names for one in self.data_sets_for(symbol)}
        return tuple(one for one in DATA_SETS if one in own)

    @property
    def symbol_names(self) -> tuple[str, ...]:
        """Return the symbols in the order of the configuration."""
        return tuple(symbol.symbol for symbol in self.symbols)

    @property
    def option_symbols(self) -> tuple[str, ...]:
        """Return the symbols whose options are collected, in the order of the configuration."""
        return tuple(symbol for symbol in self.symbol_names if self.series_for(symbol))

    @property
    def site(self) -> str:
        """Return the address of the owner's pages as mails name it; "" where nobody can know the port."""
        return self.site_at(self.serve.port) if self.web.url is not None or self.serve.port else ""

    def site_at(self, port: int) -> str:
        """Return the address of the owner's pages as a browser finds them: scheme, name, port.

        Args:
            port: at which they are shown.
        """
        if self.web.url is not None:
            return self.web.url
        host, is_secured = self.serve.host.strip("[]"), self.web.certificate is not None
        is_everywhere = not host.strip("0.:")  # 0.0.0.0 or ::
        if self.serve.names and (is_secured or is_everywhere):  # it is the name in the certificate
            host = self.serve.names[0]
        elif is_everywhere:
            host = "localhost"
        return f"http{'s' if is_secured else ''}://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def closes(self) -> dict[str, time]:
        """Return the closes that differ from the built-in table, by symbol; New York."""
        return {symbol.symbol: symbol.close for symbol in self.symbols if symbol.close is not None}

    def rotation_for(self, symbol: str) -> RotationSettings:
        """Return the rotation of a symbol: its own where it has one, else the general (any symbol may be asked)."""
        own = self._own(symbol).rotation
        return self.rotation if own is None else own

    def selection_for(self, symbol: str) -> SelectionSettings:
        """Return the selection of a symbol: the general one with its own differences (any symbol may be asked)."""
        return self._own(symbol).selection(self.selection)

    def series_for(self, symbol: str) -> tuple[WhatToShow, ...]:
        """Return the series of a symbol's options, none where they are not collected (any symbol may be asked)."""
        if OPTION_BARS_5MIN not in self.data_sets_for(symbol):
            return ()
        own = self._own(symbol).series
        return self.series if own is None else own

    def data_sets_for(self, symbol: str) -> tuple[DataSet, ...]:
        """Return the kinds of bars that are collected for a symbol (any symbol may be asked)."""
        own = self._own(symbol).data_sets
        if own is None:
            return collected(self.underlying_bars)
        return tuple(one for one in DATA_SETS if one.name in own)

    def retention_for(self, symbol: str, data_set: DataSet = OPTION_BARS_5MIN) -> int | None:
        """Return for how many days a symbol's bars of a kind are kept; None: for ever (any symbol may be asked)."""
        if data_set is not OPTION_BARS_5MIN:
            return self.retention.underlying_bars_days.get(data_set.size)
        own = self._own(symbol).retention_days
        return self.retention.bars_days if own is None else own

    def _own(self, symbol: str) -> SymbolSettings:
        """Return what is different for a symbol, nothing where it is not configured."""
        return next((one for one in self.symbols if one.symbol == symbol), _LIKE_ANY)

    def shown(self) -> dict[str, Any]:
        """Return every setting as JSON can hold it, but for secrets, which are left out."""
        found: dict[str, Any] = without_secrets(self.model_dump(mode="json"))
        replica = self.database.read_address
        shown = {"url": self.database.shown, "read_url": None if replica is None else replica.shown}
        return {**found, "database": {**found["database"], **shown}}

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every secret value of the configuration, for masking; never show them."""
        addresses = filter(None, (self.database.address, self.database.read_address))
        found = [*secrets_in(self), *(secret for address in addresses for secret in address.secrets)]
        with contextlib.suppress(ConfigurationError):  # who needs it is told
            found.append(self.database.stored_password() or "")
        return tuple(secret for secret in found if secret not in ("", "embedded"))

    @property
    def misplaced_secrets(self) -> tuple[str, ...]:
        """Return which keys of the configuration file hold a secret, which belongs elsewhere; a sentence each."""
        return self._misplaced_secrets
