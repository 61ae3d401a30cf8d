"""Installation of the timers: systemd units or a launchd job.

What starts the collector on this machine: systemd's units or launchd's job, rendered, written, removed.
"""

from collector.app.installation.places import Kind, Places, owner, places, this_kind
from collector.app.installation.unit_files import LABEL, MARKER, every, on_calendar, render
from collector.app.installation.unit_writing import Run, folder, install, uninstall

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
