"""Fixtures of dates: the clocks under which the date-sensitive tests run, and one last line for each.

By default a few of them (`.ci/run`); `--clock all` takes every one, `--clock leap-day` one by its name,
`--clock 2028-02-29T17:00-05:00` any instant.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

import pytest

from collector.clock import SystemClock

_DAY = "clock of the test"


@dataclass(frozen=True, slots=True)
class Day:
    """An instant at which the collector may be started.

    at: ISO with its offset from UTC. completed: the last session that is over by then, from the exchange's
    published days; None where the test has to ask the calendar. always: also without --clock.
    """

    name: str
    at: str
    completed: date | None = None
    always: bool = False

    def clock(self) -> SystemClock:
        """Return a clock that starts at the instant and runs at the real pace."""
        return SystemClock(datetime.fromisoformat(self.at))


DAYS = (
    Day("expiry-friday", "2026-11-20T17:00-05:00", date(2026, 11, 20), always=True),
    Day("saturday-noon", "2026-11-21T12:00+02:00", date(2026, 11, 20)),
    Day("sunday-evening", "2026-11-22T18:30-05:00", date(2026, 11, 20)),
    Day("mid-session", "2026-11-24T11:02-05:00", date(2026, 11, 23)),
    Day("thanksgiving", "2026-11-26T17:00-05:00", date(2026, 11, 25)),
    Day("half-day-evening", "2026-11-27T17:00-05:00", date(2026, 11, 27), always=True),
    Day("new-years-eve", "2026-12-31T20:00-05:00", date(2026, 12, 31)),  # New Year's morning in Israel
    Day("us-spring-week", "2027-03-15T17:00-04:00", date(2027, 3, 15)),  # six hours to Israel, until the 26th
    Day(
        "israels-spring-night", "2027-03-26T03:30+03:00", date(2027, 3, 25), always=True
    ),  # half an hour after 02:00 became 03:00
    Day("before-a-holiday", "2027-07-02T17:00-04:00", date(2027, 7, 2)),  # the Fourth is a Sunday, kept on Monday
    Day("israels-autumn-night", "2026-10-25T01:30+02:00", date(2026, 10, 23)),  # the second time that it is 01:30
    Day("us-autumn-night", "2026-11-01T01:30-05:00", date(2026, 10, 30)),  # the second time that it is 01:30
    Day("leap-day", "2028-02-29T17:00-05:00", date(2028, 2, 29)),
    Day(
        "year-end-half-day", "2026-12-24T13:20-05:00", date(2026, 12, 24)
    ),  # five minutes after SPY's close, unsettled yet
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --clock."""
    parser.addoption(
        "--clock",
        action="append",
        default=[],
        help="a day by name, an instant with its offset, or all: when the tests marked any_day run; may be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "any_day: holds whatever day it is; runs under several clocks")


def _chosen(words: list[str]) -> list[Day]:
    by_name = {day.name: day for day in DAYS}
    if not words:
        return [day for day in DAYS if day.always]
    if "all" in words:
        return list(DAYS)
    return [by_name.get(word) or Day(word, word) for word in words]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `today` once for each chosen day."""
    if "today" in metafunc.fixturenames:
        days = _chosen(metafunc.config.getoption("--clock"))
        metafunc.parametrize("today", days, ids=[day.name for day in days], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for `today`."""
    for item in items:
        if "today" in getattr(item, "fixturenames", ()):
            item.add_marker("any_day")


@pytest.fixture
def today(request: pytest.FixtureRequest) -> Day:
    """Each of the chosen days in turn."""
    day: Day = request.param
    request.node.user_properties.append((_DAY, f"{day.name:<22} {day.at}"))
    return day


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line for each clock: the instant, and how the tests under it ended."""
    ended: dict[str, Counter[str]] = {}
    seconds: Counter[str] = Counter()
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, day in getattr(report, "user_properties", ()):
                if name == _DAY:
                    ended.setdefault(day, Counter())[outcome] += 1
                    seconds[day] += report.duration
    if ended:
        terminalreporter.section("clocks")
    for day in sorted(ended, key=lambda day: day.split()[1]):
        counts = ", ".join(f"{count} {outcome}" for outcome, count in ended[day].items())
        terminalreporter.write_line(f"{day}  {counts} in {seconds[day]:.0f} s")
