"""Tell the account of a value or session in lines."""

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import OptionContract, WhatToShow
from collector.domain.market_data.spans import Span, Spans
from collector.domain.pricing.dividends import DividendSource
from collector.lineage import wording
from collector.lineage.answers import Brought, Proof
from collector.lineage.naming import short_symbol
from collector.lineage.sessions import SessionAccount
from collector.lineage.values import Account, Copy, GreeksAccount, Series, State

_STATES = {
    State.SETTLED: "settled",
    State.SINGLE_WITNESS: "settled on a single witness",
    State.COVERED: "answered, not settled",
    State.OPEN: "not covered by any answer",
}
_LABELS = {"bar_count": "trades", "implied_volatility": "IV"}
_SOURCES = {
    DividendSource.CONFIGURED: "configured",
    DividendSource.TICK: "told by the source of market data",
    DividendSource.PARITY: "from put-call parity",
    DividendSource.UNKNOWN: "unknown",
}
_YEAR = timedelta(days=365)
_WIDTH = 9


class Line(NamedTuple):
    """A line of an account. label: what it is about, empty where it goes on about the same; both empty: a new part."""

    label: str
    text: str

    def __str__(self) -> str:
        return f"{self.label:<{_WIDTH}} {self.text}" if self.text else ""


def document(found: object) -> Any:  # noqa: ANN401 - whatever JSON can say
    """Return an account as JSON has it: objects by name, a data set by its name, a span by its bounds."""
    if isinstance(found, DataSet):
        return found.name
    if isinstance(found, Span):
        return {"start": found.start, "end": found.end}
    if isinstance(found, Spans):
        return [document(span) for span in found]
    if dataclasses.is_dataclass(found):
        return {field.name: document(getattr(found, field.name)) for field in dataclasses.fields(found)}
    if isinstance(found, Mapping):
        return {name: document(value) for name, value in found.items()}
    return [document(one) for one in found] if isinstance(found, tuple) else found


def lines(account: Account) -> Iterator[str]:
    """Yield the lines of a slot's account; instants in New York."""
    yield from heading(account)
    yield from map(str, told(account))


def heading(account: Account) -> Iterator[str]:
    """Yield which slot of what an account is about."""
    instrument, slot = account.instrument, account.slot
    if isinstance(instrument, OptionContract):
        strike = f"{instrument.strike:f}"
        terms = f"expires {instrument.expiration}, strike {strike} {'call' if instrument.right == 'C' else 'put'}"
        yield f"{short_symbol(instrument)} (contract {instrument.id}, {terms})"
    else:
        yield f"{instrument.symbol} ({account.data_set.size})"
    end = slot + account.data_set.bar_size
    when = (
        str(account.day)
        if account.data_set.size == "1 day"
        else f"{wording.minute(slot)} to {wording.minute(end)[11:]}"
    )
    yield f"{when} New York ({slot:%Y-%m-%d %H:%M} UTC)"


def told(account: Account) -> Iterator[Line]:
    """Yield what is on record about a slot."""
    yield from _row(account)
    for series in account.series:
        yield Line("", "")
        yield from _series(series)
    if account.greeks is not None:
        yield Line("", "")
        yield from _greeks(account, account.greeks)
    yield Line("", "")
    yield from _archive(account.archived)


def session_lines(account: SessionAccount) -> Iterator[str]:
    """Yield the lines of a session's account."""
    yield f"{account.underlying.symbol}, session of {account.session.day}: options in counts"
    yield from map(str, _session(account))


