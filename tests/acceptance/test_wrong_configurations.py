"""Wrong and dangerous configurations: one line each says what is wrong, and what to do, before anything begins."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from collector.clock import SystemClock
from tests.support.command_line import Home, home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

Capsys = pytest.CaptureFixture[str]


class Account(Home):
    """An account whose gateway is what its file says."""

    def environment(self) -> dict[str, str]:
        """Return the environment without the gateway's port."""
        return {name: value for name, value in super().environment().items() if name != "COLLECTOR_GATEWAY__PORT"}


class Wrong(NamedTuple):
    """A configuration. says: a pattern of the whole line; does: what is said to do, there or in the hint."""

    text: str
    says: str
    does: str


WRITTEN = {
    # Typing errors and wrong kinds.
    "section misspelt": Wrong(
        "gatway: {port: 4001}", r"config.yaml:1: unknown key gatway; .*", "did you mean `gateway`?"
    ),
    "key misspelt": Wrong(
        "gateway:\n  prot: 1", r"config.yaml:2: unknown key gateway.prot; .*", "did you mean `port`?"
    ),
    "window misspelt": Wrong(
        "windows: {eodd: {enabled: off}}", r".*unknown key windows.eodd; .*", "did you mean `eod`?"
    ),
    "word for a number": Wrong(
        "gateway: {port: four}", r"config.yaml:1: gateway.port .*, not 'four'", "a whole number"
    ),
    "list for a section": Wrong("gateway: [a, b]", r"config.yaml:1: gateway should hold .*", "`key: value` pairs"),
    "number for a section": Wrong("quality: 5", r"config.yaml:1: quality should hold .*, not 5", "`key: value` pairs"),
    "perhaps": Wrong("backup: {enabled: perhaps}", r"config.yaml:1: backup.enabled .*, not 'perhaps'", "true or false"),
    "no mapping": Wrong("- SPY", r"config.yaml:1: the file should hold .*", "`key: value` pairs"),
    "tab": Wrong("gateway:\n\tport: 1", r"config.yaml:2: broken YAML: .*", "spaces, no tabs"),
    "written twice": Wrong("log: {}\nlog: {}", r"config.yaml:2: log is written twice .*", "first on line 1"),
    "line end in a key": Wrong('"a\\nb": 1', r"config.yaml:1: unknown key a\\nb; .*", "known here: symbols"),
    # Numbers.
    "negative": Wrong(
        "backup: {keep_days: -5}", r"config.yaml:1: backup.keep_days .*, not -5", "greater than or equal to 1"
    ),
    "not a number": Wrong("greeks: {stale_usd: nan}", r"config.yaml:1: greeks.stale_usd .*", "should be a number"),
    "infinite": Wrong("greeks: {widest_usd: inf}", r"config.yaml:1: greeks.widest_usd .*", "should be a number"),
    "beyond all dates": Wrong(
        "log: {keep_days: 10000000000}", r"config.yaml:1: log.keep_days .*", "less than or equal"
    ),
    "retention too short": Wrong("retention: {bars_days: 1}", r"config.yaml:1: retention.bars_days .*", "equal to 60"),
    "beyond IB's ceiling": Wrong(
        "pacing: {messages_per_s: 51}", r".*pacing.messages_per_s .*", "less than or equal to 50"
    ),
    "percent for a fraction": Wrong("notify: {alerts: {disk_used: 90}}", r".*disk_used .*", "less than or equal to 1"),
    # Times and windows.
    "no time": Wrong("windows: {eod: {time: 1645}}", r"config.yaml:1: windows.eod.time .*", "a time such as 16:45"),
    "no zone": Wrong("gateway: {restart_zone: Asia/Telaviv}", r".* 'Asia/Telaviv' is no time zone.*", "Asia/Jerusalem"),
    "zone outside": Wrong("gateway: {restart_zone: ../../etc/passwd}", r".* is no time zone.*", "America/New_York"),
    "close off the grid": Wrong(
        "symbols: [{symbol: SPY, close: '16:02'}]", r".*16:02:00 ends no .* bar.*", "16:00 or 16:15"
    ),
    "close at the open": Wrong(
        "symbols: [{symbol: SPY, close: '09:30'}]", r".*09:30 leaves early-close days.*", "16:15"
    ),
    "longer than a day": Wrong(
        "windows: {midday: {span: 9999h}}", r".*windows.midday.span should be .*", "24h at most"
    ),
    "no such day": Wrong("windows: {eod: {weekdays: [friday]}}", r".*weekdays\[0\] .*, not 'friday'", "'mon', 'tue'"),
    "no such window": Wrong("dead_man: {windows: [nightly]}", r".*dead_man.windows names 'nightly'.*", "late_night"),
    # Symbols.
    "symbol twice": Wrong("symbols: [SPY, spy]", r".*symbols: SPY is named twice", "twice"),
    "no symbol at all": Wrong("symbols: []", r".*symbols: at least one is needed", "at least one"),
    "statement for a symbol": Wrong("symbols: ['SPY;DROP']", r".*symbols\[0\].symbol .*", "does not belong there"),
    "unseen mark in a symbol": Wrong('symbols: ["SPY\\u202e"]', r".*symbols\[0\].symbol .*", "cannot be seen"),
    "window of an unknown symbol": Wrong(
        "symbols: [SPY]\nwindows:\n  eod:\n    symbols: [SYP]",
        r"config.yaml:4: windows.eod.symbols names SYP, .*",
        "not among the symbols",
    ),
    # Machines, ports and places.
    "address for a host": Wrong("gateway: {host: 'http://127.0.0.1'}", r".*gateway.host .*", "does not belong there"),
    "open to the network": Wrong(
        "serve: {host: 0.0.0.0}", r"config.yaml:1: serve.host may be .* only with .*", "and web.password"
    ),
    "no address": Wrong("serve: {host: example.com}", r".*serve.host .*, not 'example.com'", "such as 127.0.0.1"),
    "two on a port": Wrong("gateway: {port: 8321}", r".*serve.port is the gateway's own port .*", "choose another"),
    "another database": Wrong(
        "database: {url: 'mysql://db/bars'}", r".*database.url should be .*", "postgresql:// URL"
    ),
    "logs in the database": Wrong(
        "database: {data_dir: /srv/pg}\nlog: {directory: /srv/pg/log}",
        r"config.yaml:2: log.directory .*",
        "a folder outside",
    ),
    "backups in the database": Wrong(
        "database: {data_dir: /srv/pg}\nbackup: {directory: /srv/pg}", r"config.yaml:2: backup.directory .*", "outside"
    ),
    "no folder": Wrong("log: {directory: ''}", r"config.yaml:1: log.directory should be a path.*", "or null"),
    "folder with an end": Wrong('backup: {directory: "a\\0b"}', r".*backup.directory holds .*", "control characters"),
    "header in a subject": Wrong('notify: {subject_prefix: "x\\nBcc: y@z"}', r".*subject_prefix .*", "holds line ends"),
    # Mails and other channels.
    "mail without encryption": Wrong(
        "notify: {smtp: {host: mx.example, recipients: [a@b.example], sender: c@d.example, security: none}}",
        r".*notify.smtp.security may be none only for .*",
        "a mail server on this machine",
    ),
    "alarm for nobody": Wrong(
        "notify: {alerts: {disk_low: {when: immediate, channels: [pager]}}}",
        r".*has no channel pager.*",
        "there are: mail",
    ),
    # What would use up memory.
    "aliases of aliases": Wrong(
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        r"config.yaml:5: the file is nested too deeply, or holds too much.*",
        "for a configuration",
    ),
    "alias of itself": Wrong("a: &a {b: *a}", r"config.yaml:1: \*a stands inside what it is an alias of", "inside"),
    "three thousand lists": Wrong(
        "a: " + "[" * 3000 + "]" * 3000, r"config.yaml:1: .* nested too deeply.*", "too deeply"
    ),
    "two megabytes": Wrong("# " + "x" * 2_000_000, r"config.yaml is larger than 1 MB, .*", "no configuration"),
    # Secrets, never repeated.
    "secret in a broken address": Wrong(
        "database: {url: 'postgresql://me:s3cret@[db/bars'}",
        r"config.yaml:1: database.url cannot be read .*",
        "percent-encode",
    ),
    "secret in a broken ping": Wrong(
        "dead_man: {url: 'https://me:s3cret/x@ping.example'}",
        r"config.yaml:1: dead_man.url should .*",
        "https:// address",
    ),
    "secret in a wrong place": Wrong(
        "notify: {webhooks: [{kind: s3cret}]}", r"config.yaml:1: notify.webhooks\[0\].kind should be .*", "'slack'"
    ),
}

