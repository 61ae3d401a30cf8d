"""Bars a second that get implied volatility and Greeks: a session of the simulated market, 360,000 bars.

`python -m tests.benchmarks.bench_greeks [--bars N] [--threads N]`. Only the calculation is measured, parity included;
reading and writing are the database's business (bench_ingest). The simulated market is drawn beforehand.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import numpy as np

from collector.clock import SystemClock
from collector.domain.pricing.chain import ABSENT, Computed, ExpirationDay, InputRules, Terms, compute
from collector.domain.pricing.parity import Prior
from collector.domain.pricing.reasons import COMPUTED, GreeksReason
from collector.simulator.market import Market
from tests.support.option_days import simulated_day

DAY = date(2026, 11, 20)
_BAND = {"SPY": 0.15, "PLTR": 0.25, "TSLA": 0.25}
_HORIZON_DAYS = 45


def days(market: Market, bars: int) -> Iterator[ExpirationDay]:
    """Yield expirations as the default configuration selects them, until there are enough bars."""
    left = bars
    for place in range(100):
        for symbol, band in _BAND.items():
            chain = market.chain(symbol)
            live = [] if chain is None else [one for one in chain.expirations if 0 <= (one - DAY).days <= _HORIZON_DAYS]
            if place >= len(live) or left <= 0:
                continue
            prices = simulated_day(market, symbol, live[place], DAY).prices
            near = np.abs(prices.strike / prices.spot[0] - 1.0) <= band
            yield (chosen := taken(prices, near))
            left -= int(chosen.present.sum())


def taken(prices: ExpirationDay, rows: np.ndarray) -> ExpirationDay:
    """Return some contracts of an expiration."""
    return ExpirationDay(
        strike=prices.strike[rows], sign=prices.sign[rows], spot=prices.spot, years=prices.years,
        present=prices.present[rows], bid=prices.bid[rows], ask=prices.ask[rows], trade=prices.trade[rows],
        volume=prices.volume[rows], flags=prices.flags[rows],
    )  # fmt: skip


def one(prices: ExpirationDay) -> Computed:
    """Compute one expiration as the pass does."""
    return compute(prices, Terms(0.04, Prior(0.0)), InputRules())


def main() -> None:
    """Draw the session, compute it, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=360_000)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    market = Market(7, SystemClock(datetime(2026, 11, 20, 22, 0, tzinfo=UTC)))
    session = list(days(market, given.bars))
    began, worked = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(given.threads) as pool:
        results = list(pool.map(one, session))
    took, worked = time.perf_counter() - began, time.process_time() - worked
    reasons: Counter[GreeksReason] = Counter()
    for result in results:
        found, counts = np.unique(result.reason[result.reason != ABSENT], return_counts=True)
        reasons.update(dict(zip(map(GreeksReason, found.tolist()), counts.tolist(), strict=True)))
    bars, contracts = reasons.total(), sum(len(prices.strike) for prices in session)
    computed = sum(reasons[reason] for reason in COMPUTED)
    sys.stdout.write(
        f"{bars} bars of {contracts} contracts in {len(session)} expirations, {given.threads} threads: "
        f"{took:.1f} s ({worked:.1f} s of processor), {bars / took:,.0f} bars/s\n"
        f"with numbers: {computed} ({computed / bars:.1%}); "
        + ", ".join(f"{reason.name.lower()} {count}" for reason, count in reasons.most_common())
        + "\n"
    )


if __name__ == "__main__":
    main()
