"""Requests for historical bars.

Validation, the answer on the wire, cancels, head time stamps.

Marks of what IB is known to do: [D] documented, [U] reported by users, [?] unsure.

Daily bars carry the session's date alone, whatever formatDate says [D]. One comes a session; that of a session which
is still running comes once its first minute has passed, as it stands so far [?], and an end within a past session
brings the whole of it [?].
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from collector.simulator import texts
from collector.simulator.exchange.listings import Option
from collector.simulator.exchange.sessions import NEW_YORK, SLOT_S, local_date
from collector.simulator.market import FIRST_DAILY
from collector.simulator.replies import Refusal, Reply
from collector.simulator.request_log import Kind, Request, Violation
from collector.simulator.requests import contracts
from collector.simulator.requests.windows import (
    BAR_SIZES,
    DAY_S,
    OPTION_SERIES,
    SERIES,
    Window,
    delivered,
)
from collector.simulator.scenarios.base import HistoryReply
from collector.simulator.small_bars import LONGEST_S
from collector.simulator.wire_format import frame, framed, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.simulator.connection import Connection
    from collector.simulator.exchange.listings import Definition, SimBar
    from collector.simulator.market import Market
    from collector.simulator.wire_format import ContractQuery, Fields

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_EPOCH_DATES = 2


class Asked(NamedTuple):
    """The fields of a historical request, as they came."""

    contract: ContractQuery
    end: str
    bar_size: str
    duration: str
    use_rth: bool
    what_to_show: str
    format_date: int
    keep_up_to_date: bool


def historical(connection: Connection, fields: Fields) -> None:
    """Answer reqHistoricalData."""
    req_id = fields.integer()
    contract = fields.contract()
    fields.skip(1)
    asked = Asked(
        contract,
        end=fields.text(),
        bar_size=fields.text(),
        duration=fields.text(),
        use_rth=fields.flag(),
        what_to_show=fields.text().upper(),
        format_date=fields.integer(),
        keep_up_to_date=fields.flag(),
    )
    gateway = connection.gateway
    entry = Request(
        number=gateway.next_number(),
        req_id=req_id,
        kind=Kind.HISTORICAL,
        client_id=connection.client_id,
        received_at=gateway.clock.now(),
        con_id=contract.con_id,
        symbol=contract.symbol,
        what_to_show=asked.what_to_show,
        end_text=asked.end,
        duration=asked.duration,
        use_rth=asked.use_rth,
    )
    broken = _small_bars_broken(connection, asked)
    if broken is not None:
        gateway.log.violations.append(Violation(entry.received_at, *broken))
        connection.submit(entry, lambda: Refusal(162, texts.PACING))
        return
    window = delivered(asked.end, asked.duration, BAR_SIZES.get(asked.bar_size, 300), entry.received_at)
    if isinstance(window, Window):
        entry.start, entry.end = window.start, window.end
    connection.submit(entry, partial(_answer, connection, entry, asked, window))


def _small_bars_broken(connection: Connection, asked: Asked) -> tuple[str, int] | None:
    """Return which rule for small bars a request breaks."""
    if BAR_SIZES.get(asked.bar_size, DAY_S) > LONGEST_S:
        return None
    series = (asked.contract, asked.what_to_show)
    weight = 2 if asked.what_to_show == "BID_ASK" else 1
    gateway = connection.gateway
    return gateway.small_bars.broken(asked, series, weight, gateway.clock.monotonic())


def _answer(connection: Connection, entry: Request, asked: Asked, window: Window | Refusal) -> Reply | Refusal:
    found = _checked(connection, asked)
    if isinstance(found, Refusal):
        return found
    if isinstance(window, Refusal):
        return window
    gateway = connection.gateway
    definition = found
    entry.con_id, entry.symbol = definition.con_id, definition.symbol
    bar_s = BAR_SIZES[asked.bar_size]
    span = (definition.con_id, asked.what_to_show, window.start, window.end, bar_s, asked.use_rth)
    notices = [(2174, texts.NO_ZONE)] if window.no_zone else []
    if asked.format_date == _EPOCH_DATES and bar_s < DAY_S and not gateway.edits:
        count, rows = gateway.market.history_fields(*span)
    else:
        reply = HistoryReply(gateway.market.history(*span), notices)
        gateway.edit(entry, reply)
        count, rows = len(reply.bars), bar_fields(reply.bars, asked.format_date, bar_s)
    for code, text in notices:
        connection.error(entry.req_id, code, text)
    if not count:
        named = f"{contracts.describe(definition)}@SMART {asked.what_to_show.title()}"
        return Refusal(162, texts.NO_DATA.format(contract=named))
    head = f"17\0{entry.req_id}\0{_wall(window.start)}\0{_wall(window.end)}\0{count}\0"
    return Reply(gateway.garble(entry, framed(head + rows)), "bars", count)


def _checked(connection: Connection, asked: Asked) -> Definition | Refusal:
    """Return the one contract that is meant, or why the request is refused."""
    refused = _refused_fields(asked)
    if refused is not None:
        return refused
    found = contracts.resolve(connection.gateway.market, asked.contract, local_date(connection.gateway.clock.now()))
    if len(found) != 1:
        return Refusal(200, texts.NO_DEFINITION)
    return (_refused_option(asked) if isinstance(found[0], Option) else None) or found[0]


def _refused_fields(asked: Asked) -> Refusal | None:
    """Return what is wrong with a request whatever its contract is.

    ADJUSTED_LAST takes no end [U, with these words] and bars of a day at most [U, with these words].
    """
    exchange, series = asked.contract.exchange, asked.what_to_show
    adjusted, bar_s = series == "ADJUSTED_LAST", BAR_SIZES.get(asked.bar_size, 0)
    rules = (
        (not exchange, 321, texts.invalid("Please enter exchange")),
        (asked.bar_size not in BAR_SIZES, 321, texts.invalid(f"{texts.BAR_SIZE} {', '.join(BAR_SIZES)}")),
        (series not in SERIES, 321, texts.invalid(f"Historical data type '{series}' is invalid")),
        (adjusted and asked.end.strip() != "", 321, texts.invalid(texts.ADJUSTED_TO_NOW)),
        (adjusted and bar_s > DAY_S, 321, texts.invalid(texts.ADJUSTED_WITHIN_A_DAY)),
        (asked.keep_up_to_date, 321, texts.invalid("keepUpToDate is not offered by this gateway")),
        (exchange not in contracts.EXCHANGES, 200, "Invalid destination or exchange selected"),
    )
    return next((Refusal(code, text) for wrong, code, text in rules if wrong), None)


def _refused_option(asked: Asked) -> Refusal | None:
    """Return why an option has no such series."""
    series = asked.what_to_show
    rules = (
        (series == "ADJUSTED_LAST", 321, texts.invalid("ADJUSTED_LAST is not supported for options")),
        (series not in OPTION_SERIES, 10299, texts.NOT_OPTION_SERIES.format(asked=series)),
        (BAR_SIZES[asked.bar_size] >= DAY_S, 162, texts.NO_EOD),
    )
    return next((Refusal(code, text) for wrong, code, text in rules if wrong), None)


def bar_fields(bars: Sequence[SimBar], format_date: int, bar_s: int) -> str:
    """Return the fields of bars that ascend by time, eight a bar, each ended by NUL.

    Dates are epoch seconds in format 2 and else New York wall times with their zone; bars of a day or more always
    carry the date alone.
    """
    parts = []
    epoch = format_date == _EPOCH_DATES and bar_s < DAY_S
    for at, opened, high, low, close, volume, wap, count in bars:
        if epoch:
            stamp = str((at - _EPOCH) // _SECOND)
        elif bar_s >= DAY_S:
            stamp = f"{at.astimezone(NEW_YORK):%Y%m%d}"
        else:
            stamp = _wall(at)
        parts.append(
            f"{stamp}\0{number(opened)}\0{number(high)}\0{number(low)}\0{number(close)}\0"
            f"{number(volume)}\0{number(wap)}\0{count}\0"
        )
    return "".join(parts)


def _wall(instant: datetime) -> str:
    return f"{instant.astimezone(NEW_YORK):%Y%m%d %H:%M:%S} {contracts.ZONE}"


def cancel_historical(connection: Connection, fields: Fields) -> None:
    """Act on cancelHistoricalData: 162 when it ended a request, 366 when there is none."""
    fields.skip(1)
    req_id = fields.integer()
    if connection.cancel(req_id):
        connection.error(req_id, 162, texts.CANCELLED.format(req_id=req_id))
    else:
        connection.error(req_id, 366, texts.NO_HISTORY_QUERY.format(req_id=req_id))


def head_timestamp(connection: Connection, fields: Fields) -> None:
    """Answer reqHeadTimeStamp with the start of the oldest bar that would be delivered."""
    req_id = fields.integer()
    contract = fields.contract()
    fields.skip(1)
    use_rth, what_to_show, format_date = fields.flag(), fields.text().upper(), fields.integer()
    asked = Asked(contract, "", "5 mins", "1 D", use_rth, what_to_show, format_date, keep_up_to_date=False)
    gateway = connection.gateway
    entry = Request(
        number=gateway.next_number(),
        req_id=req_id,
        kind=Kind.HEAD_TIMESTAMP,
        client_id=connection.client_id,
        received_at=gateway.clock.now(),
        con_id=contract.con_id,
        symbol=contract.symbol,
        what_to_show=what_to_show,
    )
    connection.submit(entry, partial(_head, connection, req_id, asked))


def _head(connection: Connection, req_id: int, asked: Asked) -> Reply | Refusal:
    definition = _checked(connection, asked)
    if isinstance(definition, Refusal):
        return definition
    first = _oldest(connection.gateway.market, definition, asked, connection.gateway.clock.now())
    if first is None:
        return Refusal(162, texts.HMDS + "No head time stamp")
    stamp = str((first - _EPOCH) // _SECOND) if asked.format_date == _EPOCH_DATES else f"{first:%Y%m%d-%H:%M:%S}"
    return Reply(frame(88, req_id, stamp), "rows")


def _oldest(market: Market, definition: Definition, asked: Asked, now: datetime) -> datetime | None:
    """Return the start of the oldest bar of a series, daily ones included; None when there is no bar."""
    if not isinstance(definition, Option):
        midnight = datetime.combine(FIRST_DAILY, datetime.min.time(), NEW_YORK)
        span = (midnight, midnight + timedelta(days=1), DAY_S)
        bars = market.history(definition.con_id, asked.what_to_show, *span, asked.use_rth)
        return bars[0].time if bars else None
    for days in (7, 30, 90, 400):
        # The depth is not known from outside; the first span that reaches beyond it holds the oldest bar.
        start = now - timedelta(days=days)
        bars = market.history(definition.con_id, asked.what_to_show, start, now, SLOT_S, asked.use_rth)
        if bars and bars[0].time > start + timedelta(days=5):
            break
    return bars[0].time if bars else None


def cancel_head_timestamp(connection: Connection, fields: Fields) -> None:
    """Act on cancelHeadTimeStamp; silent, also when the request has ended."""
    connection.cancel(fields.integer())
