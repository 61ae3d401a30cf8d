"""Example reports for tests and previews.

What `collector notify test` sends and `collector notify preview` shows without a run.

Every figure is invented, from a fixed seed; examples say so in their host's name.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from math import exp
from random import Random

import numpy as np

from collector.config.notify_settings import Severity
from collector.domain.conditions import Condition, ConditionKind
from collector.domain.coverage.evidence import EmptySession
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.pacing.pace import Latency, PacerSample
from collector.domain.reports.comparison import PastRun
from collector.domain.reports.coverage_grid import CoverageGrid, Holding, LackingContract
from collector.domain.reports.run_report import (
    Cause,
    DayTotals,
    Environment,
    Expiring,
    FailureReport,
    GapCounts,
    NextWindow,
    OutcomeCount,
    RunReport,
    SessionProgress,
    SymbolReport,
    VerdictCounts,
)
from collector.domain.run_vocabulary import Asks, RunStatus, Stage, Window
from collector.notify.alerts.alert_memory import MissedRun, OpenCondition
from collector.notify.alerts.alert_rules import Alert, Rule

SESSION = date(2026, 11, 20)
_OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
_STARTED = datetime(2026, 11, 20, 21, 45, 3, tzinfo=UTC)
HOST = "example"
_SYMBOLS = (("SPY", 2012, 81, 0.58), ("PLTR", 1040, 78, 0.31), ("TSLA", 1546, 78, 0.44))
_SPOTS = {"SPY": 671, "PLTR": 180, "TSLA": 415}
_EXPIRATIONS = 5
_LOG = "logs/collector-2026-11-20.jsonl"
_RESUME = "collector run --window eod --date 2026-11-20"


def success() -> RunReport:
    """Return an eod run that left nothing to be wished for, but a few slots that await confirmation."""
    report = _run(RunStatus.SUCCESS, settled=0.998)
    symbols = tuple(
        replace(one, awaiting=one.expected - one.settled, single_witness=one.verdicts.no_trade // 40, error="")
        for one in report.symbols
    )
    return replace(
        report,
        symbols=symbols,
        controls=64,
        confirm_at=_STARTED + timedelta(minutes=73),
        expiring=Expiring(saved=407, awaiting=3),
        gaps=GapCounts(closed=131),
    )


def partial() -> RunReport:
    """Return an eod run in which one symbol suffered from pacing."""
    report = _run(RunStatus.PARTIAL, settled=0.945)
    return replace(
        report,
        errors=(
            OutcomeCount(
                outcome=Outcome.PACING,
                count=690,
                examples=("TSLA  261127C00415000 TRADES 2026-11-20: 162 Historical data request pacing violation",),
            ),
            OutcomeCount(
                outcome=Outcome.TIME_OUT,
                count=67,
                examples=(
                    "TSLA  261218P00380000 BID 2026-11-20: no answer within 60 s",
                    "SPY   261120C00671000 ASK 2026-11-20: no answer within 60 s",
                ),
            ),
            OutcomeCount(
                outcome=Outcome.PERMISSION,
                count=2,
                examples=("PLTR  261120C00180000 TRADES: 354 Requested market data is not subscribed.",),
            ),
        ),
        rate_limit_hits=690,
        expiring=Expiring(saved=410, at_risk=6, lost=2, examples=("SPY   261120C00671000", "SPY   261120P00671000")),
        gaps=GapCounts(opened=759, closed=18, lost=6, still_open=759),
        failure=FailureReport(
            stage=Stage.FETCH,
            cause=Cause.PACING,
            message="IB answered 690 requests with a pacing violation; 759 requests have no definite answer.",
            hint="The next window asks for them again.",
            saved=_saved(report),
            resume=_RESUME,
            log_path=_LOG,
        ),
    )


def implausible() -> RunReport:
    """Return an eod run during which one symbol's options were dark, though the gateway said nothing of it."""
    report = _run(RunStatus.PARTIAL, settled=1.0)
    dark = [one.symbol == "PLTR" for one in report.symbols]
    words = "1,040 of 1,040 contracts have no bar at all"
    return replace(
        report,
        symbols=tuple(_dark(one) if gone else one for one, gone in zip(report.symbols, dark, strict=True)),
        implausible=(EmptySession(symbol="PLTR", session=SESSION, words=words),),
        controls=96,
        expiring=Expiring(saved=320, at_risk=90),
        gaps=GapCounts(opened=3120, still_open=3120),
        failure=FailureReport(
            stage=Stage.FETCH,
            cause=Cause.IMPLAUSIBLE,
            message=f"PLTR {SESSION}: {words}",
            hint=f"If the market really was so: collector coverage accept --session {SESSION}",
            saved=_saved(report),
            resume=_RESUME,
            log_path=_LOG,
        ),
    )


