"""Windows of the owner's in the configuration: what makes one, what it is, and what is refused."""

import os
from datetime import time
from pathlib import Path

import pytest

from collector.cli.options import window_of
from collector.config import Settings, WindowSettings, load
from collector.domain.errors import ConfigurationError, UsageError
from collector.domain.run_vocabulary import Asks, Role, Scope, Window

POWER_HOUR = Window("power_hour")
OWN = "windows:\n  power_hour: {time: '15:30', span: 1h, scope: expiring_and_near, asks: not_covered, priority: 45}\n"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wipe the collector's variables and stand in an empty directory with an empty home."""
    for name in list(os.environ):
        if name.startswith("COLLECTOR_") or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.chdir(tmp_path)


def loaded(text: str) -> Settings:
    """Return the settings of a configuration file."""
    path = Path("config.yaml")
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_a_name_a_time_and_a_span_make_a_window() -> None:
    """It has what is written of it, stands after the built-in ones, and is found by its name."""
    windows = loaded(OWN).windows
    assert windows[POWER_HOUR] == WindowSettings(
        time=time(15, 30), span="1h", scope=Scope.EXPIRING_AND_NEAR, asks=Asks.NOT_COVERED, priority=45
    )
    assert list(windows.enabled) == [*Settings().windows.enabled, POWER_HOUR]
    assert windows.known == {*Window, POWER_HOUR}
    assert POWER_HOUR in loaded(f"{OWN}backup: {{enabled: false}}\n").windows.enabled
    assert POWER_HOUR not in loaded(OWN.replace("{", "{enabled: false, ")).windows.enabled


def test_a_name_that_is_no_window() -> None:
    """What is neither built in nor written has no settings and no role, nor has the run by hand."""
    windows = loaded(OWN).windows
    for window in (Window("tea"), Window.MANUAL):
        assert windows.role(window) is None
        with pytest.raises(KeyError):
            windows[window]


@pytest.mark.parametrize(
    ("span", "role", "asks"),
    [
        ("30m", Role.INTRADAY, Asks.NOT_COVERED),
        ("today", Role.INTRADAY, Asks.NOT_COVERED),
        ("session", Role.CLOSING, Asks.NOT_SETTLED),
        ("unsettled", Role.REPAIRING, Asks.NOT_SETTLED),
    ],
)
def test_the_span_says_what_it_is(span: str, role: Role, asks: Asks) -> None:
    """A part of the session is intraday and covers, the whole one and what is unsettled are settled."""
    windows = loaded(f"windows: {{own: {{time: '15:30', span: {span}}}}}").windows
    assert (windows.role(Window("own")), windows[Window("own")].asks) == (role, asks)
    told = loaded(f"windows: {{own: {{time: '15:30', span: {span}, asks: not_settled}}}}").windows
    assert told[Window("own")].asks is Asks.NOT_SETTLED


def test_a_built_in_window_stays_what_it_is() -> None:
    """Another span makes no other window of one of the built-in ones."""
    windows = loaded("windows: {eod: {span: 3h}, morning: {span: session}, weekly: {span: session}}").windows
    roles = {window: windows.role(window) for window in Window if windows.role(window)}
    intraday = (Window.MORNING, Window.MIDDAY, Window.AFTERNOON, Window.EXPIRY_CHECK)
    assert roles == {
        **dict.fromkeys(intraday, Role.INTRADAY),
        Window.EOD: Role.CLOSING,
        Window.LATE_NIGHT: Role.REPAIRING,
    }


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("eodd: {enabled: false}", "unknown key windows.eodd; did you mean `eod`?"),
        ("eodd:", "unknown key windows.eodd; did you mean `eod`?"),
        ("mornin: {time: '10:30'}", "did you mean `morning`? (as a window of your own it lacks `span`)"),
        ("zzz: {span: 1h}", "unknown key windows.zzz; known here: pre_market, morning, midday, afternoon,"),
        ("zzz: {priority: 3}", "weekly (as a window of your own it lacks `time` and `span`)"),
        ("own: {time: '15:30', span: none}", "windows.own should have another span than none"),
        ("own: {time: '15:30', span: 1x}", "windows.own.span should be one of none, session, today, unsettled, or"),
        ("own: {time: 1530, span: 1h}", "windows.own.time should be a time such as 16:45, not 1530"),
        ("own: {time: '15:30', span: 1h, priorty: 3}", "unknown key windows.own.priorty; did you mean `priority`?"),
        ("Own: {time: '15:30', span: 1h}", "windows.Own is no name for a window: write up to 30 lower-case letters,"),
        ("my-own: {time: '15:30', span: 1h}", "windows.my-own is no name for a window"),
        (f"{'o' * 31}: {{time: '15:30', span: 1h}}", "is no name for a window"),
        ("manual: {time: '15:30', span: 1h}", "windows.manual is run by hand alone, and has no time"),
        ("1530: {time: '15:30', span: 1h}", "should be text, in quotes"),
    ],
)
def test_what_makes_no_window(written: str, message: str) -> None:
    """One line with file, line and key; what looks misspelt is named, and what a window of one's own would need."""
    with pytest.raises(ConfigurationError) as raised:
        loaded(f"\nwindows:\n  {written}\n")
    assert message in raised.value.message
    assert raised.value.message.startswith("config.yaml:2: " if written.startswith("1530") else "config.yaml:3: ")
    assert raised.value.hint == ""


def test_the_environment_has_a_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable changes one key of a window, or writes a whole one; half of one is refused by the variable's name."""
    monkeypatch.setenv("COLLECTOR_WINDOWS__POWER_HOUR__TIME", "15:40")
    windows = loaded(OWN).windows
    assert (windows[POWER_HOUR].time, windows[POWER_HOUR].priority) == (time(15, 40), 45)
    with pytest.raises(ConfigurationError) as raised:
        loaded("")
    assert raised.value.message.startswith("environment variable COLLECTOR_WINDOWS__POWER_HOUR__TIME: unknown key")
    monkeypatch.setenv("COLLECTOR_WINDOWS__POWER_HOUR__SPAN", "1h")
    monkeypatch.setenv("COLLECTOR_WINDOWS__POWER_HOUR__SYMBOLS", "SPY, TSLA")
    assert loaded("").windows.own == {
        POWER_HOUR: WindowSettings(time=time(15, 40), span="1h", asks=Asks.NOT_COVERED, symbols=("SPY", "TSLA"))
    }


def test_options_name_windows() -> None:
    """Built-in and own ones are found however they are spelt; any other is refused, and all are listed."""
    settings = loaded(OWN)
    assert window_of(" Power-Hour", settings) is POWER_HOUR
    assert window_of("late-night", settings) is Window.LATE_NIGHT
    with pytest.raises(UsageError, match="unknown window 'tea'") as raised:
        window_of("tea", settings)
    assert raised.value.hint.endswith("pre_market, backup, archive, daily_bars, manual, power_hour")
    with pytest.raises(UsageError, match="unknown window 'power_hour'"):
        window_of("power_hour", loaded(""))
