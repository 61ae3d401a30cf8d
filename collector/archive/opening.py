"""Opening a file of the archive.

What is torn, foreign or of a later version is told by name, when the file is opened and while it is read.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from collector.archive.layout import FORMAT
from collector.domain.errors import ArchiveDamaged, ForeignFile, NewerFormat

SYMBOL = b"collector.symbol"
_FORMAT, _DATA_SET = b"collector.format", b"collector.data_set"
_MAGIC = b"PAR1"


def facts(data_set: str, symbol: str = "") -> dict[bytes, bytes]:
    """Return what a file says of itself: format, data set, and symbol where all of it is one symbol's."""
    said = {_FORMAT: str(FORMAT).encode(), _DATA_SET: data_set.encode()}
    return said | ({SYMBOL: symbol.encode()} if symbol else {})


@contextmanager
def opened(path: Path, data_set: str | None = None, schema: pa.Schema | None = None) -> Iterator[pq.ParquetFile]:
    """Open a file, checking the sums of its pages while it is read.

    Args:
        path: of the file.
        data_set: what it must hold; None: anything of the archive.
        schema: the columns that it must have; None: any.

    Raises:
        ArchiveDamaged: it is torn or was changed. ForeignFile, NewerFormat: it is no such file.
        OSError: it cannot be read.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            found = stack.enter_context(pq.ParquetFile(file, page_checksum_verification=True))
            _check(path, found, data_set, schema)
            yield found
        except (pa.ArrowException, ValueError, MemoryError) as error:  # a torn footer may ask for any room
            raise _unreadable(path, error) from None
        except OSError as error:
            if error.errno is not None:
                raise
            raise _unreadable(path, error) from None  # Arrow's own: a page's sum, a column that ends too early


def _unreadable(path: Path, error: Exception) -> ArchiveDamaged | ForeignFile:
    with path.open("rb") as file:
        begins = file.read(len(_MAGIC))
    if begins != _MAGIC:
        return ForeignFile(str(path), "it is no Parquet file")
    return ArchiveDamaged(str(path), str(error).partition("\n")[0].rstrip("."))


def _check(path: Path, found: pq.ParquetFile, data_set: str | None, schema: pa.Schema | None) -> None:
    said = found.metadata.metadata or {}
    known = said.get(_FORMAT, b"").decode(errors="replace")
    if not (known.isascii() and known.isdecimal()):
        raise ForeignFile(str(path), "it was not written by the collector's archive")
    if int(known) > FORMAT:
        raise NewerFormat(str(path), int(known), FORMAT)
    name = said.get(_DATA_SET, b"").decode(errors="replace")
    if data_set is not None and name != data_set:
        raise ForeignFile(str(path), f"it holds {name}, not {data_set}")
    if schema is not None and not found.schema_arrow.equals(schema):
        raise ArchiveDamaged(str(path), f"its columns are not those of {data_set}")