def _dark(symbol: SymbolReport) -> SymbolReport:
    """Return a symbol of which everything came back empty."""
    return replace(
        symbol,
        bars_collected=0,
        bars_updated=0,
        bars_identical=0,
        underlying_collected=0,
        settled=0,
        verdicts=VerdictCounts(unknown=symbol.verdicts.total),
        grid=None,
    )


def failed() -> RunReport:
    """Return an eod run that lost the database in the middle, by an error that nobody foresaw."""
    report = _run(RunStatus.FAILED, settled=0.62)
    unsent = [3 * (symbol.contracts - symbol.contracts_done) for symbol in report.symbols]
    return replace(
        report,
        completed=_STARTED + timedelta(minutes=48, seconds=12),
        symbols=tuple(
            replace(symbol, error=f"{count:,} requests were not sent any more" if count else "")
            for symbol, count in zip(report.symbols, unsent, strict=True)
        ),
        pacer=tuple(sample for sample in report.pacer if sample.at_s <= 48 * 60),
        day=DayTotals(
            contracts=report.contracts_done,
            bars=report.bars,
            underlying_bars=237,
            first_bar=_OPEN,
            last_bar=_OPEN + timedelta(hours=6, minutes=40),
            database_bytes=18_400_000_000,
        ),
        expiring=Expiring(saved=244, at_risk=166),
        gaps=GapCounts(opened=1396, still_open=1409),
        failure=FailureReport(
            stage=Stage.STORE,
            cause=Cause.UNFORESEEN,
            message="ArithmeticError: a mid price of TSLA  261127C00415000 at 2026-11-20 19:55 is no number",
            saved=_saved(report),
            resume=_RESUME,
            log_path=_LOG,
            traceback=(
                "Traceback (most recent call last):\n"
                '  File "collector/runs/window_run.py", line 212, in _store\n'
                "    counts = await store(database, batch, run_id)\n"
                '  File "collector/domain/merging.py", line 88, in mid\n'
                "    raise ArithmeticError(message)\n"
                "ArithmeticError: a mid price of TSLA  261127C00415000 at 2026-11-20 19:55 is no number\n"
            ),
        ),
    )


def preflight_failed() -> RunReport:
    """Return an eod run that found no gateway."""
    return RunReport(
        run_id=1840,
        window=Window.EOD,
        session=SESSION,
        status=RunStatus.FAILED,
        started=_STARTED,
        completed=_STARTED + timedelta(seconds=21),
        scheduled=_STARTED.replace(second=0),
        past=past_runs(Random(20)),  # noqa: S311 - examples, not secrets
        next_window=_next(),
        expiring=Expiring(at_risk=410),
        failure=FailureReport(
            stage=Stage.PREFLIGHT,
            cause=Cause.GATEWAY_DOWN,
            message="IB's gateway at 127.0.0.1:4001 refuses the connection.",
            hint="Start IB Gateway and log in; the API must listen on this port.",
            saved="Nothing was asked for, so nothing is lost that the next window cannot fetch.",
            resume=_RESUME,
            log_path=_LOG,
        ),
        log_path=_LOG,
        host=HOST,
    )


