"""The report of a run: what the tables and the tally know, as the one model that is shown, mailed and filed."""

import socket
import traceback
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from collector.config import Settings
from collector.db import statistics
from collector.db.pool import Database
from collector.domain.answers import HistoricalRequest, Outcome
from collector.domain.errors import (
    CollectorError,
    ConfigurationError,
    DatabaseError,
    GatewayError,
    Interrupted,
)
from collector.domain.instruments import OptionContract
from collector.domain.report import (
    Cause,
    DayTotals,
    Expiring,
    FailureReport,
    GapCounts,
    Latency,
    NextWindow,
    OutcomeCount,
    RunReport,
    Stage,
    SymbolReport,
    VerdictCounts,
)
from collector.domain.runs import RunStatus
from collector.market.calendar import Calendar
from collector.market.schedule import Schedule
from collector.pipeline.orders import Finished