VARIABLES = {
    "no number": (
        "COLLECTOR_GATEWAY__PORT",
        "s3cret",
        r"environment variable COLLECTOR_GATEWAY__PORT: .* whole number",
    ),
    "no section": ("COLLECTOR_GATWAY__PORT", "1", r".*unknown section `gatway`; did you mean `gateway`\?"),
    "a letter less": (
        "COLLECTOR_SYMBOL",
        "SPY",
        r".*COLLECTOR_SYMBOL: unknown section `symbol`; did you mean `symbols`\?",
    ),
    "no JSON": ("COLLECTOR_GATEWAY", "{s3cret", r"environment variable COLLECTOR_GATEWAY: the value is no valid JSON"),
    "deep JSON": ("COLLECTOR_GATEWAY", "[" * 50_000, r"an environment variable .* nested too deeply"),
    "secret in an address": (
        "COLLECTOR_DATABASE__URL",
        "postgresql://me:s3cret@[db/bars",
        r"environment variable COLLECTOR_DATABASE__URL: database.url cannot be read as a PostgreSQL URL: .*",
    ),
    "the year 9999": (
        "COLLECTOR_CLOCK",
        "9999-12-31T00:00:00+00:00",
        r"COLLECTOR_CLOCK is .* in the years 2000 to 2099",
    ),
    "no such file": ("COLLECTOR_CONFIG", "gone.yaml", r"The configuration gone.yaml does not exist."),
    "no such secrets": ("COLLECTOR_SECRETS_FILE", "gone.yaml", r"gone.yaml cannot be read: No such file or directory"),
    "no such folder": ("COLLECTOR_SECRETS_DIR", "gone", r"The secrets in gone cannot be read: .*"),
}


