"""Archives in a folder, for tests of what reads them."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

from collector.archive import bar_files, bar_schemas, contracts_file, layout
from collector.archive.file_facts import SessionVerdicts
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from tests.support.archived_bars import session

NOVEMBER = (date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25))
DECEMBER = (date(2026, 12, 1), date(2026, 12, 2))
EXPIRATION = date(2027, 1, 15)
SETTLED = SessionVerdicts(True)


def terms(number: int, strike: int, **more: object) -> dict[str, object]:
    """Return a row of the contracts' file: a call of SPY."""
    return {
        "contract_id": number,
        "underlying_id": 1,
        "symbol": "SPY",
        "contract_symbol": f"SPY   270115C{strike * 1000:08d}",
        "expiration_date": EXPIRATION,
        "strike_price": Decimal(f"{strike}.0000"),
        "option_type": "C",
        "multiplier": 100,
        "exchange": "SMART",
        "trading_class": "SPY",
        "currency": "USD",
        "source": "ib",
        "source_id": 700_000_000 + number,
        "first_seen": date(2026, 11, 2),
        "last_seen": date(2026, 12, 2),
        "since": None,
        "until": None,
        **more,
    }


def write_session(folder: Path, day: date, text: bytes) -> Path:
    """Write a session's object."""
    path = folder / layout.session_path(OPTION_BARS_5MIN, "SPY", day)
    path.parent.mkdir(parents=True, exist_ok=True)
    bar_files.write(path, OPTION_BARS_5MIN, "SPY", bar_schemas.tables(OPTION_BARS_5MIN, text), {day: SETTLED})
    return path


def make_archive(folder: Path, texts: Mapping[date, bytes], contracts: Iterable[Mapping[str, object]]) -> None:
    """Write an archive: November's sessions as a month, later ones as they are."""
    folder.mkdir(exist_ok=True)
    month = []
    for day, text in texts.items():
        path = write_session(folder, day, text)
        if day.month == 11:
            month.append((path, [day]))
    if month:
        path = folder / layout.month_path(OPTION_BARS_5MIN, "SPY", month[0][1][0])
        states = {day: SETTLED for _, [day] in month}
        bar_files.merge(month, path, OPTION_BARS_5MIN, "SPY", states)
        for one, _ in month:
            one.unlink()
    contracts_file.write_contracts(folder / layout.CONTRACTS, contracts)


def spy_archive(folder: Path) -> dict[date, bytes]:
    """Write an archive of three contracts of SPY over five sessions, and return the sessions as they were stored."""
    texts = {day: session(day, [1, 2, 3], 20) for day in (*NOVEMBER, *DECEMBER)}
    make_archive(folder, texts, [terms(1, 690), terms(2, 695), terms(3, 700)])
    return texts
