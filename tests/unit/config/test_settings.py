"""The configuration: defaults, overrides, secrets, and what it says when something is wrong."""

import itertools
import os
import re
import time as time_
from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from collector.config import Settings, SymbolSettings, WindowSettings, find, load, written
from collector.config.package_files import resource
from collector.domain.errors import ConfigurationError
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.run_vocabulary import Asks, Scope, Window


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wipe the collector's variables and stand in an empty directory with an empty home."""
    for name in list(os.environ):
        if name.startswith("COLLECTOR_") or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "config.yaml") -> Path:
    """Write a configuration file into the current directory."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(text: str) -> ConfigurationError:
    """Return the error that a configuration raises."""
    with pytest.raises(ConfigurationError) as raised:
        load(write(text))
    return raised.value


def test_shipped_file_says_the_defaults() -> None:
    """Every value in the shipped config.yaml is the built-in default, so that it may be deleted line by line."""
    assert load(resource("config.yaml")).model_dump() == load(write("")).model_dump()


def keys(model: type[BaseModel]) -> Iterator[str]:
    """Yield the names of all keys below a section."""
    for name, field in model.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation)


def test_shipped_file_has_every_key() -> None:
    """Each key is in the shipped config.yaml, live or (secrets) as a comment."""
    text = resource("config.yaml").read_text(encoding="utf-8")
    present = set(re.findall(r"^[\s#-]*([a-z0-9_]+):", text, flags=re.MULTILINE)) | {"below"}
    assert set() == set(keys(Settings)) - present


def test_defaults_that_the_owner_asked_for() -> None:
    """Symbols, series, IV regimes and pacing as the owner asked for them."""
    settings = load(write(""))
    assert settings.symbol_names == ("SPY", "PLTR", "TSLA")
    assert settings.series == (WhatToShow.TRADES, WhatToShow.BID, WhatToShow.ASK)
    assert [(regime.below, regime.band, regime.min_strikes) for regime in settings.selection.regimes] == [
        (0.20, 0.15, 11),
        (0.40, 0.25, 21),
        (None, 0.35, 31),
    ]
    assert (
        settings.pacing.messages_per_s,
        settings.pacing.open_requests,
        settings.selection.horizon_days,
    ) == (40, 45, 35)


@pytest.mark.parametrize(
    ("window", "enabled", "at", "zone", "span", "scope", "asks"),
    [
        (Window.PRE_MARKET, False, time(6, 30), "America/New_York", "none", Scope.ALL, Asks.NOT_SETTLED),
        (Window.MORNING, True, time(10), "America/New_York", "30m", Scope.EXPIRING_AND_NEAR, Asks.NOT_COVERED),
        (Window.MIDDAY, True, time(12, 30), "America/New_York", "3h", Scope.EXPIRING_AND_NEAR, Asks.NOT_COVERED),
        (Window.AFTERNOON, False, time(14, 30), "America/New_York", "5h", Scope.EXPIRING_AND_NEAR, Asks.NOT_COVERED),
        (Window.EXPIRY_CHECK, True, time(15), "America/New_York", "today", Scope.EXPIRING, Asks.NOT_COVERED),
        (Window.EOD, True, time(16, 45), "America/New_York", "session", Scope.ALL, Asks.NOT_SETTLED),
        (Window.LATE_NIGHT, True, time(1), "Asia/Jerusalem", "unsettled", Scope.ALL, Asks.NOT_SETTLED),
        (Window.GAP_CHECK, True, time(8), "Asia/Jerusalem", "none", Scope.ALL, Asks.NOT_SETTLED),
        (Window.CHAIN_REFRESH, True, time(18), "America/New_York", "none", Scope.ALL, Asks.NOT_SETTLED),
        (Window.BACKUP, True, time(2), "America/New_York", "none", Scope.ALL, Asks.NOT_SETTLED),
        (Window.WEEKLY, True, time(12), "Asia/Jerusalem", "none", Scope.ALL, Asks.NOT_SETTLED),
    ],
)
def test_default_windows(
    window: Window, enabled: bool, at: time, zone: str, span: str, scope: Scope, asks: Asks
) -> None:
    """Each window has the time, zone, span, scope and question that the owner asked for."""
    found = load(write("")).windows[window]
    assert (enabled, at, zone, span, scope, asks) == (
        found.enabled,
        found.time,
        found.zone,
        found.span,
        found.scope,
        found.asks,
    )


def test_backups_are_switched_off_in_one_place() -> None:
    """Without backups there is no window for them; each is on by default, and kept for 30 days."""
    on = load(write(""))
    assert (on.backup.enabled, on.windows.backup.enabled, on.backup.keep_days) == (True, True, 30)
    assert on.backup.path.name == "backups"
    off = load(write("backup: {enabled: false}\nwindows: {backup: {time: '03:00'}}\n"))
    assert (off.windows.backup.enabled, off.windows.backup.time) == (False, time(3))
    assert Window.BACKUP not in off.windows.enabled
    assert load(write("backup: {directory: ~/kept}\n")).backup.path == Path.home() / "kept"


def test_a_window_keeps_the_rest_of_its_defaults() -> None:
    """Changing one key of a window leaves its others alone; unquoted times are times."""
    windows = load(write("windows:\n  eod:\n    time: 16:50\n  morning: {enabled: off}\n")).windows
    assert (time(16, 50), "session", 100) == (windows.eod.time, windows.eod.span, windows.eod.priority)
    assert windows.morning == WindowSettings(
        enabled=False,
        time=time(10),
        span="30m",
        scope=Scope.EXPIRING_AND_NEAR,
        asks=Asks.NOT_COVERED,
        priority=30,
    )
    assert Window.MORNING not in windows.enabled


@pytest.mark.parametrize(("span", "minutes"), [("30m", 30), ("30 min", 30), ("5h", 300), ("session", None)])
def test_span_lengths(span: str, minutes: int | None) -> None:
    """Lengths are minutes or hours; names have none."""
    length = WindowSettings(time=time(10), span=span).length
    assert length == (None if minutes is None else timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("close", "words"),
    [
        ('"09:00"', "09:00 leaves early-close days, three hours shorter, without a session after the open at 09:30"),
        ('"12:30"', "write the close of a full day in New York, such as 16:00 or 16:15"),
        ('"16:02"', "16:02:00 ends no 5-minute bar; write the close on the 5-minute grid, such as 16:00 or 16:15"),
        ('"16:15:30"', "16:15:30 ends no 5-minute bar"),
    ],
)
def test_a_close_that_ends_no_slot_is_refused(close: str, words: str) -> None:
    """16:02 would be lost every night, 09:00 would collect nothing: the words say what to write."""
    assert words in str(refusal(f"symbols:\n  - symbol: TSLA\n    close: {close}\n"))


def test_symbols_with_their_own_settings() -> None:
    """A symbol may be a bare name or differ in horizon, regimes, band and close."""
    settings = load(
        write(
            "symbols:\n  - spy\n  - symbol: TSLA\n    close: 16:15\n    horizon_days: 9\n"
            "    regimes: [{band: 0.5, min_strikes: 5}]\n    regime_source: vix\n"
        )
    )
    assert settings.symbol_names == ("SPY", "TSLA")
    assert {"TSLA": time(16, 15)} == settings.closes
    assert (
        settings.selection_for("TSLA").horizon_days,
        [regime.band for regime in settings.selection_for("TSLA").regimes],
        settings.selection_for("TSLA").near_band,
        settings.selection_for("TSLA").regime_source,
    ) == (9, [0.5], 0.05, "vix")
    assert settings.selection == settings.selection_for("SPY")
    assert settings.selection == settings.selection_for("UNKNOWN")


def test_series_data_sets_and_retention_of_a_symbol() -> None:
    """Each may differ for a symbol, written as a list or in one line; what is left out is as for all."""
    settings = load(
        write(
            "series: [TRADES, ASK]\nretention: {bars_days: 500}\nsymbols:\n  - SPY\n"
            "  - symbol: PLTR\n    series: [BID]\n    retention_days: 61\n"
            "    data_sets: [option_bars_5min, underlying_bars_5min]\n"
            "  - {symbol: TSLA, series: 'TRADES, BID', data_sets: underlying_bars_5min}\n"
        )
    )
    trades, bid, ask = WhatToShow.TRADES, WhatToShow.BID, WhatToShow.ASK
    names = ("SPY", "PLTR", "TSLA", "UNKNOWN")
    assert [settings.series_for(name) for name in names] == [(trades, ask), (bid,), (), (trades, ask)]
    assert [settings.retention_for(name) for name in names] == [500, 61, 500, 500]
    both = {"option_bars_5min", "underlying_bars_5min"}
    assert [both & {one.name for one in settings.data_sets_for(name)} for name in names] == [
        both,
        both,
        {"underlying_bars_5min"},
        both,
    ]
    assert settings.option_symbols == ("SPY", "PLTR")


def test_bars_may_be_kept_for_ever_but_for_a_symbol() -> None:
    """Without a general retention a symbol may still have one."""
    settings = load(write("retention: {bars_days: null}\nsymbols: [SPY, {symbol: TSLA, retention_days: 90}]\n"))
    assert (settings.retention_for("SPY"), settings.retention_for("TSLA")) == (None, 90)


def test_a_symbols_settings_beside_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The general series of the environment leave a symbol's own alone; symbols written in JSON bring theirs."""
    path = write("symbols: [SPY, {symbol: TSLA, series: [BID]}]\n")
    monkeypatch.setenv("COLLECTOR_SERIES", "TRADES")
    settings = load(path)
    assert (settings.series_for("SPY"), settings.series_for("TSLA")) == ((WhatToShow.TRADES,), (WhatToShow.BID,))
    monkeypatch.setenv("COLLECTOR_SYMBOLS", '["QQQ", {"symbol": "TSLA", "series": ["ASK"], "retention_days": 90}]')
    settings = load(path)
    assert settings.symbol_names == ("QQQ", "TSLA")
    assert (settings.series_for("QQQ"), settings.series_for("TSLA")) == ((WhatToShow.TRADES,), (WhatToShow.ASK,))
    assert settings.retention_for("TSLA") == 90
    monkeypatch.setenv("COLLECTOR_SYMBOLS", "[QQQ")
    with pytest.raises(ConfigurationError, match=r"COLLECTOR_SYMBOLS: symbols should be names separated by commas"):
        load(path)


