"""`collector archive` from a person's side: what is asked in vain is told."""

from pathlib import Path

import pytest

from tests.support.command_line import home


@pytest.mark.parametrize("plan", [(), ("--plan",)])
def test_a_symbol_that_is_not_known_is_no_archived_one(
    plan: tuple[str, ...], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A mistyped symbol ends as a wrong call, not with the word that the archive is complete."""
    with home() as account:
        wrong = account.call(capsys, "archive", "--symbol", "SYP", *plan, COLLECTOR_ARCHIVE__PLACE=str(tmp_path))
    assert (wrong.code, wrong.complaint, wrong.out) == (2, "nothing is known of SYP", "")
