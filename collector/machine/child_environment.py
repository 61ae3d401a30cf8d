"""The environment that child programs get."""

import os
from collections.abc import Iterable

_PASSED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "TMPDIR",
    # A notice on the desktop, and a user's own systemd, are reached by these.
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
)


def child_environment(more: Iterable[tuple[str, str]] = (), /, **own: str) -> dict[str, str]:
    """Return what a child program needs to know of ours, and nothing else: secrets are in the environment, too.

    Args:
        more: further variables, by name.
        own: likewise; they come last.
    """
    passed = {name: value for name, value in os.environ.items() if name in _PASSED or name.startswith("LC_")}
    passed.setdefault("PATH", os.defpath)
    return {**passed, **dict(more), **own}
