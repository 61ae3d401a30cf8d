"""The scenarios by name, and random mixes of them."""

import ast
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from collector.simulator import texts
from collector.simulator.scenarios import answers, outages, pace
from collector.simulator.scenarios.base import Scenario, seeded
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


def _hmds(name: str, words: str, *, heals: bool = True, hits: int = 2, **options: Any) -> Scenario:  # noqa: ANN401 - options of Refused
    return answers.Refused(name, 162, texts.HMDS + words, heals=heals, hits=hits, **options)


def _words(name: str, words: str, *, heals: bool = True) -> tuple[str, Callable[..., Scenario]]:
    return name, partial(_hmds, name, words, heals=heals)


SCENARIOS: Mapping[str, Callable[..., Scenario]] = MappingProxyType(
    {
        "latency": pace.Latency,
        "constant": partial(_loaded, constant),
        "capacity": partial(_loaded, capacity),
        "knee": partial(_loaded, knee),
        "switching": _switching,
        "dropped-answers": answers.Dropped,
        "late-answers": answers.LateAnswers,
        "duplicated-bars": answers.DuplicatedBars,
        "withheld-tail": answers.WithheldTail,
        "extended-hours": answers.ExtendedHours,
        "revised-values": answers.RevisedValues,
        "malformed-frame": answers.Malformed,
        "malformed-length": partial(answers.Malformed, hits=1, length=True),
        "pacing": partial(answers.Refused, "pacing", 162, texts.PACING, hits=3),
        "too-many-open": partial(answers.Refused, "too-many-open", 322, texts.MAX_OPEN, hits=3),
        "no-permission": partial(
            answers.Refused, "no-permission", 162, texts.NO_PERMISSION.format(what="OPRA OPT"), heals=False
        ),
        "not-subscribed": partial(
            answers.Refused,
            "not-subscribed",
            354,
            texts.NOT_SUBSCRIBED,
            heals=False,
        ),
        **dict(
            (
                _words("hmds-session-ended", "TWS exited during processing of HMDS query"),
                _words("hmds-unheard-of", "The query did not complete"),
                _words("hmds-inverted", "Starting time must occur before ending time", heals=False),
                _words("hmds-invalid-step", "invalid step: 5 mins", heals=False),
                _words("hmds-unknown-contract", "Unknown contract", heals=False),
                _words("hmds-no-history", "No historical market data for OPT@SMART Last 300", heals=False),
                _words("hmds-best", "BEST queries are not supported for this contract", heals=False),
                _words(
                    "hmds-no-chart",
                    "No data of type DayChart is available for the exchange 'BEST' and the security type 'Option'",
                    heals=False,
                ),
            )
        ),
        "rejected": partial(
            answers.Refused, "rejected", 321, texts.invalid("Invalid contract id"), heals=False, hits=1
        ),
        "farm-down": outages.FarmDown,
        "definition-farm-down": partial(outages.FarmDown, ("definition",), at_request=2),
        "all-farms-down": partial(outages.FarmDown, _FARMS),
        "link-lost": outages.LinkLost,
        "link-lost-subscriptions": partial(outages.LinkLost, kept=False),
        "nightly-restart": outages.NightlyRestart,
        "other-login": outages.OtherLogin,
        "half-open": outages.HalfOpen,
        "deaf-port": outages.DeafPort,
        "socket-drop": outages.SocketDrop,
        "socket-reset": partial(outages.SocketDrop, abort=True),
        "client-id-in-use": outages.ClientIdInUse,
    }
)
"""Name → constructor; keyword arguments of the constructor tune it, `seed` its draws where it has any."""


def named(name: str, **options: Any) -> Scenario:  # noqa: ANN401 - options of the scenario
    """Make a scenario by its name.

    Args:
        name: a key of SCENARIOS, optionally followed by options: `farm-down:at_request=20,for_s=45`.
        options: keyword arguments of its constructor, among them `seed` where it draws.

    Raises:
        KeyError: no scenario has that name; the message lists those that exist.
        ValueError: an option is not written as `name=value`.
    """
    name, _, written = name.partition(":")
    try:
        make = SCENARIOS[name]
    except KeyError:
        raise KeyError(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}") from None
    for part in filter(None, written.split(",")):
        option, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is no option; write name=value")
        options[option.strip()] = _value(value.strip())
    return make(**options)


def _value(written: str) -> object:
    """Return a number or a boolean where it is one, else the text; `+` joins several into a tuple."""
    if "+" in written:
        return tuple(_value(part) for part in written.split("+"))
    try:
        return ast.literal_eval(written)
    except (ValueError, SyntaxError):
        return written


def mix(seed: int, *, requests: int = 60, time_scale: float = 1.0) -> tuple[Scenario, ...]:
    """Return one to four healing scenarios at random moments, at random strength; the same for the same seed.

    Args:
        seed: of every draw.
        requests: outages begin within so many logged requests.
        time_scale: stretches or shrinks latencies and outages; below 1 for tests in real time.
    """
    random = seeded("mix", seed)

    def outage(name: str, longest_s: float, **options: Any) -> Scenario:  # noqa: ANN401 - options of the scenario
        lasting = random.uniform(0.1, 1.0) * longest_s * time_scale
        return named(name, at_request=random.randint(2, requests), for_s=lasting, seed=seed, **options)

    def spoiled(name: str, most: int) -> Scenario:
        return named(name, hits=random.randint(1, most), share=random.uniform(0.05, 0.5), seed=seed)

    def drops(name: str) -> Scenario:
        return named(name, at_messages=random.sample(range(4, 2 * requests), random.randint(1, 3)))

    choices: tuple[Callable[[], Scenario], ...] = (
        lambda: spoiled("dropped-answers", 6),
        lambda: spoiled("late-answers", 6),
        lambda: spoiled("duplicated-bars", 20),
        lambda: spoiled("withheld-tail", 20),
        lambda: spoiled("malformed-frame", 3),
        lambda: spoiled("malformed-length", 1),
        lambda: spoiled("pacing", 3),
        lambda: spoiled("too-many-open", 3),
        lambda: spoiled("hmds-session-ended", 2),
        lambda: spoiled("hmds-unheard-of", 2),
        lambda: outage("farm-down", 60.0),
        lambda: outage("definition-farm-down", 60.0),
        lambda: outage("all-farms-down", 60.0),
        lambda: outage("link-lost", 60.0, farms_after_s=random.uniform(0.0, 10.0) * time_scale),
        lambda: outage("link-lost-subscriptions", 60.0, farms_after_s=random.uniform(0.0, 10.0) * time_scale),
        lambda: outage("nightly-restart", 180.0, farms_after_s=random.uniform(0.0, 10.0) * time_scale),
        lambda: outage("other-login", 120.0),
        lambda: outage("half-open", 1.0),
        lambda: outage("deaf-port", 60.0),
        lambda: drops("socket-drop"),
        lambda: drops("socket-reset"),
        lambda: named("client-id-in-use", times=random.randint(1, 2)),
    )
    chosen = [make() for make in random.sample(choices, random.randint(1, 4))]
    pace_of = random.choice((None, "latency", "capacity", "knee"))
    if pace_of == "latency":
        chosen.append(named("latency", median_s=random.uniform(0.05, 1.0) * time_scale, seed=seed))
    elif pace_of is not None:
        chosen.append(named(pace_of, latency_s=random.uniform(0.1, 0.6) * time_scale, seed=seed))
    return tuple(chosen)
