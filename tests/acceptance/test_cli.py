"""The command from a person's side: run it, run it again, look at what it has, make it forget, interrupt it."""

import asyncio
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from collector.cli.exits import Exit, worst
from collector.clock import SystemClock
from collector.db.server import embedded
from collector.simulator.server import Gateway
from tests.support.command_line import Done, Home, gateway_beside, home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.truth import compare
from tests.support.window_runs import FRIDAY

EOD = ("run", "--window", "eod")
Capsys = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Collected:
    """A home in which the first run of all has ended, the gateway beside it, and that run."""

    home: Home
    gateway: Gateway
    first: Done

    @property
    def asked(self) -> int:
        """How many historical requests the gateway has had so far."""
        return len(self.gateway.log.historical)


@pytest.fixture(scope="module")
def collected() -> Iterator[Collected]:
    """Collect Friday's end-of-day window on a fresh account, by the command as a process of its own."""
    clock = SystemClock(AFTER_THE_CLOSE)
    with gateway_beside(clock) as gateway, home(clock, gateway.port) as account:
        yield Collected(account, gateway, account.run(*EOD, "--json"))


def test_the_first_run_on_a_fresh_account(collected: Collected) -> None:
    """It makes its database, collects everything, prints a report that parses, and logs as a service does."""
    assert (collected.first.code, collected.first.document["status"]) == (0, "success"), collected.first.err
    (symbol,) = collected.first.document["symbols"]
    assert (symbol["symbol"], symbol["contracts"], symbol["settled"]) == ("PLTR", 10, 10 * 3 * 78)
    assert {"contracts_selected", "run_closed"} <= {event["event"] for event in collected.first.events}
    assert all({"timestamp", "level"} <= set(event) for event in collected.first.events)
    assert all(event["timestamp"].startswith("2026-11-20T22:0") for event in collected.first.events)
    assert collected.gateway.log.violations == []
    url = embedded.ensure_running(collected.home.data_dir)
    compared = asyncio.run(compare(url, collected.gateway.market, [FRIDAY], ["PLTR"]))
    assert compared["contracts"] == 10


def test_running_again_asks_for_nothing(collected: Collected) -> None:
    """A second process finds the database of the first and makes no historical request."""
    before = collected.asked
    done = collected.home.run(*EOD)
    assert done.code == 0, done.err
    assert "100.0 %" in done.out
    assert collected.asked == before


def test_forced_it_asks_again_and_changes_nothing(collected: Collected, capsys: Capsys) -> None:
    """--force asks for every series again, finds every bar identical, those of controls once more (an hour each)."""
    before = collected.asked
    report = collected.home.call(capsys, *EOD, "--force", "--json").document
    assert collected.asked == before + 32 + report["controls"]
    (symbol,) = report["symbols"]
    assert (symbol["bars_collected"], symbol["bars_updated"]) == (0, 0)
    collected_first = collected.first.document["symbols"][0]["bars_collected"]
    assert 0 < collected_first <= symbol["bars_identical"] <= collected_first + 12 * report["controls"]
    assert report["attempt"] > collected.first.document["attempt"]


def test_on_a_terminal_there_is_a_progress_bar(collected: Collected) -> None:
    """People get a bar with bars and pace, then the report in colours; the JSON lines are in the log file only."""
    done = collected.home.on_terminal(*EOD, "--force")
    assert done.code == 0, done.out
    assert "\x1b[" in done.out
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.out)
    assert "finding contracts" in shown
    assert re.search(r"eod 2026-11-20 ━+", shown)
    assert re.search(r"\b(\d+)/\1\b", shown)
    assert re.search(r"[\d,]+ bars · \d+ requests/s, \d+ of \d+ open", shown)
    assert "OK · eod · Fri 20 Nov 2026" in shown
    assert '{"' not in shown
    (logged,) = collected.home.folder.glob("state/**/collector.jsonl")
    assert "run_closed" in logged.read_text()


def test_status_says_what_is_there(collected: Collected, capsys: Capsys) -> None:
    """`status` shows the attempts and what each symbol has, as a table and as JSON."""
    done = collected.home.call(capsys, "status", "--json")
    assert done.code == 0
    (symbol,) = done.document["symbols"]
    assert (symbol["symbol"], symbol["completeness"], symbol["unknown"]) == ("PLTR", 1.0, 0)
    assert done.document["runs"][-1]["status"] == "success"
    assert done.document["runs"][-1]["progress"]["breaker"] == "closed"
    assert done.document["at_work"] is None
    table = collected.home.call(capsys, "status", "--date", "2026-11-20")
    assert "PLTR" in table.out
    assert "100.0 %" in table.out


