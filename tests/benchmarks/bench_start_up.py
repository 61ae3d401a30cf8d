"""CPU seconds and memory of starting the command, beside importing typer and rich.

`python -m tests.benchmarks.bench_start_up`. CPU is that of the process and its children, the median of ten; the timer
starts `run --due` 288 times a day, and mostly nothing is due.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from collector.db.server import embedded
from tests.benchmarks.bench_storage import say

_TIMES = 10
_AT_NIGHT = "2026-11-20T03:00:00-05:00"
_LIMITS = {"--help": 2.0, "--version": 2.0, "statsu": 2.0, "status": 6.0, "run --due": 6.0}
"""Of what the yardstick takes."""
_MOST_KB = 60_000
_MEMORY = (
    "import os, resource, sys\n"
    "pid = os.fork()\n"
    "if pid == 0: os.execv(sys.executable, [sys.executable, *sys.argv[1:]])\n"
    "print(os.wait4(pid, 0)[2].ru_maxrss, file=sys.stderr)"
)


def _cpu_s(*words: str) -> float:
    found = []
    for _ in range(_TIMES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], check=False, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return statistics.median(found)


def _memory_kb(*words: str) -> int:
    done = subprocess.run([sys.executable, "-c", _MEMORY, *words], check=False, capture_output=True, text=True)
    return int(done.stderr.split()[-1])


def main() -> int:
    """Print the figures; return whether one is above its limit."""
    yardstick = _cpu_s("-c", "import typer, rich")
    say(f"import typer, rich: {yardstick * 1000:.0f} ms CPU")
    too_much = False
    for words, limit in _LIMITS.items():
        took = _cpu_s("-m", "collector", *words.split())
        memory = _memory_kb("-m", "collector", *words.split())
        above = took > limit * yardstick or (limit == min(_LIMITS.values()) and memory > _MOST_KB)
        too_much |= above
        say(
            f"collector {words:10} {took * 1000:4.0f} ms CPU, {took / yardstick:4.1f} x (at most {limit:.0f} x), "
            f"{memory / 1000:3.0f} MB{'  ABOVE' if above else ''}"
        )
    return int(too_much)


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled modules are what an installation has
    with tempfile.TemporaryDirectory(prefix="start-up-") as home:
        Path(home).chmod(0o711)  # root's server, which runs as another user, passes through
        os.environ |= {"HOME": home, "COLLECTOR_CLOCK": _AT_NIGHT, "COLLECTOR_DATABASE__DATA_DIR": f"{home}/database"}
        for command in (("db", "upgrade"), ("run", "--due"), ("status",)):
            subprocess.run([sys.executable, "-m", "collector", *command], check=False, capture_output=True)
        try:
            code = main()
        finally:
            embedded.stop(Path(home) / "database")
    sys.exit(code)
