"""`collector archive verify`: compare the stored objects with the manifest."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from collector.app import maintenance
from collector.app.opening import run_until_signalled
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, JsonOption, VerboseOption, day_of, opened, print_json
from collector.notify.reports.wording import many

if TYPE_CHECKING:
    from collector.jobs.archive_verification import Verification


def verify(
    since: Annotated[
        str | None, typer.Option("--since", help="Only objects with sessions from this one on, YYYY-MM-DD.")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every row, too; compare sessions with the manifest.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Read every object back from the archive's place and compare its bytes with the manifest.

    Objects that the manifest does not have are told, too, but not with --since. The command ends with 3 when anything
    is wrong. What is wrong is not mended: `collector archive` writes such sessions anew as long as the database has
    them. The weekly window reads a part of the objects back, so that all have their turn in eight weeks.

    Example: collector archive verify --deep
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    done = run_until_signalled(maintenance.verify_archive(settings, clock, day_of(since), deep=deep))
    if as_json:
        print_json([asdict(one) for one in done.verdicts])
    else:
        for line in verification_words(done):
            typer.echo(line)
    if done.wrong:
        raise typer.Exit(Exit.PARTIAL)


def verification_words(done: "Verification") -> Iterator[str]:
    """Yield in words what is wrong with objects, how many are sound, and what to do."""
    from collector.jobs.archive_verification import Finding  # noqa: PLC0415 - needs the archive's library

    for one in done.wrong:
        yield f"{one.path}  {one.detail}"
    sound = [one for one in done.verdicts if one.finding is None]
    size = sum(one.bytes for one in sound)
    objects, are = many(len(sound), "object"), "is" if len(sound) == 1 else "are"
    yield f"{objects} of {size / 1e6:,.1f} MB in {done.place} {are} what was archived"
    if not done.wrong:
        return
    yield f"{len(done.wrong):,} {'is' if len(done.wrong) == 1 else 'are'} not"
    if any(one.finding is not Finding.FOREIGN for one in done.wrong):
        yield "run: collector archive; it writes damaged and missing objects anew while the database has their bars"
    if any(one.finding is Finding.FOREIGN for one in done.wrong):
        yield (
            "what is not in the manifest: run collector archive restore if an earlier database wrote it, "
            "else move it out of the archive"
        )
