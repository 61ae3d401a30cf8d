"""The memory of alerts: a broken night is one mail and one recovery, whatever else happens in it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from collector.config.notify_settings import AlertSettings, When
from collector.domain.conditions import Condition, ConditionKind
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
from collector.notify.alerts.alert_memory import AlertFile, AlertMemory, Judgement, announced, judge, judge_at_work
from collector.notify.alerts.alert_rules import Rule, condition_alert

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


OPEN = (
    '{"conditions": [{"rule": "gateway_unreachable", "key": "gateway_unreachable", "text": "away", '
    '"since": "2026-11-20T10:00:00+00:00", "told": "2026-11-20T10:05:00+00:00", "seen": 1}]}'
)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"conditions": [{"rule": "no such rule"}]}',
        '{"degraded": {}}x',
        "[" * 100_000,
        '{"degraded": {}}',
        '{"degraded": "2"}',
        '{"digest": [1]}',
        OPEN.replace("10:05:00+00:00", "10:05:00"),
        OPEN.replace('"seen": 1', '"seen": "1"'),
        OPEN.replace('"key": "gateway_unreachable"', '"key": null'),
    ],
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


SINCE = NOON + timedelta(minutes=1)
AWAY = Condition(kind=ConditionKind.GATEWAY_AWAY, reason="refused", since=SINCE, there_s=120.0)
TOLD_AT = NOON + timedelta(minutes=3)


def _told_at_work(
    condition: Condition = AWAY,
    memory: AlertMemory | None = None,
    settings: AlertSettings = SETTINGS,
    at: datetime = TOLD_AT,
) -> Judgement:
    """Judge a condition while a run is at work, as the file goes: written before it is told, and after."""
    alert = condition_alert(condition, date(2026, 11, 20))
    before = announced(alert, condition.since, memory or AlertMemory(), settings)
    return judge_at_work(alert, before, settings, at)


def test_a_condition_is_told_while_the_run_is_at_work_and_once() -> None:
    """A second attempt at the same window says nothing of what the first has told; the first beginning stays."""
    first = _told_at_work()
    second = _told_at_work(replace(AWAY, since=NOON + timedelta(hours=1)), first.memory, at=NOON + timedelta(hours=1.1))

    assert [alert.rule for alert in first.tell] == [Rule.GATEWAY_UNREACHABLE]
    assert second.tell == ()
    (condition,) = second.memory.conditions
    assert (condition.since, condition.told, condition.seen) == (SINCE, TOLD_AT, 2)


def test_who_died_while_telling_is_told_for_by_the_next() -> None:
    """Announced and not known to be told: the next process tells, and the beginning names the same mail."""
    alert = condition_alert(AWAY, date(2026, 11, 20))
    dead = announced(alert, SINCE, AlertMemory(), SETTINGS)
    later = _told_at_work(replace(AWAY, since=NOON + timedelta(hours=1)), dead, at=NOON + timedelta(hours=1.1))

    assert [one.told for one in dead.conditions] == [None]
    assert len(later.tell) == 1
    assert [one.since for one in later.memory.conditions] == [SINCE]


def test_the_next_run_tells_what_a_dead_process_announced() -> None:
    """A run that then fails of it tells it as news; one that finds all well ends it, for the mail may have gone out."""
    dead = announced(condition_alert(AWAY, date(2026, 11, 20)), SINCE, AlertMemory(), SETTINGS)
    failed, _ = _live([_run(Window.EOD, 1, GATEWAY)], dead)
    well, memory = _live([_run(Window.EOD, 1)], dead)

    assert Rule.GATEWAY_UNREACHABLE in {alert.rule for alert in failed[0].tell}
    assert [one.rule for one in well[0].recovered] == [Rule.GATEWAY_UNREACHABLE]
    assert memory.conditions == ()


@pytest.mark.parametrize("status", [RunStatus.PARTIAL, RunStatus.FAILED])
def test_a_night_that_was_told_at_its_beginning_has_one_end(status: RunStatus) -> None:
    """The run it fell on, however that ends, and the next ones say nothing more; the recovery lists all of them."""
    broken = replace(_run(Window.EOD, 0, replace(GATEWAY, stage=Stage.FETCH), status), conditions=(AWAY,))
    runs = [broken, _run(Window.EOD, 1, GATEWAY), _run(Window.LATE_NIGHT, 2, GATEWAY), _run(Window.MORNING, 9)]
    judgements, memory = _live(runs, _told_at_work().memory)

    assert [j.send for j in judgements] == [False, False, False, True]
    (over,) = judgements[3].recovered
    assert (over.rule, over.since) == (Rule.GATEWAY_UNREACHABLE, SINCE)
    assert [run.window for run in over.missed] == [Window.EOD, Window.EOD, Window.LATE_NIGHT]
    assert memory.conditions == ()


def test_a_run_that_outlived_the_outage_tells_its_own_end() -> None:
    """The gateway came back before the run ended: how the run ended is news again, and a success ends the outage."""
    back = replace(AWAY, until=NOON + timedelta(minutes=20))
    failure = replace(GATEWAY, stage=Stage.FETCH, cause=Cause.INCOMPLETE)
    partial = replace(_run(Window.EOD, 1, failure, RunStatus.PARTIAL), conditions=(back,))
    well = replace(_run(Window.EOD, 1), conditions=(back,))
    told = _told_at_work().memory

    assert Rule.COLLECTION_PARTIAL in {alert.rule for alert in _live([partial], told)[0][0].tell}
    assert _live([well], told)[0][0].is_recovery


def test_a_run_that_leaves_the_gateway_away_ends_nothing() -> None:
    """All bars had come before: a success, but the gateway is away still, and that stays open."""
    (judged,), memory = _live([replace(_run(Window.EOD, 1), conditions=(AWAY,))], _told_at_work().memory)

    assert judged.recovered == ()
    assert Rule.GATEWAY_UNREACHABLE not in {alert.rule for alert in judged.tell}
    assert [one.rule for one in memory.conditions] == [Rule.GATEWAY_UNREACHABLE]


@pytest.mark.parametrize("when", [When.AFTER_COMPLETION, When.DIGEST, When.OFF])
def test_only_an_immediate_rule_is_told_at_work(when: When) -> None:
    """Any other leaves it to the end of the run, and nothing is remembered."""
    judged = _told_at_work(settings=AlertSettings.model_validate({"gateway_unreachable": when}))

    assert (judged.send, judged.tell, judged.memory) == (False, (), AlertMemory())


def test_pauses_are_told_once_a_session() -> None:
    """IB's complaints are an event: told at work, neither again by the run's end nor by another run of the session."""
    pacing = replace(AWAY, kind=ConditionKind.PACING_PAUSE, reason="3 pauses so far")
    judged = _told_at_work(pacing)
    run = replace(_run(Window.EOD, 1), rate_limit_hits=3, conditions=(pacing,))

    assert [alert.rule for alert in judged.tell] == [Rule.RATE_LIMIT_EXCEEDED]
    assert Rule.RATE_LIMIT_EXCEEDED not in {alert.rule for alert in _live([run], judged.memory)[0][0].tell}
    assert _told_at_work(pacing, judged.memory).tell == ()


def test_a_disk_that_fills_up_while_the_gateway_is_away_is_news() -> None:
    """Two rules, two alerts, each told once."""
    away = _told_at_work()
    disk = replace(AWAY, kind=ConditionKind.DISK_LOW, reason="7.4 GB free, 94% used")
    full = _told_at_work(disk, away.memory)

    assert [alert.rule for alert in full.tell] == [Rule.DISK_LOW]
    again = _run(Window.EOD, 1, GATEWAY, environment=Environment(disk_used=0.94))
    assert _live([again], full.memory)[0][0].send is False
