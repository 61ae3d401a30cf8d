"""`collector why`: account for a value, or a missing one."""

from pathlib import Path
from typing import Annotated

import typer

from collector.app import reading
from collector.app.opening import run_until_signalled
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, JsonOption, day_of, opened, print_json
from collector.domain.errors import UsageError

_HOW = 'Write: collector why "SPY 261218C00690000" --at "2026-11-25 15:30", or see collector why --help.'


def why(
    name: Annotated[
        str | None,
        typer.Argument(help='A contract ("SPY 261218C00690000", "SPY 2026-12-18 690 C", its id), or an underlying.'),
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="The instant; New York's time unless it names a zone.")] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Why values of a session are missing.")] = False,
    contract: Annotated[str | None, typer.Option("--contract", help="With --missing: of this contract.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="With --missing or --session: of this symbol.")] = None,
    day: Annotated[str | None, typer.Option("--day", help="With --missing: the session, YYYY-MM-DD.")] = None,
    session: Annotated[str | None, typer.Option("--session", help="A session in counts, YYYY-MM-DD.")] = None,
    bars: Annotated[str | None, typer.Option("--bars", help='Of an underlying: "5 mins", "1 day", "1 min".')] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Tell why a value is what it is, or why one is missing.

    Its requests, revisions and evidence, what its Greeks were computed from, and its copy in the archive. The exit code
    is 3 when no request on record explains the value.

    Example: collector why "SPY 261218C00690000" --at "2026-11-25 15:30"
    """
    if session is not None:
        return _session(session, symbol, config, as_json=as_json)
    if missing:
        return _missing(contract or name, symbol, day, bars, config, as_json=as_json)
    if name is None or at is None:
        raise UsageError("why needs a contract and an instant", _HOW)
    from collector.lineage import telling  # noqa: PLC0415 - numpy, and what computes Greeks

    settings, clock = opened(config)
    found = run_until_signalled(reading.why_value(settings, name, at, bars, clock))
    if as_json:
        print_json({**telling.document(found), "explained": found.explained})
    else:
        for line in telling.lines(found):
            typer.echo(line)
    return Exit.SUCCESS if found.explained else Exit.PARTIAL


def _missing(
    contract: str | None, symbol: str | None, day: str | None, bars: str | None, config: Path | None, *, as_json: bool
) -> int:
    session = day_of(day)
    if session is None or (contract is None) is (symbol is None):
        raise UsageError(
            "why --missing needs a contract or a symbol, and a day",
            'Write: collector why --missing --contract "SPY 261218C00690000" --day 2026-11-25.',
        )
    from collector.lineage import telling  # noqa: PLC0415 - numpy, and what computes Greeks

    settings, clock = opened(config)
    found = run_until_signalled(reading.why_missing(settings, contract, symbol, session, bars, clock))
    if as_json:
        print_json({**telling.document(found), "sentences": found.sentences})
    else:
        for sentence in found.sentences or (f"Nothing is missing on {session}.",):
            typer.echo(sentence)
    return Exit.SUCCESS


def _session(day: str, symbol: str | None, config: Path | None, *, as_json: bool) -> int:
    session = day_of(day)
    if session is None or symbol is None:
        raise UsageError("why --session needs a symbol", "Write: collector why --session 2026-11-25 --symbol SPY.")
    from collector.lineage import telling  # noqa: PLC0415 - as above

    settings, clock = opened(config)
    found = run_until_signalled(reading.why_session(settings, symbol.strip().upper(), session, clock))
    if as_json:
        print_json(telling.document(found))
    else:
        for line in telling.session_lines(found):
            typer.echo(line)
    return Exit.SUCCESS
