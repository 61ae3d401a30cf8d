"""`collector serve`: the schedule as one long-running process."""

import typer

from collector.app import opening, serving
from collector.cli.collect.progress import run_progress
from collector.cli.exits import Exit
from collector.cli.operate.web import invite
from collector.cli.options import ConfigOption, VerboseOption, opened
from collector.web import serving_pages


def serve(config: ConfigOption = None, verbose: VerboseOption = False) -> int:
    """Run every window when it is due, and show the pages, until stopped.

    `collector web` prints an address that logs a browser in. http://127.0.0.1:8321/healthz says how things stand,
    /metrics says it to Prometheus.

    Example: collector serve --config /etc/collector/config.yaml
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    logins = serving_pages.logins(settings)

    def ready(_host: str, port: int) -> None:
        site = settings.site_at(port)
        typer.echo(f"serving; pages on {site}/, health on /healthz, metrics on /metrics; Ctrl-C ends")
        invite(logins.address(site))

    endpoint = serving_pages.endpoint(settings, clock, logins)
    opening.run_until_signalled(serving.serve(settings, clock, run_progress, ready, endpoint))
    return Exit.SUCCESS
