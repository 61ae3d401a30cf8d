"""The registry of channels."""

from collections.abc import Callable, Iterable

from collector.notify.channels import dead_man, desktop, mail, webhook
from collector.notify.channels.channel import Channel, Surroundings

CHANNELS: tuple[Callable[[Surroundings], Iterable[Channel]], ...] = (
    mail.configured,
    desktop.configured,
    webhook.configured,
    dead_man.configured,
)
"""Each makes the channels of its kind that the configuration sets up, in the order in which they report.

The outbox is not among them: it goes first.
"""


def configured(around: Surroundings) -> tuple[Channel, ...]:
    """Return the channels of the configuration."""
    return tuple(channel for make in CHANNELS for channel in make(around))
