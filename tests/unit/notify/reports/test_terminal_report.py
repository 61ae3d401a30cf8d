"""Reports on a terminal: the mail's figures, masked, and never read as markup."""

from dataclasses import replace
from io import StringIO

from rich.console import Console, RenderableType

from collector.domain.masking import Mask
from collector.domain.reports.run_report import SymbolReport
from collector.notify.reports import examples
from collector.notify.reports.example_week import week
from collector.notify.reports.terminal_report import run_view, week_view


def _shown(view: RenderableType) -> str:
    console = Console(file=StringIO(), width=120, force_terminal=False)
    console.print(view)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_run() -> None:
    """State, symbols, errors, failure and alerts."""
    shown = _shown(run_view(examples.partial(), Mask(), examples.alerts()))

    for words in ("PARTIAL", "83.6 %", "690 ×", "pacing violation", "Continue with", "7.4 GB free"):
        assert words in shown


def test_a_preflight_failure_has_no_figures() -> None:
    """Nothing was asked for, so there is nothing to count."""
    shown = _shown(run_view(examples.preflight_failed(), Mask()))

    assert "PREFLIGHT FAILED" in shown
    assert "Rate-limit" not in shown
    assert "Pace" not in shown


def test_texts_from_outside_are_literal_and_masked() -> None:
    """A symbol in square brackets is no style, and a secret is cut out."""
    report = replace(
        examples.success(),
        symbols=(SymbolReport(symbol="[red]SPY[/]"),),
    )
    shown = _shown(run_view(replace(report, host="x"), Mask(["SPY"])))

    assert "[red]***[/]" in shown


def test_a_week() -> None:
    """Symbols, windows, gaps and the digest."""
    shown = _shown(week_view(week(), Mask()))

    for words in ("TSLA", "98.7 %", "1 failed, 1 partial", "92 new contracts were found"):
        assert words in shown
