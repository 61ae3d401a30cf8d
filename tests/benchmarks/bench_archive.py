"""Bytes a row, seconds and memory of the archive's files, beside pyarrow's default writer and a plain COPY.

`python -m tests.benchmarks.bench_archive`. A day goes from CSV, as the database copies it out, to a file that was read
back and compared; a month is merged of sessions' files. Each is measured in a process of its own. The yardsticks write
the same rows with pyarrow's defaults (Snappy, dictionaries), neither sorting, hashing nor reading back; COPY is what
the plain engine needs to give the day's rows out.
"""

import argparse
import asyncio
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import asyncpg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from collector.archive import bar_files, bar_schemas
from collector.archive.file_facts import SessionVerdicts
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from tests.benchmarks.bench_storage import STORE, create, load, say
from tests.benchmarks.market_days import (
    DATA_SETS,
    INSTANTS,
    NULL,
    Rows,
    as_data_set,
    as_stored,
    quoted_session,
    session_days,
    shifted,
)
from tests.support import engines

MOST_BYTES = {"quoted": 10.5, "sparse": 23.0, "dense": 19.0}
"""A row, without the six columns of BID and ASK that are no close."""
DAY_S, DAY_MB, MONTH_MB = 3.0, 400, 600
_SIX = tuple(f"{side}_{price}" for side in ("bid", "ask") for price in ("open", "high", "low"))
_SESSIONS = 13
"""Of a month's file: 4.7 million rows."""
_STATE = SessionVerdicts(True)


def text_of(rows: Rows) -> bytes:
    """Return a session's rows as the database copies them out."""
    arrays = []
    for name, values in as_stored(rows).columns.items():
        if name == "has_gaps":
            arrays.append(pa.array(np.zeros(len(rows), dtype=bool)))
            continue
        kind = bar_schemas.INSTANT if name in INSTANTS else pa.int64()
        arrays.append(pa.array(np.where(values == NULL, 0, values), pa.int64(), mask=values == NULL).cast(kind))
    written = io.BytesIO()
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    csv.write_csv(pa.table(arrays, names=list(bar_schemas.stored_columns(OPTION_BARS_5MIN))), written, options)
    return written.getvalue()


def pieces(path: Path) -> Iterator[bytes]:
    """Yield a file as a driver hands it over."""
    with path.open("rb") as file:
        while piece := file.read(2**16):
            yield piece


def peak_mb() -> float:
    """Return the most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():  # what the caller had does not count there
        [line] = [one for one in status.read_text().splitlines() if one.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_day(text: Path, path: Path) -> None:
    """Write a day and print seconds and megabytes."""
    began = time.perf_counter()
    rows = bar_schemas.tables(OPTION_BARS_5MIN, pieces(text))
    bar_files.write(path, OPTION_BARS_5MIN, "SPY", rows, {date.fromisoformat(path.stem): _STATE})
    say(time.perf_counter() - began, time.process_time(), peak_mb())


def write_day_by_default(text: Path, path: Path) -> None:
    """Write the same day with pyarrow's defaults."""
    began = time.perf_counter()
    with pq.ParquetWriter(path, bar_schemas.schema(OPTION_BARS_5MIN)) as writer:
        for table in bar_schemas.tables(OPTION_BARS_5MIN, pieces(text)):
            writer.write_table(table)
    say(time.perf_counter() - began, time.process_time(), peak_mb())


def merge_month(folder: Path, path: Path) -> None:
    """Merge the sessions' files of a folder."""
    began = time.perf_counter()
    days = {date.fromisoformat(one.stem): one for one in sorted(folder.glob("*.parquet"))}
    sources = [(file, [day]) for day, file in days.items()]
    bar_files.merge(sources, path, OPTION_BARS_5MIN, "SPY", dict.fromkeys(days, _STATE))
    say(time.perf_counter() - began, time.process_time(), peak_mb())


def copy_month(folder: Path, path: Path) -> None:
    """Write the sessions' files of a folder one after the other, with pyarrow's defaults."""
    began = time.perf_counter()
    with pq.ParquetWriter(path, bar_schemas.schema(OPTION_BARS_5MIN)) as writer:
        for one in sorted(folder.glob("*.parquet")):
            for batch in bar_files.read(one, OPTION_BARS_5MIN):
                writer.write_batch(batch)
    say(time.perf_counter() - began, time.process_time(), peak_mb())


_STEPS = {
    "day": write_day,
    "day-default": write_day_by_default,
    "month": merge_month,
    "month-default": copy_month,
}


