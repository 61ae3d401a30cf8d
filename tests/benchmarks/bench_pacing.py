"""Efficiency of the pacer: achieved ÷ best throughput, beside fixed numbers in flight.

`python -m tests.benchmarks.bench_pacing`. Simulated time, both ceilings on. Each figure is the lowest of the seeds; a
warm-up after the start and after each switch does not count. "adapted" is the longest time that any seed took until
twenty seconds running brought 95 % of the best, "in flight" the numbers that were held and for what share of the time.
"""

import argparse
import sys
from functools import partial

from collector.ib.pacing import PacingSettings
from tests.benchmarks.pacing_runs import CURVES, PHASE_S, SERVICES, WARM_UP_S, PhaseResult, run

FIXED = (1, 6, 20, 50)


def _policies() -> dict[str, PacingSettings]:
    fixed = {str(number): PacingSettings(adaptive=False, open_requests=number) for number in FIXED}
    return {"adaptive": PacingSettings(), **fixed}


def _held(results: list[PhaseResult]) -> str:
    """Return the numbers in flight that were held for a tenth of the time or more, the longest first."""
    total: dict[int, float] = {}
    for result in results:
        for limit, seconds in result.limits.items():
            total[limit] = total.get(limit, 0.0) + seconds
    whole = sum(total.values())
    often = sorted((limit for limit in total if total[limit] >= 0.1 * whole), key=lambda limit: -total[limit])
    return " ".join(f"{limit}:{total[limit] / whole:.0%}" for limit in often)


def main() -> int:
    """Print the table; 1 when the adaptive pacer stays below 95 % anywhere."""
    parser = argparse.ArgumentParser(description="efficiency of the pacer in simulated time")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default 3)")
    parser.add_argument("--adaptive-only", action="store_true", help="leave out the fixed numbers in flight")
    arguments = parser.parse_args()
    policies = dict(list(_policies().items())[: 1 if arguments.adaptive_only else None])
    say = partial(print, flush=True)
    say(f"phases of {PHASE_S:.0f} s, the first {WARM_UP_S:.0f} s not counted; lowest of {arguments.seeds} seeds")
    say(
        f"{'service':8}{'model':11}{'phase':18}" + "".join(f"{name:>10}" for name in policies) + "   adapted  in flight"
    )
    worst = 1.0
    for service in SERVICES:
        for model, curves in CURVES.items():
            runs = {
                name: [run(curves, service, settings, seed) for seed in range(arguments.seeds)]
                for name, settings in policies.items()
            }
            for number, curve in enumerate(curves):
                phases = {name: [results[number] for results in of_seeds] for name, of_seeds in runs.items()}
                lowest = {name: min(result.share for result in results) for name, results in phases.items()}
                worst = min(worst, lowest["adaptive"])
                times = [result.adapted_s for result in phases["adaptive"]]
                adapted = "never" if None in times else f"{max(time for time in times if time is not None):.0f} s"
                say(
                    f"{service:8}{model:11}{curve.name:18}"
                    + "".join(f"{share:10.1%}" for share in lowest.values())
                    + f"{adapted:>10}  {_held(phases['adaptive'])}"
                )
    return int(worst < 0.95)


if __name__ == "__main__":
    sys.exit(main())
