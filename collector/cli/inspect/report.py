"""`collector report`: show a run or a week.

On the terminal, or as a page.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from collector.app import composition, opening, reports
from collector.cli.exits import Exit
from collector.cli.operate.notify import show_deliveries
from collector.cli.options import ConfigOption, JsonOption, opened, print_json
from collector.domain.errors import UsageError
from collector.domain.masking import Mask
from collector.domain.reports.report_document import to_document
from collector.notify.channels.mail_message import Mail
from collector.notify.reports import report_files
from collector.notify.reports.mail_rendering import page
from collector.notify.reports.terminal_report import run_view, week_view

app = typer.Typer(help="Show the report of a run or of a week.", no_args_is_help=True, add_completion=False)

HtmlOption = Annotated[Path | None, typer.Option("--html", help="Write the mail's page into this file.")]


@app.command()
def run(
    number: Annotated[int | None, typer.Argument(help="The run's number; without it the latest.")] = None,
    html: HtmlOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the report of a run.

    Example: collector report run 12 --html run-12.html
    """
    settings, clock = opened(config)
    report = report_files.read(settings.log.path, number)
    if as_json:
        print_json(to_document(report))
    else:
        Console().print(run_view(report, Mask(settings.secrets)))
    if html is not None:
        _write(html, composition.notifier(settings, clock).renderer.run(report))


@app.command()
def weekly(
    html: HtmlOption = None,
    send: Annotated[bool, typer.Option("--send", help="Send it through the channels.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the report of the week that ended with the last completed session.

    Example: collector report weekly --html week.html
    """
    settings, clock = opened(config, writes_log=send)
    week = opening.run_until_signalled(reports.weekly(settings, clock))
    if as_json:
        print_json(to_document(week))
    else:
        Console().print(week_view(week, Mask(settings.secrets)))
    notifier = composition.notifier(settings, clock)
    if html is not None:
        _write(html, notifier.renderer.week(week))
    if not send:
        return Exit.SUCCESS
    return show_deliveries(opening.run_until_signalled(notifier.week_over(week)), aside=as_json)


def _write(path: Path, mail: Mail) -> None:
    try:
        path.write_text(page(mail), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", "Name a file in a folder that exists and can be written to."
        ) from error