def intraday() -> RunReport:
    """Return a morning run: a short span, covered and not yet settled."""
    report = _run(RunStatus.SUCCESS, settled=1.0, slots=6)
    return replace(
        report,
        window=Window.MORNING,
        asks=Asks.NOT_COVERED,
        started=datetime(2026, 11, 20, 15, 0, 2, tzinfo=UTC),
        completed=datetime(2026, 11, 20, 15, 9, 44, tzinfo=UTC),
        symbols=tuple(replace(symbol, settled=0) for symbol in report.symbols),
        past=(),
    )


def gap_fill() -> RunReport:
    """Return a run that filled gaps of a week, all but a few contracts of one session."""
    report = _run(RunStatus.SUCCESS, settled=1.0)
    days = [SESSION - timedelta(days=n) for n in range(3, 0, -1)]
    found = [
        SessionProgress(
            symbol=one.symbol,
            first=day,
            last=day,
            expected=one.expected,
            settled_before=0 if day == days[1] else int(one.expected * 0.935),
            settled=one.expected - (390 if (day, one.symbol) == (days[2], "TSLA") else 0),
            bars_before=0 if day == days[1] else one.verdicts.total - 2106,
            bars=one.verdicts.total,
        )
        for day in days
        for one in report.symbols
        if day == days[1] or one.symbol == "TSLA"
    ]
    return replace(
        report,
        run_id=1842,
        window=Window.GAP_FILL,
        scheduled=None,
        slots=0,
        symbols=tuple(_summed(one, found) for one in report.symbols),
        sessions=tuple(found),
        day=None,
        gaps=GapCounts(closed=2802, still_open=6),
        past=(),
    )


def _summed(symbol: SymbolReport, found: Sequence[SessionProgress]) -> SymbolReport:
    """Return a symbol as a run over many sessions tells it."""
    own = [one for one in found if one.symbol == symbol.symbol]
    settled = sum(one.settled for one in own)
    return replace(
        symbol,
        bars_collected=sum(one.new_bars or 0 for one in own),
        underlying_collected=0,
        expected=sum(one.expected for one in own),
        covered=settled,
        settled=settled,
        grid=None,
    )


def at_work() -> RunReport:
    """Return an eod run that has waited for the gateway for two minutes, and goes on waiting."""
    since = _STARTED + timedelta(minutes=4)
    reason = "127.0.0.1:4001 refuses the connection"
    condition = Condition(kind=ConditionKind.GATEWAY_AWAY, reason=reason, since=since, there_s=120.0, told=True)
    report = _run(RunStatus.RUNNING, settled=0.062)
    return replace(report, completed=None, failure=None, symbols=report.symbols[:1], conditions=(condition,))


def held_up() -> RunReport:
    """Return an eod run that left nothing to be wished for, although it had to wait."""
    lasted, short = (
        Condition(
            kind=kind,
            reason=reason,
            since=_STARTED + timedelta(minutes=began),
            until=_STARTED + timedelta(minutes=ended),
            there_s=60.0 * (ended - began),
            told=True,
        )
        for kind, reason, began, ended in (
            (ConditionKind.GATEWAY_AWAY, "127.0.0.1:4001 refuses the connection", 4, 21),
            (ConditionKind.OTHER_LOGIN, "Trading TWS session is connected from a different IP address", 24, 27),
        )
    )
    return replace(success(), conditions=(lasted, short))


def recovered_conditions() -> tuple[OpenCondition, ...]:
    """Return the outage that the example of a recovery ends."""
    since = datetime(2026, 11, 19, 21, 45, 24, tzinfo=UTC)
    return (
        OpenCondition(
            rule=Rule.GATEWAY_UNREACHABLE,
            key=str(Rule.GATEWAY_UNREACHABLE),
            text="IB's gateway cannot be reached: 127.0.0.1:4001 refuses the connection.",
            since=since,
            told=since,
            seen=3,
            missed=(
                MissedRun(window=Window.EOD, session=date(2026, 11, 19), at=since),
                MissedRun(window=Window.LATE_NIGHT, session=date(2026, 11, 19), at=since + timedelta(hours=1.25)),
                MissedRun(window=Window.MORNING, session=SESSION, at=since + timedelta(hours=17.25)),
            ),
        ),
    )