def test_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option beats the environment, which beats the file, which beats the default; neighbours stay."""
    path = write("gateway: {port: 1, client_id: 2, host: filehost}\n")
    monkeypatch.setenv("COLLECTOR_GATEWAY__PORT", "4002")
    monkeypatch.setenv("COLLECTOR_GATEWAY__CLIENT_ID", "3")
    gateway = load(path, {"gateway": {"client_id": 4}}).gateway
    assert (gateway.host, gateway.port, gateway.client_id, gateway.connect_timeout_s) == ("filehost", 4002, 4, 15)


def test_lists_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Symbols and series may be comma-separated."""
    monkeypatch.setenv("COLLECTOR_SYMBOLS", "qqq, TSLA")
    monkeypatch.setenv("COLLECTOR_SERIES", "TRADES")
    settings = load(write(""))
    assert settings.symbol_names == ("QQQ", "TSLA")
    assert settings.series == (WhatToShow.TRADES,)


def test_where_it_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The option, then the variable, then here, then the user's directory, then the package's file."""
    assert resource("config.yaml") == find()
    user = write("", str(tmp_path / "home" / "config" / "collector" / "config.yaml"))
    assert user == find()
    write("")
    assert Path("config.yaml") == find()
    variable = write("", "variable.yaml")
    monkeypatch.setenv("COLLECTOR_CONFIG", str(variable))
    assert variable == find()
    assert write("", "option.yaml") == find(Path("option.yaml"))
    with pytest.raises(ConfigurationError, match=r"absent\.yaml does not exist"):
        find(Path("absent.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gateway:\n  prot: 1\n", "config.yaml:2: unknown key gateway.prot; did you mean `port`?"),
        (
            "symbols: [SPY]\ngreeks:\n  dividends:\n    spy: {}\n    Syp: {}\n",
            "config.yaml:5: unknown key greeks.dividends.SYP; did you mean `SPY`?",
        ),
        ("\ngatway: {}\n", "config.yaml:2: unknown key gatway; did you mean `gateway`?"),
        ("windows:\n  mornin: {}\n", "config.yaml:2: unknown key windows.mornin; did you mean `morning`?"),
        ("windows:\n  eod:\n    tim: 1\n", "config.yaml:3: unknown key windows.eod.tim; did you mean `time`?"),
        ("symbols:\n  - SPY\n  - {symbol: TSLA, clse: 1}\n", "config.yaml:3: unknown key symbols[1].clse"),
        ("gateway:\n  port: abc\n", "config.yaml:2: gateway.port should be a whole number, not 'abc'"),
        ("gateway:\n  port: 70000\n", "config.yaml:2: gateway.port should be less than or equal to 65535, not 70000"),
        ("gateway:\n  client_id: 0\n", "config.yaml:2: gateway.client_id should be greater than or equal to 1, not 0"),
        ("gateway: 5\n", "config.yaml:1: gateway should hold `key: value` pairs, not 5"),
        ("pacing:\n  open_requests: 51\n", "config.yaml:2: pacing.open_requests should be less than or equal to 50"),
        ("pacing:\n  adaptive: perhaps\n", "config.yaml:2: pacing.adaptive should be true or false, not 'perhaps'"),
        ("symbols: 5\n", "config.yaml:1: symbols should be a list, not 5"),
        ("symbols: []\n", "settings: symbols: at least one is needed"),
        ("symbols: [SPY, SPY]\n", "symbols: SPY is named twice"),
        ("symbols: ['SP Y;DROP']\n", "config.yaml:1: symbols[0].symbol"),
        ("series: [TRADES, MIDPOINT]\n", "config.yaml:1: series[1] should be"),
        ("series: [OPTION_IMPLIED_VOLATILITY]\n", "OPTION_IMPLIED_VOLATILITY is no series of an option"),
        (
            "symbols:\n  - symbol: SPY\n    series: [TRADES, OPTION_IMPLIED_VOLATILITY]\n",
            "config.yaml:3: symbols[0].series OPTION_IMPLIED_VOLATILITY is no series of an option; choose among TRADES",
        ),
        ("symbols:\n  - symbol: SPY\n    series: []\n", "config.yaml:3: symbols[0].series should name each"),
        (
            "symbols:\n  - symbol: SPY\n    data_sets: [option_bars]\n",
            "config.yaml:3: symbols[0].data_sets option_bars is no data set; choose among option_bars_5min, under",
        ),
        (
            "symbols:\n  - symbol: SPY\n    data_sets: [option_bars_5min]\n",
            "config.yaml:3: symbols[0].data_sets option_bars_5min needs underlying_bars_5min beside it",
        ),
        (
            "symbols:\n  - symbol: SPY\n    data_sets: underlying_bars_5min, underlying_bars_5min\n",
            "config.yaml:3: symbols[0].data_sets should name each data set once, and at least one",
        ),
        (
            "symbols:\n  - symbol: SPY\n    retention_days: 60\n",
            "config.yaml:3: symbols[0].retention_days should be more than 60, as far back as repairs reach",
        ),
        ("windows:\n  eod:\n    time: 99:00\n", "config.yaml:3: windows.eod.time should be a time such as 16:45"),
        ("windows:\n  eod:\n    time: 1645\n", "config.yaml:3: windows.eod.time should be a time such as 16:45"),
        (
            "windows:\n  eod:\n    zone: Asia/Telaviv\n",
            "config.yaml:3: windows.eod.zone 'Asia/Telaviv' is no time zone",
        ),
        ("windows:\n  eod:\n    span: 3 weeks\n", "config.yaml:3: windows.eod.span should be one of none, session"),
        ("windows:\n  eod:\n    deadline: never\n", "windows.eod.deadline should be `successor`, `none` or a time"),
        ("selection:\n  regimes: []\n", "config.yaml:2: selection.regimes the last regime should have no `below`"),
        ("serve:\n  host: 0.0.0.0\n", "config.yaml:2: serve.host may be another address than 127.0.0.1 only with web."),
        ("serve:\n  host: example.com\n", "config.yaml:2: serve.host should be an address of this machine"),
        (
            "serve:\n  host: 0.0.0.0\nweb: {certificate: /c.pem, key: /k.pem}\n",
            "config.yaml:2: serve.host may be another address than 127.0.0.1 only with web.",
        ),
        ("web:\n  certificate: /c.pem\n", "web needs certificate and key, or neither"),
        ("database:\n  url: mysql://u@h/x\n", "config.yaml:2: database.url should be `embedded` or a postgresql://"),
        ("schedule: {retry_first_s: 900, retry_max_s: 60}\n", "schedule.retry_first_s is above schedule.retry_max_s"),
        ("a: [\n", "config.yaml:2: broken YAML"),
        ("gateway:\n\tport: 1\n", "config.yaml:2: broken YAML"),
        ("a: b: c\n", "config.yaml:1: broken YAML"),
        ("- a\n", "config.yaml:1: the file should hold `key: value` pairs"),
        ("gateway:\n  port: 1\n  port: 2\n", "config.yaml:3: gateway.port is written twice (first on line 2)"),
        ("? [a, b]\n: 1\n", "config.yaml:1: "),
        ("!!python/object:os.system x\n", "config.yaml:1: broken YAML"),
    ],
)
def test_what_is_wrong_and_where(text: str, message: str) -> None:
    """One clear line with file, line, key and the nearest known key."""
    error = refusal(text)
    assert message in error.message
    assert "\n" not in error.message


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n" for before, after in itertools.pairwise("abcdefghi")
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "config.yaml:5: the file is nested too deeply, or holds too much, for a configuration"),
        ("a: &a {b: *a}\n", "config.yaml:1: *a stands inside what it is an alias of"),
        ("a: &a\n  - [*a]\n", "config.yaml:2: *a stands inside what it is an alias of"),
        ("a: " + "[" * 3000 + "]" * 3000, "config.yaml:1: the file is nested too deeply"),
        ("a: " + "[" * 300_000, "config.yaml:1: the file is nested too deeply"),
        ("a: " + "{a: " * 100_000, "config.yaml:1: the file is nested too deeply"),
        ("".join(" " * depth + "a:\n" for depth in range(1000)), "config.yaml:33: the file is nested too deeply"),
        ("symbols: [" + "A, " * 20_000 + "]", "config.yaml:1: the file is nested too deeply, or holds too much"),
        ("# " + "x" * 2_000_000, "config.yaml is larger than 1 MB"),
        ("a: *nobody\n", "config.yaml:1: broken YAML"),
    ],
    ids=["bomb", "in itself", "deeper in itself", "lists", "open lists", "maps", "block", "many", "large", "dangling"],
)
def test_what_would_use_up_memory_is_refused(text: str, message: str) -> None:
    """Neither aliases of aliases nor deep nesting are built; the line is told at once."""
    begun = time_.monotonic()
    assert refusal(text).message.startswith(message)
    assert time_.monotonic() - begun < 5


def test_aliases_are_fine_in_moderation() -> None:
    """What a person writes with anchors and merges is read as ever."""
    settings = load(
        write(
            "selection: {regimes: &usual [{band: 0.2, min_strikes: 5}]}\n"
            "symbols:\n  - {symbol: SPY, regimes: *usual}\n  - {symbol: TSLA, regimes: *usual}\n"
        )
    )
    assert [settings.selection_for(one).regimes[0].band for one in ("SPY", "TSLA", "ELSE")] == [0.2, 0.2, 0.2]


def test_deep_json_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON that nests thousands of times is a mistake like any other."""
    monkeypatch.setenv("COLLECTOR_GATEWAY", "[" * 50_000)
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        load(write(""))
    monkeypatch.delenv("COLLECTOR_GATEWAY")
    monkeypatch.setenv("COLLECTOR_NOTIFY__WEBHOOKS", "[" * 50_000)
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        load(write(""))


