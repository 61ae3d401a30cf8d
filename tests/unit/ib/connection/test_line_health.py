"""What IB's notices tell of its line and its farms."""

import pytest

from collector.ib.connection.line_health import Health
from collector.ib.error_codes import Notice


def test_nothing_is_known_to_be_down_at_first() -> None:
    """IB reports its farms after the connection is made."""
    assert Health().all_up


def test_a_broken_history_farm_spoils_history_until_it_is_back() -> None:
    """2105 and 2106 name the farm."""
    health = Health()
    assert health.take(Notice.HISTORY_FARM_DOWN, "HMDS data farm connection is broken:ushmds")
    assert not health.history_up
    assert health.definitions_up
    assert health.describe() == "history farm ushmds"
    assert health.take(Notice.HISTORY_FARM_UP, "HMDS data farm connection is OK:ushmds")
    assert health.all_up


def test_every_notice_is_a_disturbance_also_when_nothing_changes() -> None:
    """An empty answer around it is not to be believed."""
    health = Health()
    assert not health.take(Notice.HISTORY_FARM_UP, "HMDS data farm connection is OK:ushmds")
    assert health.disturbances == 1


def test_farms_of_other_continents_do_not_matter() -> None:
    """Their trouble neither closes a gate nor casts doubt."""
    health = Health({"euhmds"})
    assert not health.take(Notice.HISTORY_FARM_DOWN, "HMDS data farm connection is broken:euhmds")
    assert health.all_up
    assert health.disturbances == 0


def test_a_sleeping_farm_is_not_broken() -> None:
    """2107 and 2108 are normal: the farm wakes when it is asked."""
    health = Health()
    health.take(Notice.HISTORY_FARM_DOWN, "HMDS data farm connection is broken:ushmds")
    health.take(
        Notice.FARM_DORMANT, "HMDS data farm connection is inactive but should be available upon demand.:ushmds"
    )
    assert health.all_up
    assert "history" in health.reported


def test_a_lost_line_spoils_everything() -> None:
    """1100: what is asked now is not answered by IB."""
    health = Health()
    health.take(Notice.CONNECTIVITY_LOST, "Connectivity between IBKR and Trader Workstation has been lost.")
    assert not health.history_up
    assert not health.definitions_up


def test_a_restored_line_names_the_farms_that_are_missing() -> None:
    """1102 may list farms that are not connected yet."""
    health = Health()
    health.take(Notice.CONNECTIVITY_LOST, "Connectivity has been lost.")
    health.take(
        Notice.CONNECTIVITY_RESTORED,
        "Connectivity between IB and TWS has been restored - data maintained."
        " The following farms are connected: usfarm; secdefil. The following farms are not connected: ushmds.",
    )
    assert health.line_up
    assert not health.history_up
    assert health.definitions_up
    assert health.describe() == "history farm ushmds"
    assert health.take(Notice.HISTORY_FARM_UP, "HMDS data farm connection is OK:ushmds")
    assert health.all_up


@pytest.mark.parametrize(
    ("listed", "down"),
    [
        ("usfuture.", {"market": {"usfuture"}}),
        ("usfarm.nj; secdefil.", {"market": {"usfarm.nj"}, "definition": {"secdefil"}}),
        ("euhmds; ushmds", {"history": {"ushmds"}}),
        ("euhmds.", {}),
        ("ushmds. The following farms are connected: usfarm.", {"history": {"ushmds"}}),
    ],
)
def test_the_list_of_missing_farms_ends_with_a_full_stop(listed: str, down: dict[str, set[str]]) -> None:
    """The full stop belongs to the sentence: by the names without it the farms are known, and called up again."""
    health = Health({"euhmds"})
    health.take(
        Notice.CONNECTIVITY_RESTORED,
        "Connectivity between IBKR and Trader Workstation has been restored - data maintained."
        f" The following farms are connected: cashfarm. The following farms are not connected: {listed}",
    )
    assert {kind: farms for kind, farms in health.down.items() if farms} == down


def test_a_line_restored_with_all_farms_forgets_their_trouble() -> None:
    """1102 says so in words."""
    health = Health()
    health.take(Notice.HISTORY_FARM_DOWN, "HMDS data farm connection is broken:ushmds")
    health.take(
        Notice.CONNECTIVITY_RESTORED,
        "Connectivity has been restored - data maintained. All data farms are connected: usfarm; ushmds; secdefil.",
    )
    assert health.all_up
