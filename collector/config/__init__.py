"""Configuration from files, environment and options.

Config.yaml, overridden by secrets, by the environment, by options.
"""

from collector.config.activity_settings import ActivitySettings, OpenInterestSettings
from collector.config.collection_settings import (
    EvidenceSettings,
    IvRegime,
    RegimeSource,
    RepairSettings,
    RotationSettings,
    SelectionSettings,
    SymbolSettings,
)
from collector.config.connection_settings import DatabaseSettings, GatewaySettings, PacingSettings
from collector.config.greeks_settings import DividendSettings, GreeksSettings, QualitySettings
from collector.config.loading import find, load, refused
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
)
from collector.config.settings import Settings
from collector.config.window_settings import Closure, EarlyClose, WindowSettings, WindowsSettings

__all__ = [
    "ActivitySettings",
    "ArchiveSettings",
    "BackupSettings",
    "Closure",
    "DatabaseSettings",
    "DeadManSettings",
    "DividendSettings",
    "EarlyClose",
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
    "WebSettings",
    "WindowSettings",
    "WindowsSettings",
    "find",
    "load",
    "refused",
]