def test_several_mistakes() -> None:
    """The first is the message, the rest are in the hint."""
    error = refusal("gateway: {port: x, client_id: y}\n")
    assert "gateway.port" in error.message
    assert "1 more" in error.hint
    assert "gateway.client_id" in error.hint


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A directory and a binary file are refused in words."""
    with pytest.raises(ConfigurationError, match="does not exist"):
        load(tmp_path)
    binary = tmp_path / "config.bin"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        load(binary)


def test_mistakes_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named; its value is not shown."""
    path = write("gateway: {port: 1}\n")
    monkeypatch.setenv("COLLECTOR_GATEWAY__PORT", "s3cret")
    with pytest.raises(ConfigurationError) as raised:
        load(path)
    assert raised.value.message == "environment variable COLLECTOR_GATEWAY__PORT: gateway.port should be a whole number"
    monkeypatch.delenv("COLLECTOR_GATEWAY__PORT")
    monkeypatch.setenv("COLLECTOR_GATEWAY__PROT", "1")
    with pytest.raises(ConfigurationError, match=r"COLLECTOR_GATEWAY__PROT: unknown key gateway.prot; did you mean"):
        load(path)
    monkeypatch.delenv("COLLECTOR_GATEWAY__PROT")
    monkeypatch.setenv("COLLECTOR_DATABSE__URL", "postgresql://u:s3cret@h/d")
    with pytest.raises(ConfigurationError, match=r"unknown section `databse`; did you mean `database`") as raised:
        load(path)
    assert "s3cret" not in str(raised.value)
    monkeypatch.delenv("COLLECTOR_DATABSE__URL")
    monkeypatch.setenv("COLLECTOR_GATEWAY", "{broken")
    with pytest.raises(ConfigurationError, match="environment variable COLLECTOR_GATEWAY: the value is no valid JSON"):
        load(path)