@pytest.mark.parametrize("wrong", WRITTEN.values(), ids=WRITTEN)
def test_a_wrong_file(tmp_path: Path, capsys: Capsys, wrong: Wrong) -> None:
    """One line with file, line and key, what to do, and exit code 2; nothing is begun, no secret repeated."""
    (tmp_path / "config.yaml").write_text(wrong.text)
    done = Account(tmp_path).call(capsys, "run", "--window", "eod")
    assert re.fullmatch(wrong.says, done.complaint), done.complaint
    assert wrong.does in done.err
    assert (done.code, done.out) == (2, "")
    assert "s3cret" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(("name", "value", "says"), VARIABLES.values(), ids=VARIABLES)
def test_a_wrong_variable(tmp_path: Path, capsys: Capsys, name: str, value: str, says: str) -> None:
    """The variable is named, its value is not repeated; exit code 2."""
    (tmp_path / "config.yaml").write_text("")
    done = Account(tmp_path).call(capsys, "run", "--window", "eod", **{name: value})
    assert re.fullmatch(says, done.complaint), done.complaint
    assert (done.code, done.out) == (2, "")
    assert "s3cret" not in done.err


@pytest.mark.parametrize(
    ("place", "mode", "says"),
    [
        ("config.yaml", 0o666, "config.yaml can be changed by every user of this machine."),
        ("secrets.yaml", 0o640, "{path} can be read by other users."),
        ("kept/dead_man__url", 0o604, "{path} can be read by other users."),
        ("kept", 0o777, "{path} can be changed by other users."),
        ("password", 0o660, "{path} can be read by other users."),
        ("passes", 0o644, "{path} can be read by other users."),
    ],
)
def test_a_file_in_the_reach_of_others(tmp_path: Path, capsys: Capsys, place: str, mode: int, says: str) -> None:
    """What others can read or change is refused with the command that mends it, and exit code 2."""
    (tmp_path / "config.yaml").write_text("database: {url: 'postgresql://me@127.0.0.1:1/bars'}\n")
    (tmp_path / "kept").mkdir(mode=0o700)
    for name in ("secrets.yaml", "kept/dead_man__url", "password", "passes"):
        (tmp_path / name).touch(mode=0o600)
    (tmp_path / "kept/dead_man__url").write_text("https://ping.example/s3cret")
    (tmp_path / place).chmod(mode)
    variables = {
        "COLLECTOR_SECRETS_FILE": str(tmp_path / "secrets.yaml"),
        "COLLECTOR_SECRETS_DIR": str(tmp_path / "kept"),
        "PGPASSFILE": str(tmp_path / "passes"),
    }
    if place == "password":
        variables["COLLECTOR_DATABASE__PASSWORD_FILE"] = str(tmp_path / "password")
    done = Account(tmp_path).call(capsys, "status", **variables)
    assert (done.code, done.complaint) == (2, says.format(path=tmp_path / place))
    assert "  chmod " in done.err
    assert "s3cret" not in done.err


