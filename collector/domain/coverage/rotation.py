"""Rotation of contracts far from expiration and money.

Contracts far from expiration and money are asked for every few sessions, by one request of several days.

Every contract has a turn each `every_sessions` sessions. What it lacks of the sessions since its last turn is
*pending*: not yet asked for, and no gap. What it lacks up to its last turn is due like anybody's.
"""

import zlib
from collections.abc import Sequence
from datetime import datetime

from collector.domain.market_data.data_sets import DAY, OPTION_BARS_5MIN
from collector.domain.market_data.sessions import Session

LOOKBACK = OPTION_BARS_5MIN.longest_request - DAY
"""Sessions at most so many days apart fit into one request, from the first one's open to the last's close."""


def phase(contract_id: int, every_sessions: int) -> int:
    """Return at which of `every_sessions` sessions a contract has its turn: from 0, always the same, evenly spread.

    Args:
        contract_id: the database's, which is the contract's for ever.
        every_sessions: sessions from turn to turn.
    """
    return zlib.crc32(str(contract_id).encode()) % every_sessions


def due_before(sessions: Sequence[Session], number: int, own_phase: int, every_sessions: int) -> datetime | None:
    """Return the instant up to which a rotated contract's slots are due on the last of some sessions.

    That is the close of its last turn; or of a session that the request of the next session could no longer reach, if
    that is later: a turn never waits until its slots need two requests.

    Args:
        sessions: consecutive sessions of the product, ascending; the last is the day in question.
        number: the last one's number in the calendar.
        own_phase: the contract's, see `phase`.
        every_sessions: sessions from turn to turn.

    Returns:
        None when nothing of these sessions is due.
    """
    since_turn = (number - own_phase) % every_sessions
    out_of_reach = sessions[-1].next_open.date() - LOOKBACK
    bounds = [session.close for session in sessions if session.day < out_of_reach]
    bounds += [session.close for session in sessions[: len(sessions) - since_turn]]
    return max(bounds, default=None)