PASSWORD = "pa55:w@rd/ü"  # noqa: S105 - made up


def test_password_from_each_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Environment, credentials directory, secrets file and password file fill the same URL; none is shown."""
    path = write("database:\n  url: postgresql://quant@db:5432/bars\n")
    expected = "postgresql://quant:pa55%3Aw%40rd%2F%C3%BC@db:5432/bars"

    monkeypatch.setenv("COLLECTOR_DATABASE__PASSWORD", PASSWORD)
    assert expected == load(path).database.dsn()
    monkeypatch.delenv("COLLECTOR_DATABASE__PASSWORD")

    credentials = tmp_path / "credentials"
    write(PASSWORD + "\n", str(credentials / "database__password")).chmod(0o600)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert expected == load(path).database.dsn()
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")

    secrets = write(f'database:\n  password: "{PASSWORD}"\n', "secrets.yaml")
    secrets.chmod(0o600)
    monkeypatch.setenv("COLLECTOR_SECRETS_FILE", str(secrets))
    assert expected == load(path).database.dsn()
    monkeypatch.delenv("COLLECTOR_SECRETS_FILE")

    file = write(PASSWORD + "\n", "password")
    file.chmod(0o600)
    settings = load(path, {"database": {"password_file": str(file)}})
    assert expected == settings.database.dsn()
    assert PASSWORD in settings.secrets
    file.unlink()
    with pytest.raises(ConfigurationError, match=r"database\.password_file: password cannot be read: No such file"):
        settings.database.dsn()


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        (
            "channel_binding=require",
            "config.yaml:2: database.url asks for channel_binding, which the collector cannot do",
        ),
        ("sslrootcert=nowhere.crt", "config.yaml:2: database.url names a file by sslrootcert that is not there"),
        ("work_mem=1GB", "config.yaml:2: database.url has a parameter work_mem, which libpq does not know"),
    ],
)
def test_a_url_that_asks_for_what_cannot_be_done(query: str, complaint: str) -> None:
    """It is refused when the configuration is read, with the parameter's name; nothing else of the URL is repeated."""
    error = refusal(f"database:\n  url: postgresql://quant:s3cret@db/bars?{query}\n")
    assert error.message.startswith(complaint)
    assert "s3cret" not in error.message + error.hint


