"""How a run's end is said on standard error."""

import pytest

from collector.app.composition import Outcome
from collector.cli.collect.running import say_how
from collector.domain.errors import GatewayUnavailable
from collector.notify.channels.channel import Delivery
from collector.notify.reports import examples

KEPT = Delivery(channel="outbox", ok=True, detail="/kept/mail.html")
REFUSED = Delivery(channel="mail", ok=False, detail="mail server refused the login: 535 no")
POSTED = Delivery(channel="slack", ok=True, detail="gateway_unreachable is posted")


def test_that_nobody_could_be_told_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason and what to do, after what stopped the run; the exit code is the run's."""
    assert say_how(Outcome(examples.success(), None, (KEPT, REFUSED))) == 0
    said = capsys.readouterr().err
    assert said.startswith("collector: nobody could be told how this run ended (mail: mail server refused the login")
    assert "collector notify test" in said

    stopped = Outcome(examples.preflight_failed(), GatewayUnavailable("no gateway"), (KEPT, REFUSED))
    assert say_how(stopped) == 4
    assert [line.partition(" (")[0] for line in capsys.readouterr().err.splitlines() if line.startswith("coll")] == [
        "collector: no gateway",
        "collector: nobody could be told how this run ended",
    ]


@pytest.mark.parametrize("deliveries", [(), (KEPT,), (KEPT, REFUSED, POSTED)])
def test_nothing_is_said_where_somebody_was_told(
    deliveries: tuple[Delivery, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor where nothing was to be told, or files are all that is configured."""
    assert say_how(Outcome(examples.partial(), None, deliveries)) == 3
    assert capsys.readouterr().err == ""
