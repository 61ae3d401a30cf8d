"""Table of IB's error codes and what they mean.

One table, one row per code and wording, each with what it means here and where that is known from.

Three public clients of IB's API disagree on which codes end a request, so the table is this project's own. Sources:
"documented" is IB's API documentation, "reported" are users and maintainers of other clients, "read" is the code of
ib_async 2.1.0, "inferred" is this project's judgement.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from collector.domain.market_data.answers import Outcome


class Notice(StrEnum):
    """What a message means that does not end a request by itself."""

    IGNORED = "ignored"
    LOGGED = "logged"
    MARKET_FARM_DOWN = "market_farm_down"
    MARKET_FARM_UP = "market_farm_up"
    HISTORY_FARM_DOWN = "history_farm_down"
    HISTORY_FARM_UP = "history_farm_up"
    DEFINITION_FARM_DOWN = "definition_farm_down"
    DEFINITION_FARM_UP = "definition_farm_up"
    FARM_DORMANT = "farm_dormant"
    CONNECTIVITY_LOST = "connectivity_lost"
    CONNECTIVITY_RESTORED = "connectivity_restored"
    CONNECTIVITY_RESTORED_DATA_LOST = "connectivity_restored_data_lost"
    HISTORY_DISTURBED = "history_disturbed"
    TAIL_WITHHELD = "tail_withheld"
    RATE_EXCEEDED = "rate_exceeded"
    CLIENT_ID_IN_USE = "client_id_in_use"
    SOCKET_RESET = "socket_reset"


Meaning: TypeAlias = Outcome | Notice


@dataclass(frozen=True, slots=True)
class Row:
    """One code with one wording.

    code: IB's number. meaning: the outcome that it gives a pending request, or the notice that it is.
    sentence: what it tells. source: where that is known from. pattern: a regular expression that IB's text must
    contain, in whatever case; rows of one code are tried in order, the one without a pattern last.
    """

    code: int
    meaning: Meaning
    sentence: str
    source: str
    pattern: str = ""


ROWS: tuple[Row, ...] = (
    Row(100, Notice.RATE_EXCEEDED, "Messages come too fast; the third time IB closes the connection.", "documented"),
    Row(101, Outcome.PACING, "All market-data lines are in use.", "documented"),
    Row(102, Outcome.REJECTED, "The request id is already in use.", "documented"),
    Row(103, Notice.IGNORED, "About orders; the collector has none.", "documented"),
    Row(105, Notice.IGNORED, "About orders; the collector has none.", "read"),
    Row(110, Notice.IGNORED, "About orders; the collector has none.", "documented"),
    Row(
        162,
        Outcome.NO_DATA,
        "No bars exist for the span; to be believed only while IB's farms are healthy.",
        "documented",
        r"returned no data",
    ),
    Row(162, Outcome.PACING, "History is asked for too fast.", "reported", r"pacing violation"),
    Row(
        162,
        Outcome.PERMISSION,
        "The user may not see this market's data.",
        "reported",
        r"no market data permissions|requires additional subscription|not subscribed",
    ),
    Row(
        162,
        Outcome.OTHER_LOGIN,
        "The same username is logged in elsewhere.",
        "reported",
        r"different ip address",
    ),
    Row(
        162,
        Outcome.UNKNOWN,
        "A query was cancelled; for a request of ours that is still open, not by us.",
        "reported",
        r"query cancel",
    ),
    Row(162, Outcome.REJECTED, "The span is empty or before the first bar.", "reported", r"starting time must occur"),
    Row(
        162,
        Outcome.REJECTED,
        "This kind of bar does not exist for this product.",
        "documented",
        r"no data of type|best queries are not supported|invalid step|no historical market data for",
    ),
    Row(162, Outcome.UNKNOWN_CONTRACT, "The history server does not know the contract.", "reported", r"unknown contr"),
    Row(162, Outcome.DISCONNECTED, "The gateway was stopped while it worked on it.", "reported", r"tws exited"),
    Row(162, Outcome.UNKNOWN, "A wording that this table does not know.", "inferred"),
    Row(165, Notice.HISTORY_DISTURBED, "The history server reports on its connection; no request ends.", "read"),
    Row(166, Outcome.UNKNOWN_CONTRACT, "The contract has expired.", "documented"),
    Row(
        200,
        Outcome.UNKNOWN_CONTRACT,
        "No such contract, or several; given falsely during outages, so believed only when repeated.",
        "documented; outages reported",
    ),
    Row(201, Notice.IGNORED, "About orders; the collector has none.", "documented"),
    Row(202, Notice.IGNORED, "About orders; the collector has none.", "documented"),
    Row(203, Outcome.PERMISSION, "The product is not allowed for this account.", "documented"),
    Row(300, Notice.IGNORED, "A cancel came after the end of its request.", "documented"),
    Row(309, Notice.IGNORED, "About market depth; the collector has none.", "documented"),
    Row(317, Notice.IGNORED, "About market depth; the collector has none.", "documented"),
    Row(320, Outcome.REJECTED, "The gateway could not read the request.", "documented"),
    Row(321, Outcome.REJECTED, "The gateway found the request invalid.", "documented"),
    Row(322, Outcome.PACING, "The gateway could not take the request: too many are open.", "documented; reported"),
    Row(326, Notice.CLIENT_ID_IN_USE, "Another program is connected with this client id.", "documented"),
    Row(329, Notice.IGNORED, "About orders; the collector has none.", "read"),
    Row(354, Outcome.PERMISSION, "The market data is not subscribed.", "documented"),
    Row(366, Notice.IGNORED, "A cancel came after the end of its historical request.", "documented"),
    Row(399, Notice.IGNORED, "About orders; the collector has none.", "read"),
    Row(404, Notice.IGNORED, "About orders; the collector has none.", "read"),
    Row(420, Outcome.OTHER_LOGIN, "The same username is logged in elsewhere.", "reported", r"different ip address"),
    Row(420, Outcome.PERMISSION, "The user may not see this market's data.", "documented", r"permission|subscri"),
    Row(420, Outcome.PACING, "A real-time query came too fast.", "documented"),
    Row(421, Notice.IGNORED, "The request is deprecated.", "documented"),
    Row(430, Notice.IGNORED, "No fundamentals are available.", "documented"),
    Row(434, Notice.IGNORED, "About orders; the collector has none.", "read"),
    Row(492, Notice.IGNORED, "Taken for a warning by ib_async.", "read"),
    Row(501, Notice.IGNORED, "The client is connected already.", "documented"),
    Row(502, Outcome.DISCONNECTED, "The gateway cannot be reached.", "documented"),
    Row(503, Outcome.REJECTED, "The gateway is too old for this request.", "documented"),
    Row(504, Outcome.DISCONNECTED, "There is no connection.", "documented"),
    Row(507, Outcome.DISCONNECTED, "A message was cut off; the connection is gone.", "documented"),
    Row(509, Outcome.DISCONNECTED, "The socket failed.", "documented"),
    Row(1100, Notice.CONNECTIVITY_LOST, "The gateway lost IB; the socket to us stays.", "documented"),
    Row(
        1101,
        Notice.CONNECTIVITY_RESTORED_DATA_LOST,
        "The gateway is back at IB; what was asked before is lost.",
        "documented",
    ),
    Row(1102, Notice.CONNECTIVITY_RESTORED, "The gateway is back at IB and says that nothing was lost.", "documented"),
    Row(1300, Notice.SOCKET_RESET, "The gateway moved to another port.", "documented"),
    Row(2100, Notice.IGNORED, "About account updates; the collector has none.", "documented"),
    Row(2101, Notice.IGNORED, "About account updates; the collector has none.", "documented"),
    Row(2102, Notice.IGNORED, "About orders; the collector has none.", "documented"),
    Row(2103, Notice.MARKET_FARM_DOWN, "A market-data farm is disconnected.", "documented"),
    Row(2104, Notice.MARKET_FARM_UP, "A market-data farm is connected.", "documented"),
    Row(2105, Notice.HISTORY_FARM_DOWN, "A historical-data farm is disconnected.", "documented"),
    Row(2106, Notice.HISTORY_FARM_UP, "A historical-data farm is connected.", "documented"),
    Row(2107, Notice.FARM_DORMANT, "A historical-data farm sleeps and wakes when asked.", "documented"),
    Row(2108, Notice.FARM_DORMANT, "A market-data farm sleeps and wakes when asked.", "documented"),
    Row(2109, Notice.IGNORED, "About orders; the collector has none.", "documented"),
    Row(2110, Notice.CONNECTIVITY_LOST, "The gateway lost IB and will restore the connection itself.", "documented"),
    Row(2119, Notice.HISTORY_DISTURBED, "A farm is being connected.", "documented"),
    Row(2157, Notice.DEFINITION_FARM_DOWN, "A security-definition farm is disconnected.", "documented"),
    Row(2158, Notice.DEFINITION_FARM_UP, "A security-definition farm is connected.", "documented"),
    Row(2174, Notice.LOGGED, "A date came without its time zone.", "documented"),
    Row(2186, Notice.LOGGED, "Delayed data is shown instead of live data.", "reported"),
    Row(2188, Notice.TAIL_WITHHELD, "The last minutes are withheld for want of a subscription.", "reported"),
    Row(10089, Outcome.PERMISSION, "The market data needs a further subscription for the API.", "documented"),
    Row(10090, Notice.LOGGED, "Part of the market data is not subscribed.", "documented"),
    Row(10091, Outcome.PERMISSION, "Part of the market data needs a further subscription for the API.", "documented"),
    Row(10167, Notice.LOGGED, "Delayed data is shown instead of live data.", "documented"),
    Row(10168, Outcome.PERMISSION, "The market data is not subscribed, and delayed data is not on.", "documented"),
    Row(10182, Outcome.DISCONNECTED, "Live updates of a historical request stopped.", "documented"),
    Row(10186, Outcome.PERMISSION, "The market data is not subscribed, and delayed data is not on.", "documented"),
    Row(10187, Outcome.PERMISSION, "Historical ticks are not allowed for this user.", "documented"),
    Row(10189, Outcome.PERMISSION, "Tick-by-tick data is not allowed for this user.", "documented"),
    Row(10197, Outcome.OTHER_LOGIN, "Another session of the same user has the market data.", "documented"),
    Row(10299, Outcome.REJECTED, "This kind of bar does not exist for this product.", "documented"),
    Row(10314, Outcome.REJECTED, "The end date, time or zone is malformed.", "documented"),
    Row(10339, Outcome.REJECTED, "An end date is not allowed for this product.", "documented"),
)

_UNLISTED_NOTICES = range(2100, 2200)
"""Codes that are warnings whatever they say, as ib_async and rust-ibapi agree."""


def _by_code() -> Mapping[int, tuple[tuple[re.Pattern[str], Row], ...]]:
    table: dict[int, tuple[tuple[re.Pattern[str], Row], ...]] = {}
    for row in ROWS:
        table[row.code] = (*table.get(row.code, ()), (re.compile(row.pattern, re.IGNORECASE), row))
    return table


_TABLE = _by_code()


def classify(code: int, text: str) -> Row:
    """Return the row for IB's code and words.

    A code that the table lacks is Outcome.UNKNOWN, or Notice.LOGGED between 2100 and 2199.
    """
    for pattern, row in _TABLE.get(code, ()):
        if pattern.search(text):
            return row
    meaning: Meaning = Notice.LOGGED if code in _UNLISTED_NOTICES else Outcome.UNKNOWN
    return Row(code, meaning, "A code that this table does not know.", "inferred")
