"""Options and openings that several commands share."""

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import structlog
import typer

from collector import config, log
from collector.app import opening
from collector.clock import SystemClock
from collector.config import Settings
from collector.config.settings import MOVE_SECRETS
from collector.domain.errors import UsageError
from collector.domain.json_values import spelled
from collector.domain.run_vocabulary import OVER_SESSIONS, Window

_LENGTH = re.compile(r"(?P<number>[1-9]\d{0,3})\s*(?P<unit>m|min|minutes?|h|hours?|d|days?)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

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


def symbols_of(text: str | None) -> tuple[str, ...]:
    """Return the symbols of a comma-separated option, upper case; empty when not given."""
    return tuple(part.strip().upper() for part in (text or "").split(",") if part.strip())


def window_of(text: str, settings: Settings) -> Window:
    """Return a window by its name, a built-in one or one of the configuration's own.

    Raises:
        UsageError: there is no such window.
    """
    known = (*Window, *settings.windows.own)
    listed = (window for window in known if window not in OVER_SESSIONS)
    window = Window(text.strip().lower().replace("-", "_"))
    if window not in known:
        raise UsageError(f"unknown window {text!r}", "Windows: " + ", ".join(listed))
    return window


def day_of(text: str | None) -> date | None:
    """Return the date that a person wrote, None for none.

    Raises:
        UsageError: it is no date.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{text!r} is no date", "Write it as 2026-11-20.") from None


def span_of(text: str | None) -> timedelta | None:
    """Return the length that a person wrote ("30 min", "3 h", "1 D"), None for none; a day means the whole session.

    Raises:
        UsageError: it is no such length.
    """
    if text is None:
        return None
    match = _LENGTH.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"{text!r} is no span", 'Write it as "30 min", "3 h" or "1 D".')
    return int(match["number"]) * _UNITS[match["unit"][0]]


def print_json(document: object) -> None:
    """Print a document as JSON; instants in RFC 3339, dates and other values as text."""
    typer.echo(json.dumps(document, indent=2, default=spelled))