def test_a_password_for_a_user_that_is_encoded() -> None:
    """A user written with %40 is the same user when the password comes from elsewhere."""
    own = {"database": {"password": "p@ss"}}
    settings = load(write("database: {url: 'postgresql://name%40part@[::1]:5433/bars'}\n"), own)
    assert settings.database.dsn() == "postgresql://name%40part:p%40ss@[::1]:5433/bars"
    assert settings.database.shown == "postgresql://name%40part@[::1]:5433/bars"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602, 0o620])
@pytest.mark.parametrize("place", ["secrets file", "credentials", "password file", "pgpass"])
def test_a_secret_that_others_can_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str, mode: int
) -> None:
    """Wherever a secret comes from, owner and mode of its file are checked the same way, before it is used."""
    path = write("database: {url: 'postgresql://quant@db/bars'}\n")
    overrides: dict[str, Any] = {}
    if place == "secrets file":
        file = write(f'database: {{password: "{PASSWORD}"}}\n', "secrets.yaml")
        monkeypatch.setenv("COLLECTOR_SECRETS_FILE", str(file))
    elif place == "credentials":
        file = write(PASSWORD, str(tmp_path / "kept" / "database__password"))
        file.parent.chmod(0o700)
        monkeypatch.setenv("COLLECTOR_SECRETS_DIR", str(file.parent))
    elif place == "password file":
        file = write(PASSWORD, "password")
        overrides = {"database": {"password_file": str(file)}}
    else:
        file = write(f"*:*:*:*:{PASSWORD}", "passes")
        monkeypatch.setenv("PGPASSFILE", str(file))
    file.chmod(mode)
    with pytest.raises(ConfigurationError) as raised:
        load(path, overrides).database.dsn()
    assert (raised.value.message, raised.value.hint) == (f"{file} can be read by other users.", f"chmod 600 {file}")
    file.chmod(0o400)
    assert "quant" in load(path, overrides).database.dsn()


