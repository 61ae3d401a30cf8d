"""The memory of alerts: a broken night is one mail and one recovery, whatever else happens in it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from collector.config.notify_settings import AlertSettings, When
from collector.domain.reports.run_report import (
    BackupReport,
    Cause,
    CopyReport,
    Environment,
    FailureReport,
    RunReport,
    SymbolReport,
)
from collector.domain.run_vocabulary import RunStatus, Stage, Window
from collector.notify.alerts.alert_memory import AlertFile, AlertMemory, Judgement, judge
from collector.notify.alerts.alert_rules import Rule

SETTINGS = AlertSettings()
NOON = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
GATEWAY = FailureReport(stage=Stage.PREFLIGHT, cause=Cause.GATEWAY_DOWN, message="refused")
DATABASE = FailureReport(stage=Stage.PREFLIGHT, cause=Cause.DATABASE_DOWN, message="refused")


def _run(
    window: Window,
    hours: float,
    failure: FailureReport | None = None,
    status: RunStatus | None = None,
    environment: Environment | None = None,
) -> RunReport:
    at = NOON + timedelta(hours=hours)
    return RunReport(
        run_id=int(hours * 60),
        window=window,
        session=date(2026, 11, 20),
        status=status or (RunStatus.FAILED if failure else RunStatus.SUCCESS),
        started=at,
        completed=at + timedelta(minutes=5),
        symbols=() if failure else (SymbolReport(symbol="SPY", contracts=1, contracts_done=1, expected=3, settled=3),),
        failure=failure,
        environment=environment or Environment(),
    )


def _live(
    runs: Sequence[RunReport], memory: AlertMemory | None = None, settings: AlertSettings = SETTINGS
) -> tuple[list[Judgement], AlertMemory]:
    """Judge runs one after the other, as the nights of a collector go."""
    memory = memory or AlertMemory()
    judgements = []
    for run in runs:
        assert run.completed is not None
        judgements.append(judge(run, memory, settings, run.completed))
        memory = judgements[-1].memory
    return judgements, memory


BROKEN_NIGHT = (
    _run(Window.MORNING, 0, GATEWAY),
    _run(Window.MIDDAY, 2.5, GATEWAY),
    _run(Window.EXPIRY_CHECK, 5, GATEWAY),
    _run(Window.EOD, 6.75, GATEWAY, environment=Environment(chain_refreshed=(("SPY", NOON - timedelta(days=3)),))),
    _run(Window.LATE_NIGHT, 8, GATEWAY),
    _run(Window.GAP_CHECK, 15),
)


def test_a_broken_night_is_one_mail_and_one_recovery() -> None:
    """Six windows fall into the outage; the owner hears of its beginning and its end, and which windows it took."""
    judgements, memory = _live([*BROKEN_NIGHT, _run(Window.MORNING, 23), _run(Window.MIDDAY, 25.5)])

    assert [j.send for j in judgements] == [True, False, False, False, False, False, True, True]
    assert {alert.rule for alert in judgements[0].tell} == {Rule.GATEWAY_UNREACHABLE, Rule.COLLECTION_FAILED}
    recovery = judgements[6]
    assert recovery.is_recovery
    assert {c.rule for c in recovery.recovered} == {Rule.GATEWAY_UNREACHABLE, Rule.COLLECTION_FAILED}
    missed = {run.window for c in recovery.recovered for run in c.missed}
    assert missed == {Window.MORNING, Window.MIDDAY, Window.EXPIRY_CHECK, Window.EOD, Window.LATE_NIGHT}
    assert not judgements[7].is_recovery
    assert memory.conditions == ()
    assert memory.degraded == 0


def test_an_outage_that_lasts_is_told_again_once_a_day() -> None:
    """After a day of silence the owner is reminded, and then has another day."""
    judgements, _ = _live([_run(Window.EOD, 24.1 * day, GATEWAY) for day in range(3)])

    assert [j.send for j in judgements] == [True, True, True]


def test_another_cause_is_another_mail() -> None:
    """The database breaks while the gateway is down: that is news."""
    judgements, _ = _live(
        [_run(Window.MORNING, 0, GATEWAY), _run(Window.MIDDAY, 1, DATABASE), _run(Window.EOD, 2, DATABASE)]
    )

    assert [j.send for j in judgements] == [True, True, False]
    assert Rule.DATABASE_UNREACHABLE in {alert.rule for alert in judgements[1].tell}


def test_another_unforeseen_error_is_another_mail() -> None:
    """The same class of error is told once, another class again."""
    runs = [
        _run(Window.EOD, i, FailureReport(stage=Stage.STORE, cause=Cause.UNFORESEEN, message=message))
        for i, message in enumerate(("KeyError: 1", "KeyError: 2", "ValueError: 3"))
    ]

    assert [j.send for j in _live(runs)[0]] == [True, False, True]


def test_what_is_immediate_is_told_even_in_a_broken_night() -> None:
    """A full disk does not wait for the gateway to come back; other news does."""
    full = Environment(disk_used=0.97, backup_expected=True, backup_missing="there is no backup in /kept")
    runs = [
        BROKEN_NIGHT[0],
        _run(Window.MIDDAY, 2, GATEWAY, environment=full),
        _run(Window.EOD, 3, GATEWAY, environment=full),
    ]
    judgements, memory = _live(runs)

    assert [[alert.rule for alert in j.tell] for j in judgements[1:]] == [[Rule.DISK_LOW], []]
    back = _live([_run(Window.EOD, 9, environment=full)], memory)[0][0]
    assert Rule.BACKUP_MISSING in {alert.rule for alert in back.tell}


def _backup(hours: float, **problems: str) -> RunReport:
    """Return the report of a backup that was to be copied into folders, with what went wrong in each."""
    copies = tuple(CopyReport(folder=f"/mnt/{name}", problem=problem) for name, problem in problems.items())
    made = BackupReport(file="/kept/x.dump", bytes=7, seconds=1.0, kept=3, copies=copies)
    return replace(_run(Window.BACKUP, hours), backup=made)


def test_a_copy_that_fails_is_told_once_and_so_is_its_end() -> None:
    """Each folder by itself: a failure is told, not the same again, another folder's is, and so is the end of each."""
    nights = [
        _backup(0, usb="it is away", nas=""),
        _backup(1, usb="it is away", nas=""),
        _backup(2, usb="it is away", nas="it is full"),
        _backup(3, usb="", nas="it is full"),
    ]
    judgements, _ = _live(nights)

    assert [[alert.key for alert in j.tell] for j in judgements] == [
        ["backup_failed:/mnt/usb"],
        [],
        ["backup_failed:/mnt/nas"],
        [],
    ]
    assert [[condition.key for condition in j.recovered] for j in judgements] == [
        [],
        [],
        [],
        ["backup_failed:/mnt/usb"],
    ]
    assert [j.send for j in judgements] == [True, False, True, True]


