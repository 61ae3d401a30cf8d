"""`collector notify`: test and preview mails and channels.

`collector notify`: does the owner get his mails, and how do they look?
"""

import tempfile
import webbrowser
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from collector.app import composition, opening
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, opened
from collector.notify.channels.channel import Delivery
from collector.notify.reports import examples, report_files
from collector.notify.reports.mail_rendering import page


class Example(StrEnum):
    """What an example shows."""

    SUCCESS = "success"
    PARTIAL = "partial"
    IMPLAUSIBLE = "implausible"
    FAILED = "failed"


_EXAMPLES = {
    Example.SUCCESS: examples.success,
    Example.PARTIAL: examples.partial,
    Example.IMPLAUSIBLE: examples.implausible,
    Example.FAILED: examples.failed,
}

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
    run: Annotated[int | None, typer.Option("--run", help="A run's number; without it an example.")] = None,
    example: Annotated[Example, typer.Option("--example", help="Which example.")] = Example.SUCCESS,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    config: ConfigOption = None,
) -> None:
    """Render a run's mail into a file.

    Example: collector notify preview --run 12 --open
    """
    settings, clock = opened(config)
    report = _EXAMPLES[example]() if run is None else report_files.read(settings.log.path, run)
    path = Path(tempfile.gettempdir()) / f"collector-preview-{report.run_id}.html"
    path.write_text(page(composition.notifier(settings, clock).renderer.run(report)), encoding="utf-8")
    typer.echo(path)
    if show:
        webbrowser.open(path.as_uri())
