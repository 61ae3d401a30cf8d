"""The report model: sums, shares, percentiles, flags, documents."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from collector.domain.pacing.pace import Latency
from collector.domain.reports.comparison import Flag, PastRun, unusual
from collector.domain.reports.report_document import from_document, to_document
from collector.domain.reports.run_report import NextWindow, RunReport, SymbolReport, VerdictCounts
from collector.domain.reports.week_report import WeekReport
from collector.domain.run_vocabulary import Asks, RunStatus, Window
from collector.notify.reports import examples
from collector.notify.reports.example_week import week

START = datetime(2026, 11, 20, 21, 45, tzinfo=UTC)


def _report(asks: Asks = Asks.NOT_SETTLED) -> RunReport:
    return RunReport(
        run_id=1,
        window=Window.EOD,
        session=date(2026, 11, 20),
        status=RunStatus.SUCCESS,
        started=START,
        completed=START + timedelta(seconds=100),
        asks=asks,
        symbols=(
            SymbolReport(
                symbol="SPY",
                contracts=10,
                contracts_done=9,
                requests=30,
                bars_collected=100,
                bars_updated=20,
                bars_identical=30,
                expected=1000,
                covered=990,
                settled=900,
                verdicts=VerdictCounts(traded=100, no_trade=200, unknown=100),
            ),
            SymbolReport(
                symbol="XYZ",
                contracts=10,
                contracts_done=10,
                requests=20,
                bars_collected=50,
                expected=1000,
                covered=1000,
                settled=1000,
                verdicts=VerdictCounts(traded=100, no_trade=300),
            ),
        ),
    )


def test_sums_and_shares_over_the_symbols() -> None:
    """A run's figures are the sums of its symbols, its shares are shares of sums."""
    report = _report()

    assert report.bars == 200
    assert report.contracts_done == 19
    assert report.completeness == 0.95
    assert report.coverage == 0.995
    assert report.fill == 0.25
    assert report.success_rate == 0.95
    assert report.bars_per_s == 2.0
    assert report.requests_per_s == 0.5


@pytest.mark.parametrize(("asks", "reached"), [(Asks.NOT_SETTLED, 0.95), (Asks.NOT_COVERED, 0.995)])
def test_a_window_is_measured_by_what_it_asks_for(asks: Asks, reached: float) -> None:
    """Intraday windows aim at covered slots, the others at settled ones."""
    assert _report(asks).reached == reached


def test_shares_of_nothing_are_unknown_not_zero() -> None:
    """Without expected slots there is no completeness to report."""
    symbol = SymbolReport(symbol="SPY")

    assert (symbol.completeness, symbol.coverage, symbol.fill) == (None, None, None)


def test_latency_percentiles_are_nearest_rank() -> None:
    """For 1..100 the textbook's nearest ranks are 50, 90, 99 and 100."""
    assert Latency.of(float(n) for n in range(1, 101)) == Latency(count=100, p50_s=50, p90_s=90, p99_s=99, max_s=100)
    assert Latency.of([3.0]) == Latency(count=1, p50_s=3, p90_s=3, p99_s=3, max_s=3)
    assert Latency.of([]) is None


def _past(count: int, bars: int = 1000, slots: int = 78, status: RunStatus = RunStatus.SUCCESS) -> list[PastRun]:
    return [
        PastRun(session=date(2026, 10, 1) + timedelta(days=i), status=status, bars=bars, contracts=100, slots=slots)
        for i in range(count)
    ]


def test_unusually_few_bars_are_flagged() -> None:
    """699 bars where 1000 are usual are less than 70 %, 700 are not."""
    assert unusual(bars=699, contracts=100, slots=78, past=_past(20)) == (Flag(what="bars", value=699, usual=1000),)
    assert unusual(bars=700, contracts=100, slots=78, past=_past(20)) == ()


def test_an_early_close_has_fewer_bars_as_usual() -> None:
    """Half a session with half the bars is not unusual."""
    assert unusual(bars=500, contracts=100, slots=39, past=_past(20)) == ()


def test_nothing_is_unusual_before_there_is_a_usual() -> None:
    """Four good sessions, or any number of failed ones, say nothing."""
    assert unusual(bars=0, contracts=0, slots=78, past=_past(4)) == ()
    assert unusual(bars=0, contracts=0, slots=78, past=_past(20, status=RunStatus.FAILED)) == ()


def test_only_the_last_twenty_sessions_count() -> None:
    """An old, busier time is forgotten."""
    old = [
        PastRun(session=date(2026, 1, 1) + timedelta(days=i), status=RunStatus.SUCCESS, bars=9000) for i in range(50)
    ]

    assert unusual(bars=900, contracts=100, slots=78, past=[*_past(20), *old]) == ()


@pytest.mark.parametrize("example", [examples.success, examples.partial, examples.failed, examples.preflight_failed])
def test_a_report_survives_its_document(example: Callable[[], RunReport]) -> None:
    """JSON and back gives the same report, so that a run can be reported on a year later."""
    report = example()

    assert report == from_document(RunReport, json.loads(json.dumps(to_document(report))))


def test_a_report_of_another_configuration_is_read() -> None:
    """The window that it names need not be configured any more, nor the one that was to come next."""
    report = replace(
        examples.success(),
        window=Window("power_hour"),
        next_window=NextWindow(window=Window("tea"), due=datetime(2026, 11, 20, 21, 45, tzinfo=UTC)),
    )
    again = from_document(RunReport, json.loads(json.dumps(to_document(report))))
    assert again == report
    assert again.window is Window("power_hour")


def test_a_week_survives_its_document() -> None:
    """The weekly summary too."""
    assert week() == from_document(WeekReport, json.loads(json.dumps(to_document(week()))))


def test_documents_of_other_versions_stay_readable() -> None:
    """Unknown keys are passed over, missing ones take their defaults."""
    document = to_document(_report())
    document["invented_later"] = {"x": 1}
    del document["gaps"]

    assert from_document(RunReport, document) == _report()


def test_a_document_refuses_what_json_cannot_hold() -> None:
    """A value that no report holds is refused instead of written as its repr."""
    with pytest.raises(TypeError, match="may not hold a set"):
        to_document({1, 2})
