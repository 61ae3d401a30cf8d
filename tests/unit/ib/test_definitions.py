"""What IB defines is taken only where it is what was asked for."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from ib_async.contract import Contract, ContractDetails

from collector.domain.market_data.answers import ChainParameters, Definitions, Failure, Outcome
from collector.domain.market_data.instruments import Underlying
from collector.ib import definitions
from collector.ib.connection.wire_client import End
from collector.ib.wire_requests import Reply

FRIDAY, AT = date(2026, 11, 20), datetime(2026, 11, 20, 21, tzinfo=UTC)
PLTR = Underlying("PLTR", 444857009, primary_exchange="NASDAQ", id=1)


def reply(*rows: object) -> Reply:
    """Return a complete answer of these rows."""
    return Reply(End(None), AT, AT, 0.1, trusted=True, rows=list(rows))


def option(**other: Any) -> ContractDetails:  # noqa: ANN401 - whatever terms
    """Return the definition of a call on PLTR, or of what differs from it."""
    terms: dict[str, Any] = {
        "conId": 7,
        "secType": "OPT",
        "symbol": "PLTR",
        "currency": "USD",
        "localSymbol": "PLTR  261120C00100000",
        "lastTradeDateOrContractMonth": "20261120",
        "strike": 100.0,
        "right": "C",
        "multiplier": "100",
        "tradingClass": "PLTR",
    }
    return ContractDetails(contract=Contract(**{**terms, **other}))


def test_what_was_asked_for_is_taken() -> None:
    """A call of the expiration; blanks that are missing in its local symbol make no difference."""
    for local_symbol in ("PLTR  261120C00100000", "PLTR 261120C00100000", ""):
        found = definitions.contracts(PLTR, FRIDAY, reply(option(localSymbol=local_symbol)))
        assert isinstance(found, Definitions)
        assert [one.occ_symbol for one in found.contracts] == ["PLTR  261120C00100000"]


@pytest.mark.parametrize(
    "other",
    [
        {"localSymbol": "PLTR1 261120C00100000"},
        {"localSymbol": "PLTR  261120P00100000"},
        {"symbol": "TSLA"},
        {"currency": "CAD"},
        {"secType": "FOP"},
        {"conId": 0},
        {"conId": -5},
        {"conId": 2**31},
        {"strike": float("nan")},
    ],
    ids=["adjusted", "put", "symbol", "currency", "type", "no number", "below 0", "too large", "no strike"],
)
def test_what_is_another_contract_is_passed_over(other: dict[str, Any]) -> None:
    """One term that is another's is enough, whatever the others say; the rest of the expiration is taken."""
    put = option(conId=8, right="P", localSymbol="PLTR  261120P00100000")
    found = definitions.contracts(PLTR, FRIDAY, reply(option(**other), put))
    assert isinstance(found, Definitions)
    assert [one.source_id for one in found.contracts] == [8]


@pytest.mark.parametrize("other", [{"currency": "CAD"}, {"conId": 0}, {"conId": -3}, {"conId": 2**40}])
def test_another_stock_is_none(other: dict[str, Any]) -> None:
    """A stock in another currency, or without a number, is not the one that was asked for."""
    terms: dict[str, Any] = {"conId": 9, "secType": "STK", "symbol": "PLTR", "currency": "USD"}
    assert isinstance(definitions.stock("PLTR", reply(ContractDetails(contract=Contract(**terms)))), Underlying)
    found = definitions.stock("PLTR", reply(ContractDetails(contract=Contract(**{**terms, **other}))))
    assert isinstance(found, Failure)
    assert found.outcome is Outcome.UNKNOWN_CONTRACT


@pytest.mark.parametrize("text", ["2026112", "", "20261131", "20261120 "])
def test_an_expiration_that_is_no_day(text: str) -> None:
    """It fails the chain with IB's text: it is neither read as another day nor the end of the run."""
    row = ("SMART", 444857009, "PLTR", "100", ["20261120"], [100.0])
    assert isinstance(definitions.chain(PLTR, reply(row)), ChainParameters)
    found = definitions.chain(PLTR, reply((*row[:4], ["20261120", text], [100.0])))
    assert isinstance(found, Failure)
    assert (found.outcome, repr(text) in found.message) == (Outcome.UNKNOWN, True)
