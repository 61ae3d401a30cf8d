"""Files that an export is made of."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from collector.archive import bar_files, bar_schemas, contracts_file, layout
from collector.archive.places import Place
from collector.domain.errors import ArchiveError, SessionHeldTwice
from collector.domain.market_data.data_sets import DataSet


@dataclass(frozen=True, slots=True)
class Sources:
    """A symbol's bars of one data set, and all contracts.

    files: each with the sessions that are taken from it; every session is taken once. contracts: the table of
    collector.archive.contracts_file.
    """

    symbol: str
    data_set: DataSet
    files: tuple[tuple[Path, frozenset[date]], ...]
    contracts: pa.Table

    def rows(self) -> Iterator[pa.Table]:
        """Yield all bars, ascending by id and time; a contract's bars are not torn between two tables."""
        readers = [bar_files.read(path, self.data_set, days) for path, days in self.files]
        schema = bar_schemas.schema(self.data_set)
        held: list[pa.Table] = []
        for part in bar_files.merged(readers, schema):
            owner = part.column(1)
            start = pc.index(owner, owner[-1]).as_py()
            if start:  # another contract begins: what came before is complete
                yield pa.concat_tables([*held, part.slice(0, start)]).combine_chunks()
                held = []
            held.append(part.slice(start))
        if held:
            yield pa.concat_tables(held).combine_chunks()


async def gather(place: Place, data_set: DataSet, symbol: str, folder: Path) -> Sources:
    """Return what the archive has of a symbol's bars.

    Two files hold a session while a pass replaces one by the other. Where both have the same bars of it, it is taken
    once.

    Args:
        place: of the archive.
        data_set: whose bars.
        symbol: of the underlying.
        folder: for copies of what cannot be read in place; the caller removes it.

    Raises:
        SessionHeldTwice: two files hold a session with different bars.
        ForeignFile: a file holds other bars than its path says.
        ArchiveError: there are no bars, a file is none of the archive's, or the place cannot be reached.
    """
    found = []
    for stored in await place.objects(layout.folder(data_set, symbol)):
        period = layout.parse(stored.path)
        if period is not None:
            found.append((period.first - period.last, period.first, stored.path, period))
    if not found:
        raise ArchiveError(
            f"the archive in {place.name} has no {data_set.name} of {symbol}", "run: collector archive --plan"
        )
    taken: dict[date, tuple[str, str]] = {}
    files = []
    for _, _, name, period in sorted(found, key=lambda one: one[:3]):
        path = await _at_hand(place, name, folder)
        await asyncio.to_thread(bar_files.require_period, path, f"{place.name}/{name}", period)
        held = await asyncio.to_thread(bar_files.hashes_of, path)
        for day, content in held.items():
            other, there = taken.setdefault(day, (name, content))
            if there != content:
                raise SessionHeldTwice(place.name, (other, name), day)
        days = frozenset(day for day in held if taken[day][0] == name)
        if days:
            files.append((path, days))
    contracts = await _at_hand(place, layout.CONTRACTS, folder)
    return Sources(symbol, data_set, tuple(files), await asyncio.to_thread(contracts_file.read_contracts, contracts))


async def _at_hand(place: Place, name: str, folder: Path) -> Path:
    """Return where an object can be read, fetching it if need be."""
    local = place.local(name)
    if local is not None and local.exists():
        return local
    copy = folder / name.replace("/", "_")
    await place.fetch(name, copy)
    return copy
