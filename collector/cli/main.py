"""The entry point: one application, its groups, and the one place where errors become exit codes."""

import sys
from collections.abc import Sequence

import typer

from collector import __version__, log
from collector.cli.collect import chains, coverage, gaps, greeks, plan, run
from collector.cli.exits import Exit, of_error
from collector.cli.inspect import doctor, report, status, verify
from collector.cli.operate import database, notify, schedule, serve
from collector.cli.options import say
from collector.cli.trial import demo, simulate
from collector.domain.errors import CollectorError
from collector.domain.masking import Mask

app = typer.Typer(
    name="collector",
    help="Collects 5-minute option bars from Interactive Brokers, unattended, and knows what it lacks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"collector {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Collect 5-minute option bars from Interactive Brokers."""


for module in (run, plan, serve, status, verify, doctor, demo, simulate):
    module.register(app)
app.add_typer(chains.app, name="chains")
app.add_typer(coverage.app, name="coverage")
app.add_typer(database.app, name="db")
app.add_typer(gaps.app, name="gaps")
app.add_typer(greeks.app, name="greeks")
app.add_typer(notify.app, name="notify")
app.add_typer(report.app, name="report")
app.add_typer(schedule.app, name="schedule")
gaps.register_backfill(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    sys.exit(int(_code_of(arguments)))


def _code_of(arguments: Sequence[str] | None) -> int:
    try:
        result = app(arguments, standalone_mode=False, prog_name="collector")
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
        what = Mask()(f"unforeseen error: {type(error).__name__}: {error}")
        say(what, f"Please report it{log.unforeseen()}.")
        return Exit.FAILED
    return result if isinstance(result, int) else Exit.SUCCESS
