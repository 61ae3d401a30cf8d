"""How a replica stands to its database."""

from dataclasses import dataclass, replace

from collector.db.connection.pool import Statements

_FAR_BEHIND_S = 900
"""Three slots: then what it shows of a session is no longer what there is."""

_A_MOMENT_S = 0.2
"""In which a replica that keeps up replays what it had received."""

_MINUTE, _HOUR = 60, 3600
_UNITS = ((2 * _HOUR, "h", _HOUR), (2 * _MINUTE, "min", _MINUTE), (float("-inf"), "s", 1))


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server says of itself.

    server: its number, which only its physical replicas share. replays: whether it is a replica. receives: whether it
    is connected to the server that it follows. behind_s: age of what it has, seconds; None: nothing is replayed yet.
    received, replayed: places in the log, bytes; None where there are none.
    """

    server: int
    database: str
    replays: bool
    receives: bool
    behind_s: float | None
    received: int | None = None
    replayed: int | None = None

    @property
    def words(self) -> str:
        """Say what it is and how old what it has is."""
        if not self.replays:
            return "no replica: a server that is written to"
        if self.behind_s is None:
            return "a replica that has replayed nothing yet"
        if not self.receives:
            return f"a replica that receives nothing; what it has is {_length(self.behind_s)} old"
        return f"a replica, {_length(self.behind_s)} behind" if self.behind_s else "a replica that is not behind"

    @property
    def is_late(self) -> bool:
        """Tell whether it may lack what a reader asks for."""
        return self.replays and (not self.receives or self.behind_s is None or self.behind_s >= _FAR_BEHIND_S)


async def standing(db: Statements) -> Standing:
    """Return how a server stands to the one that it follows."""
    first = await _looked(db)
    if first.receives and first.behind_s:
        # A quiet server's log has records in between, and the last transaction may be hours old when one is on its way.
        await db.clock.sleep(_A_MOMENT_S)
        second = await _looked(db)
        caught_up = (second.replayed or 0) >= (first.received or 0) > 0
        return replace(second, behind_s=0.0) if second.receives and caught_up else second
    return first


async def _looked(db: Statements) -> Standing:
    row = await db.fetchrow("replica_standing")
    if row is None:
        raise LookupError("a statement of one row returned none")
    return Standing(**row)


def _length(seconds: float) -> str:
    unit, size = next((unit, size) for least, unit, size in _UNITS if seconds >= least)
    return f"{max(seconds, 0) / size:,.0f} {unit}"