def test_chains_lists_what_ib_has(collected: Collected, capsys: Capsys) -> None:
    """`chains list` names every contract of the market inside the horizon, no more and no fewer."""
    listed = collected.home.call(capsys, "chains", "list", "--json").document
    market = collected.gateway.market
    names = {f"PLTR  261120{one.right}{int(one.strike * 1000):08d}" for one in market.options("PLTR", FRIDAY)}
    assert {row["contract"] for row in listed} == names
    assert len({row["id"] for row in listed}) == len(names)
    assert {row["expiration"] for row in listed} == {"2026-11-20"}


def test_the_schedule_knows_what_expires(collected: Collected, capsys: Capsys) -> None:
    """PLTR's options expire on Fridays: an expiry check on these only, and on what lies more than a week ahead."""
    coming = collected.home.call(capsys, "schedule", "show", "--days", "11", "--json").document
    checks = [one["session"] for one in coming if one["window"] == "expiry_check"]
    assert checks == ["2026-11-20", "2026-11-27", "2026-11-30"]
    down = {"COLLECTOR_DATABASE__URL": "postgresql://somebody@127.0.0.1:1/bars"}
    done = collected.home.call(capsys, "schedule", "show", "--days", "4", "--json", **down)
    assert done.code == 0
    assert [one["session"] for one in done.document if one["window"] == "expiry_check"] == ["2026-11-20", "2026-11-23"]
    assert [event["event"] for event in done.events] == ["expirations_unknown"]


def test_gaps_are_none(collected: Collected, capsys: Capsys) -> None:
    """After a complete window there is no gap, in words and as JSON."""
    assert collected.home.call(capsys, "gaps", "--json").document == []
    assert collected.home.call(capsys, "gaps").out.strip() == "no open gaps"


def test_database_status_names_what_the_server_lacks(collected: Collected, capsys: Capsys) -> None:
    """`db status` says loudly that the embedded server has no TimescaleDB, and which schema the database has."""
    status = collected.home.call(capsys, "db", "status", "--json").document
    socket = collected.home.data_dir
    assert status["url"] == f"postgresql://postgres@/collector?host={socket}&port=5432"
    assert status["schema"] == status["newest_schema"]
    assert (status["extension"], status["edition"]) == (None, "none")
    features = {feature["name"]: feature for feature in status["features"]}
    assert features["hypertables"]["on"] is False
    assert "no TimescaleDB" in features["hypertables"]["why"]


def test_forgotten_coverage_is_asked_for_again(collected: Collected, capsys: Capsys) -> None:
    """A dry run of what was forgotten shows every request and makes none; the next run makes those, and controls."""
    said = collected.home.call(capsys, "coverage", "forget", "--session", "2026-11-20")
    assert said.code == 0
    assert "32 series" in said.out
    before, messages = collected.asked, len(collected.gateway.log.entries)
    plan = collected.home.call(capsys, *EOD, "--dry-run", "--json")
    assert plan.code == 0
    assert plan.document["groups"][1]["expiration"] == "2026-11-20"
    assert (plan.document["contracts"], plan.document["requests"]) == (10, 32)
    assert "2026-11-20 expires" in collected.home.call(capsys, *EOD, "--dry-run").out
    assert len(collected.gateway.log.entries) == messages
    done = collected.home.call(capsys, *EOD, "--json")
    assert done.code == 0
    assert collected.asked == before + 32 + done.document["controls"]


def test_doctor_finds_nothing_wrong(collected: Collected, capsys: Capsys) -> None:
    """With everything there each check says ok, the permissions of every series too, and the exit code is 0."""
    done = collected.home.call(capsys, "doctor", "--permissions")
    assert done.code == 0, done.out
    for subject in ("disk", "calendar", "database", "gateway", "permissions"):
        assert f"ok  {subject}" in done.out


@pytest.mark.parametrize(
    ("variable", "value", "code", "subject", "well"),
    [
        ("COLLECTOR_GATEWAY__PORT", "1", 4, "gateway", ["disk", "calendar", "database"]),
        # Where a server of the owner's keeps its files, this machine's disk says nothing.
        ("COLLECTOR_DATABASE__URL", "postgresql://somebody@127.0.0.1:1/bars", 5, "database", ["calendar", "gateway"]),
    ],
)
def test_doctor_says_what_is_wrong(
    collected: Collected, capsys: Capsys, variable: str, value: str, code: int, subject: str, well: list[str]
) -> None:
    """What is down decides the exit code; the other checks are made all the same."""
    done = collected.home.call(capsys, "doctor", **{variable: value})
    assert done.code == code
    assert f"bad {subject}" in done.out
    assert re.findall(r"^ok  (\w+)", done.out, re.MULTILINE) == well


