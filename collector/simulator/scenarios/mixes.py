"""Random mixes of scenarios.

Random mixes of scenarios: of faults that show, and of answers that look right and are not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from collector.simulator.scenarios.base import Scenario, seeded
from collector.simulator.scenarios.registry import named
from collector.simulator.scenarios.untruths import AbsurdStrike, AbsurdValues, Hit, Memory, RefusedTrade, SilentHole


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


@dataclass(frozen=True, slots=True)
class Lies:
    """The lies that a source tells, and what they turned out to hit.

    Attributes:
        scenarios: what plays them; one gateway's.
    """

    scenarios: tuple[Scenario, ...]

    @property
    def holes(self) -> tuple[SilentHole, ...]:
        """The silent holes."""
        return tuple(one for one in self.scenarios if isinstance(one, SilentHole))

    @property
    def memory(self) -> dict[str, int]:
        """The settings of the market (`MarketSettings`) that differ from the usual ones."""
        return {name: days for one in self.scenarios if isinstance(one, Memory) for name, days in one.settings.items()}

    @property
    def struck(self) -> tuple[Hit, ...]:
        """Every untrue answer so far, in order of time."""
        lying = (SilentHole, AbsurdValues, RefusedTrade, AbsurdStrike)
        return tuple(
            sorted(
                (hit for one in self.scenarios if isinstance(one, lying) for hit in one.struck), key=lambda hit: hit.at
            )
        )

    @property
    def misleading(self) -> tuple[Hit, ...]:
        """The empty answers that no control contradicts, see `SilentHole.misleading`: one witness may believe them."""
        return tuple(hit for hole in self.holes for hit in hole.misleading())


LONGEST_NARROW_S, LONGEST_WIDE_S = 25 * 60.0, 3 * 3600.0
"""How long a silent hole in a contract or series lasts at most, and one in a symbol or more."""


def lies(seed: int, *, requests: int = 60, time_scale: float = 1.0) -> Lies:
    """Return one to three lies at random moments; the same for the same seed.

    Silent holes over the source (underlyings included or not), a symbol, a contract or a series; bars that cannot be,
    trades that are refused at first, a strike of 11 digits; another depth, a purge a day later. Short holes are drawn
    as often as long ones.

    Args:
        seed: of every draw.
        requests: holes begin within so many logged requests.
        time_scale: stretches or shrinks holes.
    """
    random = seeded("lies", seed)

    def hole(scope: str, longest_s: float, name: str = "silent-hole") -> Scenario:
        lasting = longest_s ** random.random() * time_scale
        return named(name, scope=scope, at_request=random.randint(2, requests), for_s=lasting, seed=seed)

    def spoiled(name: str, most: int, **options: Any) -> Scenario:  # noqa: ANN401 - options of the scenario
        return named(name, hits=random.randint(1, most), share=random.uniform(0.05, 0.5), seed=seed, **options)

    def memory() -> Scenario:
        purge = random.randint(1, 2)
        if random.random() < 0.5:  # noqa: PLR2004 - an even chance
            return named("memory", purge_days=purge)
        quotes, trades = random.randint(20, 65), random.randint(66, 123)
        return named("memory", quote_depth_days=quotes, trade_depth_days=trades, purge_days=purge)

    choices: tuple[Callable[[], Scenario], ...] = (
        lambda: hole("source", LONGEST_WIDE_S),
        lambda: hole("source", LONGEST_WIDE_S, "silent-hole-everywhere"),
        lambda: hole("symbol", LONGEST_WIDE_S),
        lambda: hole("contract", LONGEST_NARROW_S),
        lambda: hole("series", LONGEST_NARROW_S),
        lambda: spoiled("absurd-values", 5),
        lambda: spoiled("refused-trade", 3, times=random.randint(1, 2)),
        lambda: named("absurd-strike", hits=random.randint(1, 2), seed=seed),
        memory,
    )
    return Lies(tuple(make() for make in random.sample(choices, random.randint(1, 3))))