def test_a_folder_of_secrets_that_others_can_change_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever may add a file there may set any key."""
    kept = tmp_path / "kept"
    write(PASSWORD, str(kept / "database__password")).chmod(0o600)
    kept.chmod(0o777)
    monkeypatch.setenv("COLLECTOR_SECRETS_DIR", str(kept))
    with pytest.raises(ConfigurationError, match=f"{kept} can be changed by other users"):
        load(write(""))
    kept.chmod(0o755)
    assert PASSWORD in load(write("")).secrets


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("database:\n  password: !hunter2\n", ":2: broken YAML: a value that begins with ! or & needs quotes"),
        ("database:\n  password: !!hunter2\n", ":2: broken YAML: a value that begins with ! or & needs quotes"),
        ("database:\n  password: &hunter2\n", ":2: broken YAML: a value that begins with ! or & needs quotes"),
        ("database: {pool_size: 4, password:hunter2}\n", ":1: an unknown key in database (it is not shown"),
        ("database:\n  postgresql://q:hunter2@h/x: 1\n", ":2: an unknown key in database (it is not shown"),
        ("password=hunter2: 1\n", ":1: an unknown key (it is not shown"),
    ],
)
def test_a_secret_that_yaml_reads_as_something_else_is_not_repeated(text: str, message: str) -> None:
    """Without quotes or the space after a colon a password is a tag, an anchor of nothing or a key; none is shown."""
    error = refusal(text)
    assert message in error.message
    assert "hunter2" not in error.message + error.hint


def test_a_secret_below_another_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two files of which one stands for what the other is a part of cannot both count."""
    kept = tmp_path / "kept"
    for name in ("notify__smtp", "notify__smtp__password"):
        write(PASSWORD, str(kept / name)).chmod(0o600)
    kept.chmod(0o700)
    monkeypatch.setenv("COLLECTOR_SECRETS_DIR", str(kept))
    with pytest.raises(ConfigurationError, match="notify__smtp__password is part of what another file"):
        load(write(""))