def test_doctor_on_a_fresh_account(collected: Collected, capsys: Capsys) -> None:
    """The first command of all finds nothing wrong with a database whose tables the first run will make."""
    with home(collected.home.clock, collected.gateway.port) as fresh:
        done = fresh.call(capsys, "doctor")
    assert done.code == 0, done.out
    assert re.search(r"^ok  database .*its tables are made by the first run", done.out, re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [
        "gaps",
        "chains list",
        "verify",
        "coverage list --session 2026-11-20",
        "coverage forget --session 2026-11-20",
        "coverage accept --session 2026-11-20",
    ],
)
def test_a_symbol_of_which_nothing_is_known(collected: Collected, capsys: Capsys, words: str) -> None:
    """A mistyped symbol is never answered with an empty list: that would read as "all is well"."""
    done = collected.home.call(capsys, *words.split(), "--symbols", "PLTR,ZZZ")
    assert (done.code, done.complaint) == (2, "nothing is known of ZZZ")
    assert done.out == ""


def test_what_is_still_to_come_is_not_verified(collected: Collected, capsys: Capsys) -> None:
    """A day after the last session is a usage error, not "nothing to verify"."""
    done = collected.home.call(capsys, "verify", "--since", "2031-01-02")
    assert done.code == 2
    assert done.complaint.startswith("2031-01-02 is after the last session that has ended")


def test_what_is_due_is_one_document(capsys: Capsys) -> None:
    """`--due --json` prints a list of runs, also of none; the gravest decides the exit code; no option is ignored."""
    clock = SystemClock(AFTER_THE_CLOSE)
    with gateway_beside(clock) as gateway, home(clock, gateway.port) as made:
        first = made.call(capsys, "run", "--due", "--json")
        assert (first.code, [run["window"] for run in first.document]) == (0, ["eod"])
        again = made.call(capsys, "run", "--due", "--json")
        assert (again.code, again.document) == (0, [])
        for option in (["--window", "eod"], ["--date", "2026-11-20"], ["--symbols", "PLTR"], ["--span", "1 D"]):
            refused = made.call(capsys, "run", "--due", *option)
            assert refused.code == 2
            assert "--due runs what the schedule says" in refused.err
        assert made.call(capsys, "run", "--due", "--force").code == 2
    assert worst([Exit.PARTIAL, Exit.FAILED, Exit.SUCCESS]) is Exit.FAILED
    assert worst([Exit.PARTIAL, Exit.GATEWAY]) is Exit.GATEWAY
    assert worst([]) is Exit.SUCCESS


def test_interrupted_it_says_so(collected: Collected, capsys: Capsys) -> None:
    """Ctrl-C in the middle of a run ends with 130, in the run's row too; the run after it finds the lock free."""
    with gateway_beside(collected.home.clock or SystemClock(), ["dropped-answers"]) as silent:
        account = Home(collected.home.folder, collected.home.clock, silent.port)
        command = account.start(*EOD, "--force")
        limit = time.monotonic() + 60
        while not silent.log.historical and time.monotonic() < limit:
            time.sleep(0.1)  # another process is at work
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=60)
    assert command.returncode == 130, err
    assert "interrupted" in Done(command.returncode, out, err).complaint
    last = max(collected.home.call(capsys, "status", "--json").document["runs"], key=lambda run: run["id"])
    assert last["status"] == "interrupted"
    assert collected.home.call(capsys, *EOD).code == 0


def test_the_simulated_gateway_serves_until_ctrl_c(collected: Collected, capsys: Capsys) -> None:
    """`simulate` says where it listens, answers the doctor there, and ends cleanly."""
    serving = collected.home.start("simulate", "--port", "0", "--seed", "7")
    assert serving.stdout is not None
    said = serving.stdout.readline()
    found = re.fullmatch(r"simulated IB Gateway on 127\.0\.0\.1:(\d+), seed 7, 2026-11-20 22:\d\d:\d\d UTC; .*\n", said)
    assert found is not None, said
    checked = collected.home.call(capsys, "doctor", COLLECTOR_GATEWAY__PORT=found[1])
    assert "IB gateway at 127.0.0.1" in checked.out
    serving.send_signal(signal.SIGINT)
    _, err = serving.communicate(timeout=30)
    assert (serving.returncode, err) == (0, "")
