# ruff: noqa: T201 - benchmarks print
"""Every benchmark, one after the other, each in a process of its own: `make bench [ONLY=collect,greeks]`."""

import os
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run the benchmarks named in ONLY (all by default); return how many failed."""
    wanted = [name for name in os.environ.get("ONLY", "").split(",") if name]
    names = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    failed = 0
    for name in wanted or names:
        print(f"\n== {name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"tests.benchmarks.bench_{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