def measured(step: str, source: Path, target: Path) -> tuple[float, float, float]:
    """Run a step in a process of its own, and return its seconds, those of processors, and megabytes."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_archive", "--step", step, str(source), str(target)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, worked, megabytes = map(float, answer.stdout.split())
    return seconds, worked, megabytes


def bytes_a_row(path: Path) -> tuple[float, float]:
    """Return the bytes a row of a file: of all of it, and without the six columns."""
    found = pq.ParquetFile(path).metadata
    six = 0
    for number in range(found.num_row_groups):
        group = found.row_group(number)
        columns = [group.column(at) for at in range(group.num_columns)]
        six += sum(one.total_compressed_size for one in columns if one.path_in_schema in _SIX)
    size = path.stat().st_size
    return size / found.num_rows, (size - six) / found.num_rows


async def copy_out(engine: engines.Engine, rows: Rows) -> float:
    """Return the seconds in which the server gives a day out as CSV."""
    connection = await asyncpg.connect(await create(engine, "bench_archive"))
    try:
        await load(connection, STORE, [as_stored(rows)])
        names = ", ".join(bar_schemas.stored_columns(OPTION_BARS_5MIN))
        began = time.perf_counter()
        await connection.copy_from_query(
            f"SELECT {names} FROM {STORE} ORDER BY contract_id, time",  # noqa: S608 - names of columns
            output=os.devnull,
            format="csv",
        )
        return time.perf_counter() - began
    finally:
        await connection.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 1 when a figure misses its aim (docs/archive.md)."""
    parser = argparse.ArgumentParser(description="the archive's files")
    parser.add_argument("--contracts", type=int, default=4592)
    parser.add_argument("--sessions", type=int, default=_SESSIONS)
    parser.add_argument("--step", choices=sorted(_STEPS))
    parser.add_argument("paths", nargs="*", type=Path)
    given = parser.parse_args(arguments)
    if given.step:
        _STEPS[given.step](*given.paths)
        return 0
    days = session_days(given.sessions, date(2026, 11, 19))
    quoted = quoted_session(days[-1], given.contracts)
    say(f"pyarrow {pa.__version__}; {given.contracts} contracts of the simulated market, {len(quoted):,} rows a day")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        missed = _days(folder, quoted, days[-1], stack)
        return int(_month(folder, quoted, days) or missed)


def _days(folder: Path, quoted: Rows, day: date, stack: ExitStack) -> bool:
    missed = False
    say(
        f"\n{'a day':8}{'rows':>9}{'B a row':>9}{'without':>9}{'default':>9}{'s':>7}{'MB':>6}{'default s':>11}{'MB':>6}"
    )
    for data_set in DATA_SETS:
        rows = as_data_set(quoted, data_set)
        text, path, plain = folder / f"{data_set}.csv", folder / f"{day}.parquet", folder / "default.parquet"
        text.write_bytes(text_of(rows))
        measured("day", text, path)  # once for the disk's cache
        seconds, worked, memory = measured("day", text, path)
        default_s, default_worked, default_mb = measured("day-default", text, plain)
        whole, without = bytes_a_row(path)
        missed |= without > MOST_BYTES[data_set] or seconds > DAY_S or memory > DAY_MB
        say(
            f"{data_set:8}{len(rows):>9}{whole:>9.1f}{without:>9.1f}{seconds:>7.2f}{worked:>7.2f}{memory:>6.0f}"
            f"{bytes_a_row(plain)[0]:>11.1f}{default_s:>7.2f}{default_worked:>7.2f}{default_mb:>6.0f}"
        )
    engine = engines.find("plain", stack)
    say(f"COPY of the quoted day out of {engine.title}: {asyncio.run(copy_out(engine, quoted)):.2f} s")
    return missed


def _month(folder: Path, quoted: Rows, days: Sequence[date]) -> bool:
    sessions, draw = folder / "sessions", np.random.default_rng(7)
    sessions.mkdir()
    for day in days:
        rows = [bar_schemas.table(OPTION_BARS_5MIN, text_of(shifted(quoted, day, draw)))]
        bar_files.write(sessions / f"{day}.parquet", OPTION_BARS_5MIN, "SPY", rows, {day: _STATE})
    month, plain = folder / "month.parquet", folder / "plain.parquet"
    seconds, worked, memory = measured("month", sessions, month)
    default_s, default_worked, default_mb = measured("month-default", sessions, plain)
    say(
        f"\n{len(days)} sessions, {pq.read_metadata(month).num_rows:,} rows, merged: {seconds:.1f} s (CPU {worked:.1f})"
        f", {memory:.0f} MB, {bytes_a_row(month)[0]:.1f} B a row; copied one after the other with pyarrow's defaults:"
        f" {default_s:.1f} s (CPU {default_worked:.1f}), {default_mb:.0f} MB, {bytes_a_row(plain)[0]:.1f} B"
    )
    return memory > MONTH_MB


if __name__ == "__main__":
    sys.exit(main())
