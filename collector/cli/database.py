"""`collector db`: schema and features of the database."""

import typer
from rich.console import Console
from rich.table import Table

from collector import app as wiring
from collector.cli.options import ConfigOption, JsonOption, VerboseOption, opened, print_json
from collector.db.features import FeatureReport

app = typer.Typer(help="The database: schema, features.", no_args_is_help=True)


@app.command()
def upgrade(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Bring the database to this version's schema and give it every feature that its server can have.

    Example: collector db upgrade
    """
    settings, _ = opened(config, writes_log=True, verbose=verbose)
    _show(wiring.run_until_signalled(wiring.upgrade(settings)))


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say which server, extension, edition and features the database has, and why (not).

    Example: collector db status --json
    """
    settings, _ = opened(config)
    address, current, head, report = wiring.run_until_signalled(wiring.storage(settings))
    if as_json:
        features = [feature._asdict() for feature in report.features]
        print_json(
            {
                "url": address,
                "schema": current,
                "newest_schema": head,
                "server": report.server,
                "extension": report.extension,
                "edition": report.edition,
                "features": features,
                "warnings": report.warnings,
            }
        )
        return
    typer.echo(f"{address}\nschema {current or 'missing'}" + ("" if current == head else f"; newest {head}"))
    _show(report)


def _show(report: FeatureReport) -> None:
    console = Console()
    console.print(report.title, highlight=False)
    table = Table("feature", "", "why")
    for feature in report.features:
        table.add_row(feature.name, "[green]on[/green]" if feature.on else "[yellow]off[/yellow]", feature.why)
    console.print(table)
    for warning in report.warnings:
        console.print(f"[yellow]{warning}[/yellow]", highlight=False)