def test_a_partial_run_does_not_end_an_outage_of_its_own_cause() -> None:
    """The gateway came and went: bars were stored, which is told, but nothing has recovered."""
    partial = _run(Window.MIDDAY, 2, replace(GATEWAY, stage=Stage.FETCH), RunStatus.PARTIAL)
    judgements, _ = _live([BROKEN_NIGHT[0], partial, _run(Window.EOD, 4)])

    assert judgements[1].send
    assert not judgements[1].is_recovery
    assert judgements[2].is_recovery


def test_what_was_incomplete_is_over_with_the_next_success() -> None:
    """No symbol could be had, for no reason that is known by name: told once, over when all is there again."""
    incomplete = FailureReport(stage=Stage.FETCH, cause=Cause.INCOMPLETE, message="left out: SPY (time-out)")
    judgements, memory = _live(
        [_run(Window.MIDDAY, 0, incomplete), _run(Window.EOD, 1, incomplete), _run(Window.EOD, 2)]
    )

    assert [j.send for j in judgements] == [True, False, True]
    assert judgements[2].is_recovery
    assert memory.conditions == ()


def test_three_degraded_runs_in_a_row_are_told_once() -> None:
    """Partial after partial is a state; a success ends it."""
    partials = [_run(Window.EOD, i * 20.0, status=RunStatus.PARTIAL) for i in range(4)]
    partials = [replace(run, session=run.session + timedelta(days=i)) for i, run in enumerate(partials)]
    judgements, memory = _live(partials)

    assert [Rule.DEGRADED_IN_A_ROW in {a.rule for a in j.tell} for j in judgements] == [False, False, True, False]
    assert memory.degraded == 4
    ended = _live([_run(Window.EOD, 100)], memory)[0][0]
    assert Rule.DEGRADED_IN_A_ROW in {c.rule for c in ended.recovered}


