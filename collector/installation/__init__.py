"""What starts the collector on this machine: systemd's units or launchd's job, rendered, written, removed."""

from collector.installation.places import Kind, Places, owner, places, this_kind
from collector.installation.rendering import LABEL, MARKER, every, on_calendar, render
from collector.installation.writing import Run, folder, install, uninstall

__all__ = [
    "LABEL",
    "MARKER",
    "Kind",
    "Places",
    "Run",
    "every",
    "folder",
    "install",
    "on_calendar",
    "owner",
    "places",
    "render",
    "this_kind",
    "uninstall",
]