@pytest.fixture(scope="module")
def careless() -> Iterator[Home]:
    """An account that keeps secrets in its configuration, where others can read them."""
    with home(SystemClock(AFTER_THE_CLOSE)) as made:
        secrets = "dead_man: {url: 'http://127.0.0.1:1/s3cret'}\nnotify: {smtp: {password: s3cret}}\n"
        made.config.write_text(made.config.read_text() + secrets)
        yield made


def test_doctor_refuses_secrets_in_the_configuration(careless: Home, capsys: Capsys) -> None:
    """Each is a line of its own with file, line, key and where it belongs; the exit code is 2, the secret not shown."""
    done = careless.call(capsys, "doctor")
    assert done.code == 2
    assert re.search(r"bad secrets +config.yaml:\d+: dead_man.url holds a secret; config.yaml can be read by", done.out)
    assert re.search(r"bad secrets +config.yaml:\d+: notify.smtp.password holds a secret", done.out)
    assert "Move it to secrets.yaml (chmod 600)" in done.out
    assert "s3cret" not in done.out + done.err


def test_a_run_warns_of_secrets_in_the_configuration(careless: Home, capsys: Capsys) -> None:
    """It goes on, for bars count more, and says so each time; a command that only reads does not."""
    done = careless.call(capsys, "run", "--window", "eod")
    assert done.code == 4  # no gateway here
    events = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    found = [event for event in events if event["event"] == "secret_in_configuration"]
    assert [event["level"] for event in found] == ["warning", "warning"]
    assert {event["found"].split()[1] for event in found} == {"dead_man.url", "notify.smtp.password"}
    assert "s3cret" not in done.out + done.err
    assert "secret_in_configuration" not in careless.call(capsys, "status").err


def test_a_place_where_nothing_can_be_written(tmp_path: Path, capsys: Capsys) -> None:
    """A database below a file cannot be made: one line, exit code 5."""
    (tmp_path / "config.yaml").write_text("database: {data_dir: occupied/pg}\n")
    (tmp_path / "occupied").write_text("a file")
    done = Account(tmp_path).call(capsys, "status")
    assert (done.code, done.complaint.partition(" in ")[0]) == (5, "cannot start PostgreSQL")
    assert "choose another folder" in done.err
