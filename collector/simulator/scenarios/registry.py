"""The scenarios by name."""

import ast
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from collector.simulator import texts
from collector.simulator.scenarios import answers, outages, pace, untruths
from collector.simulator.scenarios.base import Scenario
from collector.simulator.throughput import Curve, Phase, ThroughputModel, capacity, constant, knee

_FARMS = ("market", "historical", "definition")


def _loaded(curve: Callable[..., Curve], seed: int = 0, jitter: float = 0.3, **figures: Any) -> Scenario:  # noqa: ANN401 - the curve's own figures
    return pace.Loaded(ThroughputModel(curve(**figures), jitter=jitter, seed=seed))


def _switching(seed: int = 0, after_s: float = 120.0, jitter: float = 0.3) -> Scenario:
    """A knee at 6 that turns into a capacity of 5 requests a second, `after_s` from now of the gateway's clock."""
    return _Switching(after_s, jitter, seed)


class _Switching(pace.Loaded):
    """A load model whose switch is counted from the gateway's start."""

    def __init__(self, after_s: float, jitter: float, seed: int) -> None:
        super().__init__(ThroughputModel(knee(), jitter=jitter, seed=seed))
        self._after_s, self._jitter, self._seed = after_s, jitter, seed

    def bind(self, stage: Any) -> None:  # noqa: ANN401 - Stage, see the base class
        """Count the switch from now."""
        at = stage.clock.monotonic() + self._after_s
        self.model = ThroughputModel(knee(), Phase(at, capacity()), jitter=self._jitter, seed=self._seed)
        super().bind(stage)


class Registered(NamedTuple):
    """A scenario's constructor, and one sentence that says what it does."""

    make: Callable[..., Scenario]
    says: str


def _refused(name: str, code: int, text: str, **options: Any) -> Callable[..., Scenario]:  # noqa: ANN401 - options of Refused
    return partial(answers.Refused, name, code, text, **options)


def _hmds(name: str, words: str, *, heals: bool = True) -> tuple[str, Registered]:
    refused = _refused(name, 162, texts.HMDS + words, heals=heals, hits=2)
    return name, Registered(refused, f'Some historical requests are refused with 162 "{words}".')


