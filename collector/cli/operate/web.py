"""`collector web`: the owner's pages."""

import sys

import typer

from collector.app import metrics, opening
from collector.app.acting.acts import Acts
from collector.app.acting.live import Live
from collector.app.health_endpoint import Condition
from collector.cli.collect.progress import run_progress
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, VerboseOption, opened
from collector.clock import Clock
from collector.config import Settings


class _Alone:
    """A process that only shows pages."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.live = Live(clock)
        self.acts = Acts(settings, clock, self.live, self.live.watched(run_progress))
        self._clock = clock

    async def condition(self) -> Condition:
        return Condition(problems=(), database_up=True, connected=False)

    async def metrics(self) -> str:
        return metrics.text(None, self._clock.now())


def web(config: ConfigOption = None, verbose: VerboseOption = False) -> int:
    """Show what is there, what is missing and what is at work, as pages for a browser.

    Example: collector web
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    opening.run_until_signalled(_shown(settings, clock))
    return Exit.SUCCESS


async def _shown(settings: Settings, clock: Clock) -> None:
    from collector.web import context, listening, site  # noqa: PLC0415 - a web server, for this command only

    readers, alone = context.Readers(settings, clock), _Alone(settings, clock)
    what = context.Context(settings=settings, clock=clock, process=alone, readers=readers)
    async with listening.listening(site.site(what), settings.serve.host, settings.serve.port) as port:
        typer.echo(f"http://{settings.serve.host}:{port}/")
        sys.stdout.flush()
        try:
            await alone.acts.go_on()
        finally:
            await readers.close()
