"""`collector notify`: test and preview mails and channels.

`collector notify`: does the owner get his mails, and how do they look?
"""

import webbrowser
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from collector.app import composition, opening
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, opened
from collector.domain.errors import UsageError
from collector.notify.channels.channel import Delivery
from collector.notify.reports import report_files
from collector.notify.reports.example_mails import Example, example_mail
from collector.notify.reports.mail_rendering import page

app = typer.Typer(help="Test and preview mails and other channels.", no_args_is_help=True, add_completion=False)


@app.command("test")
def send_examples(config: ConfigOption = None) -> int:
    """Send an example of each mail, and an alert with its end, through every channel.

    Example: collector notify test
    """
    settings, clock = opened(config, writes_log=True)
    return show_deliveries(opening.run_until_signalled(composition.notifier(settings, clock).test()))


def show_deliveries(deliveries: Iterable[Delivery], *, aside: bool = False) -> int:
    """Print what each channel did, on standard error when `aside`, and return the exit code that says it."""
    code = Exit.SUCCESS
    for delivery in deliveries:
        typer.echo(f"{'ok ' if delivery.ok else 'bad'} {delivery.channel:<10} {delivery.detail}", err=aside)
        code = code if delivery.ok else Exit.FAILED
    return code


@app.command()
def preview(
    run: Annotated[int | None, typer.Option("--run", help="The mail of a run, by its number.")] = None,
    latest: Annotated[bool, typer.Option("--latest", help="The mail of the last run.")] = False,
    example: Annotated[
        Example | None, typer.Option("--example", help="An example of a kind of mail.", show_default="success")
    ] = None,
    into: Annotated[Path, typer.Option("--into", help="The folder of the file.", show_default="here")] = Path(),
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    config: ConfigOption = None,
) -> None:
    """Render a mail into a file, and print the file's path.

    Example: collector notify preview --latest --open
    """
    if (run is not None) + latest + (example is not None) > 1:
        raise UsageError("--run, --latest and --example are three mails", "Give one of them.")
    settings, clock = opened(config)
    renderer = composition.notifier(settings, clock).renderer
    if run is None and not latest:
        kind = example or Example.SUCCESS
        name, mail = f"mail-example-{kind}", example_mail(kind, renderer)
    else:
        report = report_files.read(settings.log.path, run)
        name, mail = f"mail-run-{report.run_id}-{report.window}-{report.session}", renderer.run(report)
    path = into.resolve() / f"{name}.html"
    try:
        path.write_text(page(mail), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", "--into names a folder that exists and can be written to."
        ) from error
    typer.echo(path)
    if show and not webbrowser.open(path.as_uri()):
        typer.echo("no browser could be opened here", err=True)
