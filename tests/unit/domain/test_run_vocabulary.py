"""The words of a run: windows that are built in, and windows of the owner's."""

import copy
import pickle

import pytest

from collector.domain.run_vocabulary import BUILT_IN, Window


def test_a_window_of_the_owners_is_one_value() -> None:
    """Whoever reads its name gets the same window, also from a copy or a pickle; it is text, and no built-in one."""
    window = Window("power_hour")
    for same in (Window("power_hour"), copy.deepcopy(window), pickle.loads(pickle.dumps(window))):  # noqa: S301 - ours
        assert same is window
    assert f"{window}" == window == window.value == "power_hour"
    assert {window: 1}["power_hour"] == 1  # a row's text finds it
    assert window not in BUILT_IN
    assert window not in list(Window)
    assert len(list(Window)) == 16
    assert Window("eod") is Window.EOD


def test_what_is_no_text_is_no_window() -> None:
    """A number in a document is refused."""
    with pytest.raises(ValueError, match="5 is not a valid Window"):
        Window(5)  # type: ignore[arg-type]  # as it may stand in a file


@pytest.mark.parametrize(
    ("names", "asks_gateway", "fetches"),
    [
        ("morning midday afternoon expiry_check eod late_night manual", True, True),
        ("chain_refresh pre_market", True, False),
        ("gap_check weekly backup", False, False),
        ("power_hour a_window_of_another_configuration", True, True),
    ],
)
def test_what_a_window_does(names: str, asks_gateway: bool, fetches: bool) -> None:
    """All but the three that look or back up ask the gateway; of those all but the readers of chains fetch bars."""
    for name in names.split():
        assert (Window(name).asks_gateway, Window(name).fetches) == (asks_gateway, fetches), name