def _session(account: SessionAccount) -> Iterator[Line]:
    quality, missing = account.quality, account.missing
    yield Line(
        "bars",
        f"{quality.bars:,} of {quality.contracts:,} contracts; {quality.traded:,} traded, {quality.quoted:,} with bid"
        f" and ask, {quality.with_iv:,} with volatility, {quality.doubted:,} doubted,"
        f" {quality.quarantined:,} in quarantine",
    )
    open_slots = sum(hole.slots for hole in missing.holes)
    expected = f"{missing.expected:,} series-slots of {wording.counted(missing.instruments, 'contract')}"
    yield Line("expected", f"{expected}; {open_slots:,} not final")
    if missing.note:
        yield Line("", missing.note)
    if missing.gone:
        yield Line("", missing.gone)
    for hole in missing.holes:
        yield Line("", hole.sentence)
    for one in account.requested:
        login = f", login {one.login}" if one.login else ""
        by = wording.run(one.window, one.day, one.attempt, one.run_id)
        span = f"{wording.minute(one.first_sent_at)} to {wording.minute(one.last_sent_at)}"
        came = f"; {one.bars:,} bars" if one.bars else ""
        ended = wording.outcome(one.outcome, None, None)
        yield Line("asked", f"{by}{login}: {wording.counted(one.requests, 'request')} {ended}{came}, {span}")
    if account.revisions:
        last = "" if account.last_revised_at is None else f", last {wording.minute(account.last_revised_at)}"
        contracts = wording.counted(account.revised_contracts, "contract")
        yield Line("revised", f"{wording.counted(account.revisions, 'settled bar')} of {contracts}{last}")
    for words, bars in account.greeks:
        yield Line("Greeks", f"{wording.counted(bars, 'bar')}: {words}")
    yield from _archive(account.archived)


def _row(account: Account) -> Iterator[Line]:
    if not account.is_stored:
        yield Line("row", "none is stored for this slot")
        if account.selected is False:
            yield Line("", f"the contract was not selected for the session of {account.day}")
    elif account.created_at is not None and account.updated_at is not None:
        asked = (one for series in account.series for one in (series.brought.first, series.brought.last))
        own = next((one for one in asked if one is not None and one.run_id == account.run_id), None)
        named = (None, None, None) if own is None else (own.window, own.day, own.attempt)
        by = wording.run(*named, account.run_id)
        changed = ""
        if account.updated_at != account.created_at:
            changed = f", last changed {wording.clock_time(account.updated_at)}"
        yield Line("row", f"stored {wording.clock_time(account.created_at)}{changed}, by {by}")
    if account.first_seen is not None:
        yield Line("", f"the contract is known since {account.first_seen}")
    for flag in account.flags:
        yield Line("flag", flag)
    if account.open_interest is not None:
        yield Line("open int.", f"{account.open_interest:,} contracts")


def _series(series: Series) -> Iterator[Line]:
    final = series.state in (State.SETTLED, State.SINGLE_WITNESS)
    none = "no trade" if final and series.what is WhatToShow.TRADES else "no bar"
    value = none if series.numbers is None else _numbers(series.numbers)
    yield Line(_short_name(series), f"{value}; {_STATES[series.state]}")
    for text in _brought(series.brought, has_bar=series.numbers is not None):
        yield Line("", text)
    for number, witness in enumerate(series.witnesses, 1):
        yield Line("", f"witness {number} that there was none: {wording.request(witness)}")
    if series.failures and series.last_failure is not None:
        failed = wording.counted(series.failures, "request")
        yield Line(
            "", f"{failed} of {series.asked} ended without an answer, the last: {wording.request(series.last_failure)}"
        )
    for version in series.versions:
        by = wording.run(None, None, None, version.run_id)
        yield Line(
            "", f"until {wording.clock_time(version.replaced_at)} it was {_numbers(version.numbers)}; replaced by {by}"
        )
        for text in _brought(version.brought, has_bar=True):
            yield Line("", f"  {text}")
    if series.claim is not None:
        claim = series.claim
        why = f": {claim.reason}" if claim.reason else ""
        first = "" if claim.first_sent_at is None else f", first found {wording.minute(claim.first_sent_at)}"
        by = "" if claim.first_run_id is None else f" by {wording.run(None, None, None, claim.first_run_id)}"
        state = "awaits a second witness" if claim.state == "awaiting" else "is not believed"
        yield Line("", f"that it is empty {state}{why}{first}{by}")
    for gap in series.gaps:
        ended = "" if gap.ended_at is None else f" {wording.minute(gap.ended_at)}"
        why = f": {gap.reason}" if gap.reason else ""
        yield Line(
            "", f"gap {wording.hours(gap.span)}, found {wording.minute(gap.detected_at)}, {gap.state}{ended}{why}"
        )
    if series.refused is not None:
        refused = series.refused
        seen = f"came {wording.times(refused.seen)}, last {wording.minute(refused.quarantined_at)}"
        yield Line("", f"in quarantine: {_numbers(refused.numbers)}; {refused.reason}; {seen}")


