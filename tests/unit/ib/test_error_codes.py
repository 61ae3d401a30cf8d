"""The table of error codes: expected meanings are those of IB's documentation and users' reports."""

import itertools

import pytest

from collector.domain.market_data.answers import Outcome
from collector.ib.error_codes import ROWS, Notice, Row, classify

HMDS = "Historical Market Data Service error message:"


@pytest.mark.parametrize(
    ("code", "text", "meaning"),
    [
        (162, HMDS + "HMDS query returned no data: TSLA 251219C00460000@SMART Trades", Outcome.NO_DATA),
        (162, HMDS + "Historical data request pacing violation", Outcome.PACING),
        (162, HMDS + "No market data permissions for OPRA OPT", Outcome.PERMISSION),
        (162, HMDS + "This data requires additional subscription for the API", Outcome.PERMISSION),
        (162, HMDS + "Trading TWS session is connected from a different IP address", Outcome.OTHER_LOGIN),
        (162, HMDS + "API historical data query cancelled: 7", Outcome.UNKNOWN),
        (162, HMDS + "Starting time must occur before ending time", Outcome.REJECTED),
        (162, HMDS + "No data of type EODChart is available for the exchange 'BEST'", Outcome.REJECTED),
        (162, HMDS + "BEST queries are not supported for this contract", Outcome.REJECTED),
        (162, HMDS + "invalid step: 7", Outcome.REJECTED),
        (162, HMDS + "Unknown contract", Outcome.UNKNOWN_CONTRACT),
        (162, HMDS + "No historical market data for XYZ/OPT@SMART", Outcome.REJECTED),
        (162, HMDS + "TWS exited during processing of HMDS query", Outcome.DISCONNECTED),
        (162, HMDS + "Something never seen before", Outcome.UNKNOWN),
        (166, "HMDS expired contract violation", Outcome.UNKNOWN_CONTRACT),
        (200, "No security definition has been found for the request", Outcome.UNKNOWN_CONTRACT),
        (321, "Error validating request", Outcome.REJECTED),
        (322, "Only 50 simultaneous API historical data requests allowed.", Outcome.PACING),
        (354, "Requested market data is not subscribed", Outcome.PERMISSION),
        (10197, "No market data during competing live session", Outcome.OTHER_LOGIN),
        (420, "Invalid real-time query: different IP address", Outcome.OTHER_LOGIN),
        (100, "Max rate of messages per second has been exceeded", Notice.RATE_EXCEEDED),
        (326, "Unable to connect as the client id is already in use", Notice.CLIENT_ID_IN_USE),
        (366, "No historical data query found for ticker id", Notice.IGNORED),
        (1100, "Connectivity has been lost", Notice.CONNECTIVITY_LOST),
        (1101, "restored - data lost", Notice.CONNECTIVITY_RESTORED_DATA_LOST),
        (1102, "restored - data maintained", Notice.CONNECTIVITY_RESTORED),
        (2105, "HMDS data farm connection is broken:ushmds", Notice.HISTORY_FARM_DOWN),
        (2106, "HMDS data farm connection is OK:ushmds", Notice.HISTORY_FARM_UP),
        (2107, "HMDS data farm connection is inactive:ushmds", Notice.FARM_DORMANT),
        (2157, "Sec-def data farm connection is broken:secdefil", Notice.DEFINITION_FARM_DOWN),
        (2188, "Up-to-the-second historical data requires additional subscription", Notice.TAIL_WITHHELD),
        (2199, "A warning that is new", Notice.LOGGED),
        (99999, "An error that is new", Outcome.UNKNOWN),
    ],
)
def test_meaning_of_a_code_and_its_words(code: int, text: str, meaning: Outcome | Notice) -> None:
    """Each code and wording has the meaning that IB and its users give it, in whatever case it is written."""
    assert classify(code, text).meaning == meaning
    assert classify(code, text.upper()).meaning == meaning


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code} {row.pattern}")
def test_each_row_says_what_it_tells_and_where_that_is_known_from(row: Row) -> None:
    """No row lacks its sentence or its source, and none claims that bars came."""
    assert row.sentence.endswith(".")
    assert row.source
    assert row.meaning is not Outcome.BARS


def test_the_row_without_a_pattern_comes_last_of_its_code() -> None:
    """A general row never hides a more particular one of the same code."""
    for earlier, later in itertools.pairwise(ROWS):
        assert not (earlier.code == later.code and not earlier.pattern)


def test_the_table_ascends() -> None:
    """A reader finds a code by its number."""
    numbers = [row.code for row in ROWS]
    assert sorted(numbers) == numbers
