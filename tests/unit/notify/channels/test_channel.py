"""What the channels' deliveries say together: was anybody told?"""

import pytest

from collector.notify.channels.channel import Delivery, told_nobody

KEPT = Delivery(channel="outbox", ok=True, detail="/kept/mail.html")
NOT_KEPT = Delivery(channel="outbox", ok=False, detail="No space left on device")
SENT = Delivery(channel="mail", ok=True, detail="owner@example.org")
NOT_SENT = Delivery(channel="mail", ok=False, detail="mail server refused the login")
EARLIER = Delivery(channel="mail", ok=True, detail="owner@example.org", earlier=True)
NOT_EARLIER = Delivery(channel="mail", ok=False, detail="it is empty or damaged", earlier=True)
SHOWN = Delivery(channel="desktop", ok=True)
NOT_POSTED = Delivery(channel="slack", ok=False, detail="no answer")
PINGED = Delivery(channel="dead_man", ok=True)
NOT_PINGED = Delivery(channel="dead_man", ok=False)


@pytest.mark.parametrize(
    ("deliveries", "why"),
    [
        ([], []),
        ([PINGED], []),
        ([NOT_PINGED], []),
        ([KEPT], []),
        ([KEPT, SENT, NOT_POSTED], []),
        ([KEPT, NOT_SENT, SHOWN], []),
        ([NOT_KEPT, SHOWN], []),
        ([NOT_EARLIER], []),
        ([EARLIER, NOT_EARLIER, PINGED], []),
        ([NOT_KEPT], [NOT_KEPT]),
        ([KEPT, NOT_SENT, PINGED], [NOT_SENT]),
        ([NOT_KEPT, EARLIER], [NOT_KEPT]),
        ([KEPT, EARLIER, NOT_SENT, NOT_POSTED], [NOT_SENT, NOT_POSTED]),
    ],
)
def test_nobody_was_told(deliveries: list[Delivery], why: list[Delivery]) -> None:
    """Neither a file, where mail was to be sent, nor a ping, nor the mail of an earlier run has told of this one."""
    assert list(told_nobody(deliveries)) == why
