"""The whole configuration: config.yaml, overridden by secrets, by the environment, by options."""

from collector.config.activity import ActivitySettings, OpenInterestSettings
from collector.config.collection import (
    EvidenceSettings,
    IvRegime,
    RegimeSource,
    RepairSettings,
    RotationSettings,
    SelectionSettings,
    SymbolSettings,
)
from collector.config.connections import DatabaseSettings, GatewaySettings, PacingSettings
from collector.config.greeks import DividendSettings, GreeksSettings, QualitySettings
from collector.config.loading import find, load
from collector.config.notify import NotifySettings
from collector.config.operation import (
    BackupSettings,
    DeadManSettings,
    LogSettings,
    RetentionSettings,
    ScheduleSettings,
    ServeSettings,
)
from collector.config.settings import Settings
from collector.config.windows import WindowSettings, WindowsSettings

__all__ = [
    "ActivitySettings",
    "BackupSettings",
    "DatabaseSettings",
    "DeadManSettings",
    "DividendSettings",
    "EvidenceSettings",
    "GatewaySettings",
    "GreeksSettings",
    "IvRegime",
    "LogSettings",
    "NotifySettings",
    "OpenInterestSettings",
    "PacingSettings",
    "QualitySettings",
    "RegimeSource",
    "RepairSettings",
    "RetentionSettings",
    "RotationSettings",
    "ScheduleSettings",
    "SelectionSettings",
    "ServeSettings",
    "Settings",
    "SymbolSettings",
    "WindowSettings",
    "WindowsSettings",
    "find",
    "load",
]