def test_secrets_in_the_configuration_file_are_found() -> None:
    """Each key with a secret in config.yaml is named with its line; addresses and empty values are no secrets."""
    misplaced = write(
        "database:\n  url: postgresql://quant:pw@db/bars\ndead_man:\n  url: https://ping.example/x\n"
        "notify:\n  smtp: {password: pw}\n  webhooks:\n    - {kind: ntfy, url: 'https://ntfy.sh/x', token: ''}\n"
    )
    misplaced.chmod(0o600)
    assert sorted(load(misplaced).misplaced_secrets) == [
        "config.yaml:2: database.url holds a secret",
        "config.yaml:4: dead_man.url holds a secret",
        "config.yaml:6: notify.smtp.password holds a secret",
        "config.yaml:8: notify.webhooks[0].url holds a secret",
    ]
    misplaced.chmod(0o644)
    assert "config.yaml can be read by other users." in load(misplaced).misplaced_secrets[0]
    for text in (
        "database: {url: 'postgresql://db/bars?password=pw'}\n",
        """notify: {webhooks: '[{"kind": "ntfy", "url": "https://ntfy.sh/x"}]'}\n""",
    ):
        assert len(load(write(text)).misplaced_secrets) == 1
    for text in ("", "database: {url: 'postgresql://quant@db:5432/bars'}\n", "notify: {smtp: {password: ''}}\n"):
        assert load(write(text)).misplaced_secrets == ()