def test_digest_lines_wait_for_the_week() -> None:
    """New contracts are worth a line, not a mail; a second look on the same day adds none."""
    quiet = AlertSettings.model_validate({"collection_success": "off"})
    new = Environment(new_contracts=92)
    judgements, memory = _live(
        [_run(Window.EOD, 1, environment=new), _run(Window.LATE_NIGHT, 2, environment=new)], settings=quiet
    )

    assert [j.send for j in judgements] == [False, False]
    assert memory.digest == ("2026-11-20 16:05 UTC · 92 new contracts were found.",)


@pytest.mark.parametrize(("when", "send", "digest"), [(When.OFF, False, 0), (When.DIGEST, False, 1)])
def test_recovery_may_be_off_or_a_line(when: When, send: bool, digest: int) -> None:
    """Without recovery mails, and without success mails, the end of an outage is silent or a line."""
    settings = AlertSettings.model_validate({"recovery": when, "collection_success": "off", "collection_failed": "off"})
    judgements, memory = _live([BROKEN_NIGHT[0], _run(Window.EOD, 5)], settings=settings)

    assert judgements[1].send is send
    assert len(memory.digest) == digest
    assert memory.conditions == ()


def test_the_file_keeps_the_memory(tmp_path: Path) -> None:
    """What is written is what is read, also outages with the runs that they took."""
    file = AlertFile(tmp_path / "state" / "alerts.json")
    _, memory = _live(BROKEN_NIGHT)
    with file.locked():
        file.save(memory)

    assert memory.conditions
    assert file.load() == memory


def test_the_file_holds_any_text(tmp_path: Path) -> None:
    """A path that is not UTF-8, a control character: what an error has said is remembered as it was."""
    file = AlertFile(tmp_path / "alerts.json")
    memory = AlertMemory(digest=("/data/\udce9.csv", "\0\r\n", "é 日 😀"))
    file.save(memory)

    assert file.load() == memory


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"conditions": [{"rule": "no such rule"}]}', '{"degraded": {}}x', "[" * 100_000]
)
def test_a_damaged_file_is_set_aside_not_fatal(tmp_path: Path, content: str) -> None:
    """Rather one mail too many than none: the damaged file is kept for a look, and forgotten."""
    path = tmp_path / "alerts.json"
    path.write_text(content)

    assert AlertFile(path).load() == AlertMemory()
    assert (tmp_path / "alerts.broken").read_text() == content


def test_a_crash_while_writing_leaves_the_old_memory(tmp_path: Path) -> None:
    """A half-written new file beside the old one is never read."""
    file = AlertFile(tmp_path / "alerts.json")
    file.save(AlertMemory(degraded=2))
    (tmp_path / "alerts.new").write_text('{"degraded": 9')

    assert file.load().degraded == 2
    file.save(AlertMemory(degraded=3))
    assert json.loads((tmp_path / "alerts.json").read_text())["degraded"] == 3
