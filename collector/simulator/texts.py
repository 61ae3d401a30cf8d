"""Texts of IB's error messages.

The words of IB's error messages, as clients classify by them.
"""

HMDS = "Historical Market Data Service error message:"

NO_DEFINITION = "No security definition has been found for the request"
CLIENT_ID_IN_USE = "Unable to connect as the client id is already in use. Retry with a unique client id."
MAX_OPEN = "Error processing request:-'bN' : cause - Only 50 simultaneous API historical data requests allowed."
DUPLICATE_HISTORY = "Error processing request:-'bN' : cause - Duplicate ticker id"
DUPLICATE_TICKER = "Duplicate ticker id"
NOT_OPTION_SERIES = "Expected what to show is TRADES, please use that instead of {asked}."
BAR_SIZE = "Historical data bar size setting is invalid. Legal ones are:"
END_MALFORMED = (
    "End Date/Time: The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xx/xxxx"
    " where yyyymmdd and xx/xxxx are optional. E.g.: 20031126 15:59:00 US/Eastern  Note that there is a space between"
    " the date and time, and between the time and time-zone.  You can also provide yyyymmddd-hh:mm:ss time is in UTC."
)
NO_ZONE = (
    "Warning: You submitted request with date-time attributes without explicit time zone. Please switch to use"
    " yyyymmdd-hh:mm:ss in UTC or use instrument time zone, like US/Eastern. Implied time zone functionality will be"
    " removed in the next API release"
)
READ_ONLY = "Error validating request:-'bW' : cause - The API interface is currently in Read-Only mode."
NOT_OFFERED = "Error validating request:-'bZ' : cause - This gateway does not offer the request."
UNREADABLE = "Server error when reading an API client request: {why}"
NO_HISTORY_QUERY = "No historical data query found for ticker id:{req_id}"
CANCELLED = HMDS + "API historical data query cancelled: {req_id}"
NO_DATA = HMDS + "HMDS query returned no data: {contract}"
ADJUSTED_TO_NOW = "End date not supported with adjusted last"
ADJUSTED_WITHIN_A_DAY = "Multi day bar size not supported with adjusted last"
NO_EOD = HMDS + "No data of type EODChart is available for the exchange 'BEST' and the security type 'Option'"
OTHER_LOGIN = HMDS + "Trading TWS session is connected from a different IP address"
PACING = HMDS + "Historical data request pacing violation"
NO_PERMISSION = HMDS + "No market data permissions for {what}"
COMPETING_SESSION = "No market data during competing live session"
TAIL_WITHHELD = "Up-to-the-second historical data requires additional subscription for the API"
TOO_MANY_LINES = "Max number of tickers has been reached"
NOT_SUBSCRIBED = "Requested market data is not subscribed. Delayed market data is available."
SNAPSHOT_WITH_TICKS = (
    "Error validating request:-'bY' : cause - Snapshot market data subscription is not applicable to generic ticks"
)

LINK_LOST = (1100, "Connectivity between IBKR and Trader Workstation has been lost.")
LINK_RESTORED_LOST = (
    1101,
    "Connectivity between IBKR and Trader Workstation has been restored - data lost.",
)
LINK_RESTORED_KEPT = (
    1102,
    "Connectivity between IBKR and Trader Workstation has been restored - data maintained.",
)

FARM_BROKEN = {
    "market": (2103, "Market data farm connection is broken:usfarm"),
    "historical": (2105, "HMDS data farm connection is broken:ushmds"),
    "definition": (2157, "Sec-def data farm connection is broken:secdefnj"),
}
FARM_OK = {
    "market": (2104, "Market data farm connection is OK:usfarm"),
    "historical": (2106, "HMDS data farm connection is OK:ushmds"),
    "definition": (2158, "Sec-def data farm connection is OK:secdefnj"),
}


def too_fast(received: int, strikes: int) -> str:
    """Return the text of error 100 for so many messages within a second."""
    return f"Max rate of messages per second has been exceeded:max=50 rec={received} ({strikes})"


def invalid(why: str) -> str:
    """Return the text of error 321 for a historical request."""
    return f"Error validating request:-'bN' : cause - {why}"
