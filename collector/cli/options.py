"""Options and openings that several commands share."""

import json
from pathlib import Path
from typing import Annotated

import typer

from collector import config, log
from collector.app import composition
from collector.clock import SystemClock
from collector.config import Settings
from collector.domain.errors import UsageError
from collector.domain.run_vocabulary import Window

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

    Raises:
        ConfigurationError: with file, line and key.
    """
    settings = config.load(config_path)
    clock = composition.system_clock()
    log.setup(
        settings.log, clock, secrets=settings.secrets, files=None if writes_log else False, quiet_people=not verbose
    )
    return settings, clock


def symbols_of(text: str | None) -> tuple[str, ...]:
    """Return the symbols of a comma-separated option, upper case; empty when not given."""
    return tuple(part.strip().upper() for part in (text or "").split(",") if part.strip())


def window_of(text: str) -> Window:
    """Return a window by its name.

    Raises:
        UsageError: there is no such window.
    """
    try:
        return Window(text.strip().lower().replace("-", "_"))
    except ValueError:
        raise UsageError(f"unknown window {text!r}", "Windows: " + ", ".join(Window)) from None


def print_json(document: object) -> None:
    """Print a document as JSON; dates and other values as text."""
    typer.echo(json.dumps(document, indent=2, default=str))
