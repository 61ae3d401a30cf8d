"""The entry point of the command line.

A command's module is imported when that command is called: the timer starts `run --due` 288 times a day, and a help
page needs neither a database nor a gateway.
"""

import gc
import importlib
import io
import os
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from collector import __version__
from collector.cli.exits import Exit, of_error
from collector.cli.words import say
from collector.domain.errors import CollectorError

_UMASK = 0o077
"""What a command creates is its owner's alone; what others are to read is opened to them file by file."""

_Commands = dict[str, tuple[str, str]]
"""Names, each with where its function or group is (below this package) and what it does."""

SECTIONS: dict[str, _Commands] = {
    "Collect": {
        "run": ("collect.run:run", "Collect the missing bars of one window."),
        "plan": ("collect.plan:plan", "Show what the next run would ask for, and how long it would take."),
        "backfill": (
            "collect.backfill:backfill",
            "Fetch the history of living contracts, or of underlyings.",
        ),
        "gaps": ("collect.gaps:app", "List the open gaps, or fill them."),
        "chains": ("collect.chains:app", "List option contracts, or read the chains again."),
        "coverage": ("collect.coverage:app", "Show what counts as known and why; accept or forget a session."),
        "greeks": ("collect.greeks:app", "Recompute implied volatilities and Greeks."),
    },
    "Inspect": {
        "status": ("inspect.status:status", "Show a session: its runs, what each symbol has and lacks."),
        "report": ("inspect.report:app", "Show the report of a run or of a week."),
        "why": ("inspect.why:why", "Tell why a value is what it is, or why one is missing."),
        "verify": ("inspect.verify:verify", "Check stored bars, coverage and put-call parity."),
        "doctor": ("inspect.doctor:doctor", "Check configuration, database, calendar and gateway."),
    },
    "Operate": {
        "serve": ("operate.serve:serve", "Run every window when it is due, and show the pages, until stopped."),
        "web": ("operate.web:web", "Show what is there, what is missing and what is at work, as pages for a browser."),
        "schedule": ("operate.schedule:app", "Show the schedule; install or remove its timers."),
        "db": ("operate.database:app", "Manage the database: schema, features, backups, retention."),
        "archive": ("operate.archive:app", "Write what has changed into the archive; verify, restore or export it."),
        "notify": ("operate.notify:app", "Test and preview mails and other channels."),
    },
    "Try out": {
        "demo": ("trial.demo:demo", "Collect one simulated session into an embedded PostgreSQL."),
        "simulate": ("trial.simulate:simulate", "Run a simulated IB Gateway, with faults on request."),
    },
}
_PLACES = {name: place for section in SECTIONS.values() for name, (place, _) in section.items()}


class _Imported(MutableMapping[str, Any]):
    """Commands by name; each is imported when it is looked up."""

    def __init__(self) -> None:
        self._commands: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - typer's own class has no public name
        if name not in self._commands:
            self._commands[name] = _command(name, *_PLACES[name].split(":"))
        return self._commands[name]

    def __setitem__(self, name: str, command: Any) -> None:  # noqa: ANN401 - as above
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


def _command(name: str, module: str, attribute: str) -> Any:  # noqa: ANN401 - as above
    # What is imported stays: looking for garbage among a hundred thousand new objects costs a tenth of the start.
    gc.disable()
    try:
        found = getattr(importlib.import_module(f"collector.cli.{module}"), attribute)
    finally:
        gc.freeze()
        gc.enable()
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode="rich")
        single.command(name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


class Root(TyperGroup):
    """The group of all commands: its help names them by section without importing any."""

    def __init__(self) -> None:
        super().__init__(
            name="collector",
            help="Collects 5-minute option bars from Interactive Brokers, unattended, and knows what it lacks.",
            rich_markup_mode=None,
            add_help_option=False,
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        self.commands = _Imported()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own class has no public name
        """Print the version or the help, or take the arguments apart.

        Neither is an option of typer's: checking its value would import pydantic, for a mistyped command, too.
        """
        if args[:1] == ["--version"]:
            typer.echo(f"collector {__version__}")
            raise typer.Exit
        if not args or args[0] in ("-h", "--help"):
            typer.echo(ctx.get_help())
            raise typer.Exit(Exit.SUCCESS if args else Exit.USAGE)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - as above
        """Write the options, and the commands by section."""
        with formatter.section("Options"):
            formatter.write_dl([("--version", "Print the version."), ("-h, --help", "Show this message and exit.")])
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, what) for name, (_, what) in commands.items()])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    os.umask(_UMASK)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what its encoding cannot say is replaced, not an error
            stream.reconfigure(errors="replace")
    sys.exit(int(_code_of(arguments)))


def _code_of(arguments: Sequence[str] | None) -> int:
    try:
        typed = sys.argv[1:] if arguments is None else list(arguments)
        result = Root().main(typed, prog_name="collector", standalone_mode=False, obj=tuple(typed))
    except CollectorError as error:
        say(error.message, error.hint)
        return of_error(error)
    except typer.TyperException as error:
        if error.format_message():  # empty when the help has been printed instead
            context = getattr(error, "ctx", None)
            say(error.format_message(), f"See: {context.command_path if context else 'collector'} --help")
        return Exit.USAGE
    except (typer.Abort, KeyboardInterrupt):
        say("interrupted")
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the command ends here: a person gets one line, the log gets the traceback
        from collector import log  # noqa: PLC0415 - costs as much as the help page, and nobody needs it there

        what = log.mask_in_use()(f"unforeseen error: {type(error).__name__}: {error}")
        say(what, f"Please report it{log.unforeseen()}.")
        return Exit.FAILED
    return result if isinstance(result, int) else Exit.SUCCESS
