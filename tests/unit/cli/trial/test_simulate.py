"""`collector simulate --list`: the scenarios, a sentence each."""

import pytest

from collector.cli.main import main
from collector.simulator.scenarios import SCENARIOS, named


def test_the_list_says_what_each_scenario_does(capsys: pytest.CaptureFixture[str]) -> None:
    """A line a scenario: its name, which makes it, and one sentence that no other has."""
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "--list"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(SCENARIOS)
    sentences = [line.split(maxsplit=1)[1] for line in lines]
    assert all(sentence[0].isupper() and sentence.endswith((".", "…")) for sentence in sentences)
    assert len(set(sentences)) == len(sentences)
    assert [named(line.split()[0]).heals for line in lines].count(True) > 20