SCENARIOS: Mapping[str, Registered] = MappingProxyType(
    {
        "latency": Registered(pace.Latency, "Each answer takes its time, drawn from a log-normal distribution."),
        "constant": Registered(partial(_loaded, constant), "A historical request takes as long under any load."),
        "capacity": Registered(partial(_loaded, capacity), "So many historical requests are answered a second."),
        "knee": Registered(partial(_loaded, knee), "Too many historical requests in flight make all of them slower."),
        "switching": Registered(_switching, "A knee turns into a fixed capacity after two minutes."),
        "dropped-answers": Registered(answers.Dropped, "Some historical requests are never answered."),
        "long-requests": Registered(
            answers.LongRequests,
            "Historical requests for more than a day, or as many as you say, are never answered.",
        ),
        "late-answers": Registered(answers.LateAnswers, "Some answers come just after the client has cancelled."),
        "duplicated-bars": Registered(answers.DuplicatedBars, "Some bars of some answers come twice."),
        "withheld-tail": Registered(
            answers.WithheldTail, "Some answers lack the last 20 minutes, with notice 2188 before them."
        ),
        "extended-hours": Registered(
            answers.ExtendedHours, "Underlyings have bars from 04:00 to 20:00, as IB tells them for useRTH 0."
        ),
        "revised-values": Registered(
            answers.RevisedValues, "A minute after the start some bars of the session have other values."
        ),
        "malformed-frame": Registered(answers.Malformed, "Some answers announce more bars than they hold."),
        "malformed-length": Registered(
            partial(answers.Malformed, hits=1, length=True), "One answer has a wrong frame length; nothing follows it."
        ),
        "pacing": Registered(
            _refused("pacing", 162, texts.PACING, hits=3), "Some historical requests are refused as too many (162)."
        ),
        "too-many-open": Registered(
            _refused("too-many-open", 322, texts.MAX_OPEN, hits=3),
            "Some historical requests are refused with 322, as if 50 were open.",
        ),
        "no-permission": Registered(
            _refused("no-permission", 162, texts.NO_PERMISSION.format(what="OPRA OPT"), heals=False),
            "Some historical requests are refused for want of a market data permission (162).",
        ),
        "not-subscribed": Registered(
            _refused("not-subscribed", 354, texts.NOT_SUBSCRIBED, heals=False),
            "Some historical requests are refused for want of a subscription (354).",
        ),
        **dict(
            (
                _hmds("hmds-session-ended", "TWS exited during processing of HMDS query"),
                _hmds("hmds-unheard-of", "The query did not complete"),
                _hmds("hmds-inverted", "Starting time must occur before ending time", heals=False),
                _hmds("hmds-invalid-step", "invalid step: 5 mins", heals=False),
                _hmds("hmds-unknown-contract", "Unknown contract", heals=False),
                _hmds("hmds-no-history", "No historical market data for OPT@SMART Last 300", heals=False),
                _hmds("hmds-best", "BEST queries are not supported for this contract", heals=False),
                _hmds(
                    "hmds-no-chart",
                    "No data of type DayChart is available for the exchange 'BEST' and the security type 'Option'",
                    heals=False,
                ),
            )
        ),
        "rejected": Registered(
            _refused("rejected", 321, texts.invalid("Invalid contract id"), heals=False, hits=1),
            "One historical request is rejected as invalid (321).",
        ),
        "farm-down": Registered(outages.FarmDown, "The historical farm breaks (2105) and mends again (2106)."),
        "definition-farm-down": Registered(
            partial(outages.FarmDown, ("definition",), at_request=2),
            "The definition farm breaks (2157) and mends again.",
        ),
        "all-farms-down": Registered(partial(outages.FarmDown, _FARMS), "All farms break and mend again."),
        "link-lost": Registered(outages.LinkLost, "The line to IB is lost (1100) and restored, data kept (1102)."),
        "link-lost-subscriptions": Registered(
            partial(outages.LinkLost, kept=False),
            "The line to IB is lost (1100) and restored, subscriptions gone (1101).",
        ),
        "nightly-restart": Registered(
            outages.NightlyRestart, "Every socket closes, the port refuses for 90 s, then the farms come up."
        ),
        "other-login": Registered(
            outages.OtherLogin, "The same user logs in elsewhere and takes the data for a minute."
        ),
        "half-open": Registered(outages.HalfOpen, "Connections of the moment stay open and silent for ever."),
        "deaf-port": Registered(outages.DeafPort, "For a minute the port accepts connections and answers none."),
        "socket-drop": Registered(outages.SocketDrop, "The connection is closed at the 25th message."),
        "socket-reset": Registered(
            partial(outages.SocketDrop, abort=True), "The connection is reset at the 25th message."
        ),
        "client-id-in-use": Registered(
            outages.ClientIdInUse, "A client that comes back is told twice that its id is in use (326)."
        ),
        "silent-hole": Registered(
            untruths.SilentHole,
            'For a while historical requests of options are answered with 162 "no data", unannounced.',
        ),
        "silent-hole-everywhere": Registered(
            partial(untruths.SilentHole, underlyings=True),
            "The same, and the underlyings' requests are answered so, too.",
        ),
        "absurd-values": Registered(
            untruths.AbsurdValues, "Some answers hold one bar that cannot be: NaN, 1e17 contracts, off the grid …"
        ),
        "absurd-strike": Registered(
            untruths.AbsurdStrike, "An expiration's definitions hold one more contract, whose strike has 11 digits."
        ),
        "refused-trade": Registered(
            untruths.RefusedTrade, "A trade bar's high lies below its low, once or more often, then the true bar comes."
        ),
        "memory": Registered(
            untruths.Memory, "IB forgets expired contracts a day later, and history after as many days as you say."
        ),
    }
)
"""Name → constructor and sentence; keyword arguments tune the scenario, `seed` its draws where it has any."""


def named(name: str, **options: Any) -> Scenario:  # noqa: ANN401 - options of the scenario
    """Make a scenario by its name.

    Args:
        name: a key of SCENARIOS, optionally followed by options: `farm-down:at_request=20,for_s=45`.
        options: keyword arguments of its constructor, among them `seed` where it draws.

    Raises:
        KeyError: no scenario has that name; the message lists those that exist.
        ValueError: an option is not written as `name=value`, its value is none of those that there are, or the scenario
            has none of that name.
    """
    name, _, written = name.partition(":")
    try:
        make = SCENARIOS[name].make
    except KeyError:
        raise KeyError(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}") from None
    for part in filter(None, written.split(",")):
        option, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is no option; write name=value")
        options[option.strip()] = _value(value.strip())
    try:
        return make(**options)
    except TypeError as error:
        found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if found is None:
            raise
        raise ValueError(f"{name} has no option {found[1]!r}") from error


def _value(written: str) -> object:
    """Return a number or a boolean where it is one, else the text; `+` joins several into a tuple."""
    if "+" in written:
        return tuple(_value(part) for part in written.split("+"))
    try:
        return ast.literal_eval(written)
    except (ValueError, SyntaxError):
        return written
