"""Model of what is stored and how fast it grows."""

from dataclasses import dataclass

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSizes:
    """What is stored, bytes; None where it is not known.

    raw, compressed, aggregates: bars as they are written, compressed bars, summaries; with indexes. database: all of
    it, with everything else. archive: the objects of its place, wherever that is. free: on the disk that fills up as
    bars come.
    """

    database: int
    raw: int
    compressed: int
    aggregates: int
    archive: int | None = None
    backups: int | None = None
    logs: int | None = None
    free: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageReport:
    """What is stored now, and what was stored some time ago: None when that was never measured.

    elapsed_s: seconds between the two.
    """

    now: StorageSizes
    before: StorageSizes | None = None
    elapsed_s: float = 0.0

    @property
    def growth_a_week(self) -> float | None:
        """Return by how many bytes the database grows in a week; None when nothing is known of earlier."""
        if self.before is None or not self.elapsed_s:
            return None
        return (self.now.database - self.before.database) * (7 * _DAY_S / self.elapsed_s)

    @property
    def full_in_days(self) -> float | None:
        """Return in how many days the disk is full at the pace at which its room went; None when it does not go."""
        if self.before is None or not self.elapsed_s or self.now.free is None or self.before.free is None:
            return None
        gone = self.before.free - self.now.free
        return self.now.free / gone * (self.elapsed_s / _DAY_S) if gone > 0 else None
