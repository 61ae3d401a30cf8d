"""Progress bar of a run.

The progress bar of a run: on a terminal only; a service logs instead.
"""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from collector.runs.orders import Order
from collector.runs.tally import Tally


@contextlib.contextmanager
def run_progress(order: Order) -> Iterator[Callable[[Tally], None]]:
    """Show a bar over the requests of a run; yields what the run calls whenever its tally has changed."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"{order.window} {order.day}", total=None, state="finding contracts")

        def update(tally: Tally) -> None:
            pace = tally.pace
            state = f"{tally.bars:,} bars · {pace.requests_per_s:.0f} requests/s, {pace.in_flight} of {pace.limit} open"
            if pace.waiting or pace.paused_s:
                state = pace.waiting or f"pausing for {pace.paused_s:.0f} s"
            done = tally.answered + tally.failed + tally.deferred
            progress.update(task, total=tally.planned or None, completed=done, state=state)

        yield update