def alerts() -> tuple[Alert, ...]:
    """Return alerts, as a run's mail carries them."""
    return (
        Alert(
            rule=Rule.DISK_LOW,
            severity=Severity.CRITICAL,
            key="disk_low",
            text="The disk of the database is nearly full: 7.4 GB free, 94% used.",
            what_to_do="Make room before the next window; a full disk stops the collection.",
        ),
        Alert(
            rule=Rule.STALE_CHAIN,
            severity=Severity.WARNING,
            key="stale_chain:TSLA",
            text="The option chain of TSLA was last read 31 h ago.",
            what_to_do="Run collector chains refresh; new strikes are missed until then.",
        ),
    )


@cache
def _run(status: RunStatus, *, settled: float, slots: int | None = None) -> RunReport:
    random = Random(7)  # noqa: S311 - examples, not secrets
    # The last symbol takes the whole shortfall, as it would: symbols are fetched one after the other.
    total = sum(contracts for _, contracts, _, _ in _SYMBOLS)
    short = (1 - settled) * total
    symbols = []
    for symbol, contracts, width, activity in reversed(_SYMBOLS):
        missing = min(contracts, round(short))
        short -= missing
        symbols.append(_symbol(random, symbol, contracts, slots or width, activity, missing))
    latencies = [random.lognormvariate(-0.6, 0.55) for _ in range(2000)]
    return RunReport(
        run_id=1841,
        window=Window.EOD,
        session=SESSION,
        status=status,
        started=_STARTED,
        completed=_STARTED + timedelta(hours=1, minutes=52, seconds=40),
        scheduled=_STARTED.replace(second=0),
        slots=slots or 81,
        symbols=tuple(reversed(symbols)),
        latency=Latency.of(latencies),
        pacer=tuple(_pacer(random, calm=status is RunStatus.SUCCESS)),
        day=DayTotals(
            contracts=4598,
            bars=166_204,
            underlying_bars=237,
            first_bar=_OPEN,
            last_bar=_OPEN + timedelta(hours=6, minutes=40),
            database_bytes=18_400_000_000,
        ),
        expiring=Expiring(saved=410),
        gaps=GapCounts(opened=6, closed=131, still_open=6),
        past=past_runs(random),
        next_window=_next(),
        environment=Environment(
            disk_free_bytes=212 * 10**9,
            disk_used=0.57,
            chain_refreshed=tuple((symbol, _STARTED - timedelta(hours=4)) for symbol, *_ in _SYMBOLS),
            new_contracts=92,
            expired_contracts=88,
        ),
        log_path=_LOG,
        host=HOST,
    )


