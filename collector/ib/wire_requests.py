"""Send one request and await its single end.

One request on the wire: sent, awaited until its own deadline, ended in exactly one way, and forgotten.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from collector.domain.market_data.answers import Failure, Outcome
from collector.ib.connection.gateway import Gateway
from collector.ib.connection.wire_client import End, Kind


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request.

    end: how it ended. rows: what IB sent, raw. notices: codes that came with it. told_span: start and end of the span
    for which IB says that its bars are, in its words; empty where it does not say.
    sent_at, answered_at: by IB's clock; where it was set back meanwhile, both by the later measuring.
    latency_s: between them, by the monotonic clock.
    trusted: IB was healthy all the while, so that also an empty answer or a refusal can be believed.
    """

    end: End
    sent_at: datetime
    answered_at: datetime
    latency_s: float
    trusted: bool
    rows: list[Any] = field(default_factory=list)
    notices: tuple[int, ...] = ()
    told_span: tuple[str, str] = ("", "")

    def failure(self) -> Failure:
        """Return what IB or the connection said instead of an answer.

        "No data" and "unknown contract" are false alarms when IB is not well: then the farm is to blame.
        """
        outcome, message, code, _ = self.end
        if outcome is None or outcome is Outcome.BARS:
            return Failure(Outcome.UNKNOWN, "IB ended the request without an answer", code, self.latency_s)
        if outcome in (Outcome.NO_DATA, Outcome.UNKNOWN_CONTRACT) and not self.trusted:
            return Failure(Outcome.FARM_DOWN, f"not believed while IB is disturbed: {message}", code, self.latency_s)
        if outcome is Outcome.NO_DATA:
            return Failure(Outcome.UNKNOWN, message, code, self.latency_s)
        return Failure(outcome, message, code, self.latency_s)


async def ask(gateway: Gateway, kind: Kind, send: Callable[[Any, int], None], deadline_s: float) -> Reply:
    """Send a request and wait for its end. The caller holds the pacer's leave to send it now.

    Args:
        gateway: the connection.
        kind: what is asked for; historical requests that IB has not ended itself are cancelled there.
        send: called with ib_async's client and the request id; sends one message.
        deadline_s: seconds from sending to giving up.

    Raises:
        asyncio.CancelledError: the caller was cancelled; the request has been cancelled at IB, too.
    """
    started, sent_at, health = gateway.clock.monotonic(), gateway.now(), gateway.health
    disturbances = health.disturbances
    wire = gateway.wire
    if wire is None or not wire.connected:
        return Reply(End(Outcome.DISCONNECTED, "not connected", answered=False), sent_at, sent_at, 0.0, trusted=False)
    pending = wire.begin(kind)
    try:
        send(wire.client, pending.req_id)
        async with asyncio.timeout(deadline_s):
            end = await pending.ended
    except TimeoutError:
        end = End(Outcome.TIME_OUT, f"no answer within {deadline_s:g} s", answered=False)
    except ConnectionError as exc:
        end = End(Outcome.DISCONNECTED, str(exc), answered=False)
    except asyncio.CancelledError:
        # Whoever awaits a future cancels it, too; and one may have been ended by us, in the same turn of the loop.
        known = pending.ended.done() and not pending.ended.cancelled()
        if kind is Kind.HISTORICAL and not (known and pending.ended.result().answered):
            await gateway.withdraw(pending.req_id)
        raise
    finally:
        wire.forget(pending)
    latency_s, answered_at = gateway.clock.monotonic() - started, gateway.now()
    if kind is Kind.HISTORICAL and not end.answered:
        await gateway.withdraw(pending.req_id)
    trusted = gateway.health is health and health.disturbances == disturbances and health.all_up
    # A clock that was set back has been too fast before: what it said at sending would settle too much.
    sent_at = min(sent_at, answered_at - timedelta(seconds=latency_s))
    return Reply(end, sent_at, answered_at, latency_s, trusted, pending.rows, tuple(pending.notices), pending.told_span)
