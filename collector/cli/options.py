"""Options and openings that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from collector import app, config, log
from collector.clock import SystemClock
from collector.config import Settings
from collector.domain.errors import UsageError
from collector.domain.runs import Window

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration file; default ./config.yaml or the per-user one.")
]
SymbolsOption = Annotated[str | None, typer.Option("--symbols", help="Only these, separated by commas: SPY,TSLA.")]
DateOption = Annotated[str | None, typer.Option("--date", help="The session's date, YYYY-MM-DD; default the latest.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log everything, also to the terminal.")]


def opened(config_path: Path | None, *, command: str, verbose: bool = False) -> tuple[Settings, SystemClock]:
    """Load the configuration, set up the log, and return settings and clock.

    Raises:
        ConfigurationError: with file, line and key.
    """
    settings = config.load(config_path)
    log.configure(settings, command=command, verbose=verbose)
    return settings, app.system_clock()


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
