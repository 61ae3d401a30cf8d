"""Options and openings that several commands share."""

import json
from pathlib import Path
from typing import Annotated

import structlog
import typer

from collector import config, log
from collector.app import opening
from collector.app.acting.typed import day_of, span_of, symbols_of, window_of
from collector.clock import SystemClock
from collector.config import Settings
from collector.config.settings import MOVE_SECRETS
from collector.domain.json_values import spelled

__all__ = [
    "ConfigOption",
    "DateOption",
    "JsonOption",
    "SymbolsOption",
    "VerboseOption",
    "day_of",
    "opened",
    "print_json",
    "span_of",
    "symbols_of",
    "window_of",
]

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration file; default ./config.yaml or the per-user one.")
]
SymbolsOption = Annotated[str | None, typer.Option("--symbols", help="Only these, separated by commas: SPY,TSLA.")]
DateOption = Annotated[str | None, typer.Option("--date", help="The session's date, YYYY-MM-DD; default the latest.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log everything, also to the terminal.")]


def opened(
    config_path: Path | None, *, writes_log: bool = False, verbose: bool = False
) -> tuple[Settings, SystemClock]:
    """Load the configuration, set up the log, and return settings and clock.

    Args:
        config_path: the file named by the option.
        writes_log: whether this command's events go to the log files; reading commands write none.
        verbose: show every event on the terminal too.

    Secrets that stand in the configuration file are warned about where a log is written; `doctor` refuses them.

    Raises:
        ConfigurationError: with file, line and key.
    """
    settings = config.load(config_path)
    opening.check_dates(settings, config_path)
    clock = opening.system_clock()
    log.setup(
        settings.log, clock, secrets=settings.secrets, files=None if writes_log else False, quiet_people=not verbose
    )
    if writes_log:
        for sentence in settings.misplaced_secrets:
            structlog.get_logger().warning("secret_in_configuration", found=sentence, hint=MOVE_SECRETS)
    return settings, clock


def print_json(document: object) -> None:
    """Print a document as JSON; instants in RFC 3339, dates and other values as text."""
    typer.echo(json.dumps(document, indent=2, default=spelled))