def test_secrets_elsewhere_are_not_misplaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment and the secrets file are where secrets belong."""
    monkeypatch.setenv("COLLECTOR_DATABASE__URL", "postgresql://quant:s3cret@db/bars")
    secrets = write("notify: {smtp: {password: pw}}\n", "secrets.yaml")
    secrets.chmod(0o600)
    monkeypatch.setenv("COLLECTOR_SECRETS_FILE", str(secrets))
    assert load(write("")).misplaced_secrets == ()


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """No form of the settings that people or logs see holds a secret."""
    monkeypatch.setenv("COLLECTOR_DATABASE__URL", "postgresql://quant:s3cret@db/bars?sslmode=require")
    monkeypatch.setenv("COLLECTOR_DEAD_MAN__URL", "https://hc-ping.com/s3cret")
    monkeypatch.setenv("COLLECTOR_NOTIFY__SMTP__PASSWORD", "s3cret")
    hooks = '[{"kind": "ntfy", "url": "https://ntfy.sh/s3cret-topic", "token": "tk_s3cret"}]'
    monkeypatch.setenv("COLLECTOR_NOTIFY__WEBHOOKS", hooks)
    settings = load(write(""))
    for shown in (repr(settings), str(settings), settings.model_dump_json(), settings.database.shown):
        assert "s3cret" not in shown
    assert {"https://ntfy.sh/s3cret-topic", "tk_s3cret"} < set(settings.secrets)
    assert settings.database.shown == "postgresql://quant@db/bars?sslmode=require"
    assert settings.database.dsn() == "postgresql://quant:s3cret@db/bars?sslmode=require"
    for parameter in ("password", "%70assword", "pass%77ord"):  # as the driver reads it
        monkeypatch.setenv("COLLECTOR_DATABASE__URL", f"postgresql://quant@db/bars?{parameter}=s3cret")
        assert load(write("")).database.shown == "postgresql://quant@db/bars"


@pytest.mark.parametrize(
    "text",
    [
        "database:\n  url: mysql://u:s3cret@h/x\n",
        "database:\n  password: [s3cret]\n",
        "dead_man:\n  url: s3cret\n",
        "notify:\n  webhooks: https://hooks.example.com/s3cret\n",
        "notify:\n  webhooks: [https://hooks.example.com/s3cret]\n",
        "notify:\n  webhooks: [{kind: s3cret}]\n",
        "notify:\n  webhooks: [{kind: slack, url: http://hooks.example.com/s3cret}]\n",
        "notify:\n  webhooks: [{kind: pagerduty, token: [s3cret]}]\n",
        "notify:\n  webhooks: [{kind: slack, url: 'https://[s3cret]/'}]\n",
        "database:\n  url: postgresql://user:s3cret@[db/bars\n",
        "dead_man:\n  url: https://user:s3cret/x@ping.example/\n",
        "dead_man:\n  url: https://user:[s3cret]@ping.example/\n",
        "dead_man:\n  url: ftp://ping.example/s3cret\n",
    ],
)
def test_complaints_hold_no_secret(text: str) -> None:
    """A wrong value of a secret key is described, not repeated, neither by us nor in a library's words."""
    error = refusal(text)
    assert "s3cret" not in error.message + error.hint
    assert error.message.startswith("config.yaml:2: ")


def test_pgpass_is_left_to_the_driver() -> None:
    """Without any password the URL stays as it is, so that ~/.pgpass counts."""
    database = load(write("database: {url: postgresql://quant@db/bars}\n")).database
    assert (database.dsn(), database.embedded) == ("postgresql://quant@db/bars", False)


def test_settings_are_frozen() -> None:
    """Nothing can be changed after loading."""
    settings = load(write(""))
    with pytest.raises(ValueError, match="frozen"):
        settings.gateway.port = 1
    with pytest.raises(ValueError, match="frozen"):
        settings.symbols = ()


def test_yaml_words_stay_words() -> None:
    """YAML 1.1's surprises are off: off is a word, 16:45 no number to base 60, a date no date object."""
    path = write("a: off\nb: 16:45\nc: 2026-11-20\nd: true\ne: 1e-2\nf: 010\ng: ~\nh: 5\n")
    values: dict[str, Any] = written.read(path).values
    assert values == {"a": "off", "b": "16:45", "c": "2026-11-20", "d": True, "e": 0.01, "f": "010", "h": 5}


def test_lines_of_values() -> None:
    """Lines are those of keys and list entries; a deeper path falls back to what stands above it."""
    found = written.read(write("a:\n  b:\n    - x\n    - y\n"))
    assert found.lines == {("a",): 1, ("a", "b"): 2, ("a", "b", 0): 3, ("a", "b", 1): 4}
    assert found.where(("a", "b", 1, "z")) == "config.yaml:4"
    assert found.where(("z",)) is None


def test_symbol_settings_from_a_name() -> None:
    """A bare name is a symbol in capitals."""
    assert SymbolSettings(symbol="SPY") == SymbolSettings.model_validate(" spy ")
