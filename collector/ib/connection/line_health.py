"""Health of IB's line and farms, from its notices.

How IB is, as far as its notices tell: the gateway's own line to IB, and its farms.
"""

import re
from collections.abc import Collection, Iterable

from collector.ib.error_codes import Notice

_FARM = {
    Notice.MARKET_FARM_DOWN: ("market", False),
    Notice.MARKET_FARM_UP: ("market", True),
    Notice.HISTORY_FARM_DOWN: ("history", False),
    Notice.HISTORY_FARM_UP: ("history", True),
    Notice.DEFINITION_FARM_DOWN: ("definition", False),
    Notice.DEFINITION_FARM_UP: ("definition", True),
}
_LINE = {
    Notice.CONNECTIVITY_LOST: False,
    Notice.CONNECTIVITY_RESTORED: True,
    Notice.CONNECTIVITY_RESTORED_DATA_LOST: True,
}
_NAME = re.compile(r":\s*([\w.]+)\s*\.?$")
_NOT_CONNECTED = re.compile(r"not connected:(.+?)(?:\.\s|\.?$)", re.IGNORECASE)
_LISTED = re.compile(r"[\w.]*\w")
"""A farm in a list: a full stop inside belongs to the name (usfarm.nj), one behind it does not."""
_ALL_CONNECTED = re.compile(r"all data farms are connected", re.IGNORECASE)


class Health:
    """The state of IB behind one connection.

    Nothing is known to be down at first: IB reports its farms right after a connection is made.

    Args:
        foreign_farms: farms whose state does not matter, because they serve other continents' exchanges.
    """

    def __init__(self, foreign_farms: Iterable[str] = ()) -> None:
        self._foreign = frozenset(foreign_farms)
        self.line_up = True
        self.down: dict[str, set[str]] = {"market": set(), "history": set(), "definition": set()}
        self.reported: set[str] = set()
        self.disturbances = 0

    @property
    def history_up(self) -> bool:
        """Whether nothing is known that would spoil historical answers."""
        return self.line_up and not self.down["history"]

    @property
    def definitions_up(self) -> bool:
        """Whether nothing is known that would spoil contract definitions."""
        return self.line_up and not self.down["definition"]

    @property
    def all_up(self) -> bool:
        """Whether the line and every farm are up; only then may an empty answer be believed."""
        return self.line_up and not any(self.down.values())

    def take(self, notice: Notice, text: str) -> bool:
        """Take a notice; return whether anything that is known has changed.

        Every notice about a farm or the line counts as a disturbance, also that of a recovery: what was answered
        around it is not to be trusted when it is empty.
        """
        before = self._snapshot()
        if notice in _FARM:
            self._take_farm(*_FARM[notice], _name(text))
        elif notice in _LINE:
            self._take_line(text, up=_LINE[notice])
        elif notice is Notice.FARM_DORMANT:
            self._take_dormant(text)
        elif notice is Notice.HISTORY_DISTURBED:
            self.disturbances += 1
        return self._snapshot() != before

    def believe_up(self) -> None:
        """Take line and history farms for up, since bars have just come through them."""
        self.line_up = True
        self.down["history"].clear()

    def forget(self, names: Collection[str]) -> None:
        """Take farms of definitions and live data for up again: they were down for longer than is believed."""
        self.down["definition"].difference_update(names)
        self.down["market"].difference_update(names)

    def describe(self) -> str:
        """Return what is down, for people; empty when nothing is."""
        names = ["line to IB"] if not self.line_up else []
        names += [f"{kind} farm {name}".rstrip() for kind, farms in self.down.items() for name in sorted(farms)]
        return ", ".join(names)

    def _take_farm(self, kind: str, up: bool, name: str) -> None:
        if name in self._foreign:
            return
        self.disturbances += 1
        self.reported.add(kind)
        if up:
            self.down[kind].discard(name)
        else:
            self.down[kind].add(name)

    def _take_line(self, text: str, *, up: bool) -> None:
        self.disturbances += 1
        self.line_up = up
        if not up:
            return
        if _ALL_CONNECTED.search(text):
            for farms in self.down.values():
                farms.clear()
        if missing := _NOT_CONNECTED.search(text):
            for name in _LISTED.findall(missing.group(1)):
                if name not in self._foreign:
                    self.down[_kind(name)].add(name)

    def _take_dormant(self, text: str) -> None:
        """A farm that sleeps is not broken."""
        name = _name(text)
        self.reported.add(_kind(name))
        for farms in self.down.values():
            farms.discard(name)

    def _snapshot(self) -> tuple[object, ...]:
        return (self.line_up, *(frozenset(farms) for farms in self.down.values()))


def _name(text: str) -> str:
    found = _NAME.search(text)
    return found.group(1).rstrip(".") if found else ""


def _kind(name: str) -> str:
    """Return which farm a name belongs to, as IB names them: ushmds, secdefil, usfarm."""
    if "hmds" in name:
        return "history"
    return "definition" if name.startswith("secdef") else "market"
