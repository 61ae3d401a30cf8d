"""Seeded lies: of every kind, bounded, the same for the same seed."""

import pytest

from collector.simulator.scenarios import Lies, lies, named
from collector.simulator.scenarios.mixes import LONGEST_NARROW_S, LONGEST_WIDE_S
from collector.simulator.scenarios.untruths import AbsurdStrike, AbsurdValues, Memory, RefusedTrade, SilentHole


def drawn(count: int) -> list[Lies]:
    """Return the lies of some seeds."""
    return [lies(seed) for seed in range(count)]


def test_lies_are_the_same_for_the_same_seed_and_of_every_kind() -> None:
    """One to three at a time; every scope of hole, short and long, and every other lie occurs."""

    def described(one: Lies) -> list[str]:
        return [
            str([type(each).__name__, *((name, value) for name, value in vars(each).items() if name != "_random")])
            for each in one.scenarios
        ]

    many = drawn(200)
    assert [described(one) for one in many] == [described(one) for one in drawn(200)]
    assert {len(one.scenarios) for one in many} == {1, 2, 3}
    kinds = {type(each) for one in many for each in one.scenarios}
    assert kinds == {SilentHole, AbsurdValues, RefusedTrade, AbsurdStrike, Memory}
    holes = [hole for one in many for hole in one.holes]
    assert {(hole.scope, hole.underlyings) for hole in holes} == {
        ("source", False), ("source", True), ("symbol", False), ("contract", False), ("series", False),
    }  # fmt: skip
    for hole in holes:
        assert 1 <= hole.for_s <= (LONGEST_NARROW_S if hole.scope in {"contract", "series"} else LONGEST_WIDE_S)
    assert min(hole.for_s for hole in holes) < 10
    assert max(hole.for_s for hole in holes) > 3600
    assert {one.memory.get("purge_days") for one in many} == {None, 1, 2}
    assert all(each.heals for one in many for each in one.scenarios)


@pytest.mark.parametrize("wrong", ["silent-hole:scope=planet", "absurd-values:kinds=silly"])
def test_a_mistyped_option_is_named(wrong: str) -> None:
    """The error lists what there is."""
    with pytest.raises(ValueError, match="there are"):
        named(wrong)