def _short_name(series: Series) -> str:
    return {"OPTION_IMPLIED_VOLATILITY": "IV", "ADJUSTED_LAST": "adjusted"}.get(series.what.value, series.what.value)


def _brought(brought: Brought, *, has_bar: bool) -> Iterator[str]:
    first, last = brought.first, brought.last
    if first is None or last is None:
        if has_bar:
            answers = wording.counted(brought.candidates, "answer")
            why = f"{answers} covered the slot, and what they brought is not what is stored in their spans"
            none = "none that brought bars covered the slot, or their record has been dropped for its age"
            yield f"no request on record explains this value: {why if brought.candidates else none}"
        return
    if not has_bar:
        yield f"{wording.counted(brought.answers, 'answer')} spoke for the slot, the last: {wording.request(last)}"
        return
    if brought.proof is Proof.RECORD:
        yield f"brought by {wording.request(last)} (by the record; answers had no checksum then)"
        return
    yield f"brought by {wording.request(first)}; its checksum is that of what is stored"
    if brought.answers > 1:
        again = wording.times(brought.answers - 1)
        yield f"found the same {again} since, the last time by {wording.request(last)}"


def _numbers(numbers: Mapping[str, Decimal | int | None]) -> str:
    shown = ((_LABELS.get(name, name), number) for name, number in numbers.items() if number is not None)
    return ", ".join(f"{label} {_digits(number)}" for label, number in shown)


def _digits(number: Decimal | int) -> str:
    """Return a number without idle zeros, but for a second decimal: 12.30, 0.0125, 1,200."""
    whole, point, decimals = f"{number:,f}".partition(".") if isinstance(number, Decimal) else (f"{number:,}", "", "")
    kept = decimals.rstrip("0")
    return f"{whole}{point}{kept:0<2}" if kept else whole


def _greeks(account: Account, greeks: GreeksAccount) -> Iterator[Line]:
    numbers = _numbers(greeks.numbers)
    yield Line("Greeks", f"{numbers}; {greeks.reason}" if numbers else greeks.reason)
    if greeks.inputs is not None:
        inputs = greeks.inputs
        spot = "no spot" if inputs.spot is None else f"spot {inputs.spot:.4f}"
        forward = "" if inputs.forward is None else f", forward {inputs.forward:.4f}"
        pairs = f" of {inputs.pairs} pairs of quotes" if inputs.pairs else ""
        source = _SOURCES[DividendSource(inputs.source)] if inputs.source else "of an unknown source"
        carry = f"rate {inputs.rate:.4%}, dividend yield {inputs.dividend_yield:.4%}{pairs}"
        yield Line("inputs", f"{spot}{forward}, {carry}, dividends {source}")
        for amount, years in inputs.dividends:
            ex = _goes_ex(account.slot, inputs.years, years)
            yield Line("", f"a cash dividend of {amount:g} USD, ex {wording.minute(ex)[:10]}, is set aside")
        made = f"version {inputs.version}, computed {wording.clock_time(inputs.computed_at)}"
        yield Line("", f"{inputs.years * 365:.4f} days to the close, {made}")
    again = greeks.recomputed
    if again is None or again.equal is None:
        if greeks.note:
            yield Line("again", f"not computed again: {greeks.note}")
    elif again.equal:
        yield Line("again", "computed again from these inputs: equal to the last digit")
    else:
        found = _numbers(greeks.recomputed_numbers) or "none"
        yield Line("again", f"computed again from these inputs: {found}; that is NOT what is stored")


def _goes_ex(slot: datetime, years: float, years_before: float) -> datetime:
    return slot + OPTION_BARS_5MIN.bar_size + (years - years_before) * _YEAR


def _archive(copies: tuple[Copy, ...]) -> Iterator[Line]:
    if not copies:
        yield Line("archive", "no object holds this session")
    for copy in copies:
        state = "holds what the database holds" if copy.is_present else "holds an earlier state"
        read = "not read back" if copy.verified_at is None else f"read back {wording.minute(copy.verified_at)}"
        yield Line("archive", f"{copy.place}/{copy.path}: {state}, {read}; SHA-256 {copy.hash}")