def _symbol(random: Random, symbol: str, contracts: int, width: int, activity: float, missing: int) -> SymbolReport:
    of_contracts = [_contract(i, contracts, symbol) for i in range(contracts)]
    traded, held = np.zeros((contracts, width), bool), np.full((contracts, width), Holding.UNQUOTED, np.uint8)
    for i in range(contracts):
        week, strike = divmod(i * _EXPIRATIONS / contracts, 1)
        # Busiest at the money, in the nearest expirations, and in the first and last minutes of the session.
        busy = activity * 2.4 * exp(-((strike - 0.5) ** 2) / 0.06) * 0.8**week
        edges = [abs(2 * j / max(width - 1, 1) - 1) for j in range(width)]
        traded[i] = [random.random() < busy * (0.7 + 0.9 * edge**3) for edge in edges]
        # Nobody bids for what is far from the money; what is deep in it has no volatility.
        if abs(strike - 0.5) < 0.44 + 0.05 * random.random():
            held[i] = Holding.VALUED if strike < 0.5 + 0.3 * random.random() else Holding.QUOTED
    unknown = contracts - missing
    traded[unknown:], held[unknown:] = False, Holding.MISSING
    slots = [_OPEN + number * OPTION_BARS_5MIN.bar_size for number in range(width)]
    settled = 3 * width * (contracts - missing)
    trades = int(traded.sum())
    return SymbolReport(
        symbol=symbol,
        contracts=contracts,
        contracts_done=contracts - missing,
        requests=3 * (contracts - missing),
        bars_collected=trades // 2 + width,
        underlying_collected=width,
        bars_updated=trades // 190,
        bars_identical=trades // 11,
        expected=3 * width * contracts,
        covered=settled,
        settled=settled,
        verdicts=VerdictCounts(traded=trades, no_trade=width * (contracts - missing) - trades, unknown=width * missing),
        first_bar=_OPEN,
        last_bar=slots[-1],
        error=f"{3 * missing:,} requests have no definite answer" if missing > contracts // 20 else "",
        grid=CoverageGrid.of(
            slots,
            [(expiration, strike) for expiration, strike, _ in of_contracts],
            held,
            [
                LackingContract(
                    contract=name, unsettled=(("TRADES", width), ("BID", width), ("ASK", width)), quarantined=0
                )
                for _, _, name in of_contracts[unknown : unknown + 10]
            ],
        ),
    )


def _contract(number: int, contracts: int, symbol: str) -> tuple[date, float, str]:
    """Return expiration, strike and OCC symbol of a symbol's contract."""
    week, place = divmod(number * _EXPIRATIONS, contracts)
    pair, right = divmod(place // _EXPIRATIONS, 2)
    strike = round(_SPOTS[symbol] * 0.85) + pair
    expiration = SESSION + timedelta(days=7 * week)
    return expiration, float(strike), f"{symbol:<6}{expiration:%y%m%d}{'CP'[right]}{strike * 1000:08d}"


def _pacer(random: Random, *, calm: bool) -> list[PacerSample]:
    samples = []
    limit = 6
    for minute in range(0, 113, 2):
        trouble = not calm and 58 <= minute <= 74  # noqa: PLR2004 - the minutes of the example's trouble
        limit = max(1, limit - 1) if trouble else min(6, limit + 1)
        pace = limit * random.uniform(0.62, 0.78)
        latency = random.uniform(0.5, 0.75) * (3.2 if trouble else 1.0)
        samples.append(
            PacerSample(at_s=minute * 60.0, requests_per_s=pace, open_requests=limit, limit=limit, latency_s=latency)
        )
    return samples


def past_runs(random: Random) -> tuple[PastRun, ...]:
    """Return eod of the twenty sessions before."""
    days = [SESSION - timedelta(days=i) for i in range(1, 29) if (SESSION - timedelta(days=i)).weekday() < 5]  # noqa: PLR2004 - Monday to Friday
    runs = []
    for i, day in enumerate(reversed(days[:20])):
        weak = {7: (RunStatus.PARTIAL, 0.962), 13: (RunStatus.PARTIAL, 0.978)}.get(i)
        status, reached = weak or (RunStatus.SUCCESS, random.uniform(0.9935, 0.9996))
        runs.append(
            PastRun(
                session=day,
                status=status,
                reached=reached,
                bars=random.randint(60_000, 68_000),
                contracts=random.randint(4480, 4640),
                slots=81,
                duration_s=random.uniform(6300, 7400),
                run_id=1700 + 7 * i,
            )
        )
    return tuple(runs)


def _saved(report: RunReport) -> str:
    new = f"{report.new.options:,} option bars and {report.new.underlyings:,} of underlyings"
    return f"{new}, new with this run, are safely stored."


def _next() -> NextWindow:
    return NextWindow(window=Window.LATE_NIGHT, due=datetime(2026, 11, 20, 23, 0, tzinfo=UTC))
