"""`collector serve`: the schedule as one long-running process."""

import sys

import typer

from collector.app import opening, serving
from collector.cli.collect.progress import run_progress
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, VerboseOption, opened


def serve(config: ConfigOption = None, verbose: VerboseOption = False) -> int:
    """Run every window when it is due, until stopped.

    http://127.0.0.1:8321/healthz says how things stand, /metrics says it to Prometheus.

    Example: collector serve --config /etc/collector/config.yaml
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)

    def ready(host: str, port: int) -> None:
        typer.echo(f"serving; health on http://{host}:{port}/healthz, metrics on /metrics; Ctrl-C ends")
        sys.stdout.flush()

    opening.run_until_signalled(serving.serve(settings, clock, run_progress, ready))
    return Exit.SUCCESS
