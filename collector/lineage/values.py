"""Let one stored value account for itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from collector.db.connection.pool import Row, Statements
from collector.db.readers import bar_records
from collector.db.readers.bar_records import Asked, Numbers
from collector.domain.code_meanings import FLAGS, GREEKS_REASONS, QUARANTINE_REASONS
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.coverage.evidence import SECOND_AFTER
from collector.domain.errors import UsageError
from collector.domain.market_data.bars import decimal
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, DataSet, InstrumentKind
from collector.domain.market_data.instruments import Instrument, OptionContract, Underlying, WhatToShow
from collector.domain.market_data.spans import Span
from collector.domain.pricing.reasons import GreeksReason
from collector.domain.quality.quality_rules import Impossible
from collector.lineage import recomputing
from collector.lineage.answers import Answers, Brought, Proof
from collector.lineage.recomputing import Inputs, Recomputed

_SCALES = {"gamma": 6}
"""Decimals of Greeks, where they are not four."""
_TRADE_NAMES = ("open", "high", "low", "close", "volume", "bar_count", "vwap")
_QUOTE_NAMES = ("open", "high", "low", "close")


class State(StrEnum):
    """How far a series' slot is known."""

    SETTLED = "settled"
    """Final: answered after the close, or confirmed to be empty."""
    SINGLE_WITNESS = "single witness"
    """Final on one controlled answer that had no bar."""
    COVERED = "covered"
    """Answered, but not finally."""
    OPEN = "not covered"
    """Never answered."""


@dataclass(frozen=True, slots=True)
class Version:
    """Numbers that a series had until they were replaced, and what is known of them.

    numbers: by name, as readers see them. replaced_at, run_id: when and by which run they were replaced.
    """

    numbers: Mapping[str, Decimal | int | None]
    brought: Brought
    replaced_at: datetime
    run_id: int


@dataclass(frozen=True, slots=True)
class Claim:
    """An answer without any bar in the session, which does not count yet. reason: why it is held."""

    state: str
    reason: str
    span: Span
    first_sent_at: datetime | None
    first_run_id: int | None
    first_login: str | None
    last_sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Gap:
    """What became of a stretch of missing slots. state: open, filled or lost; reason: why it is lost."""

    state: str
    span: Span
    gap_type: str
    detected_at: datetime
    ended_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A bar that cannot be true. reason: in words; seen: in how many answers it came."""

    reason: str
    numbers: Mapping[str, Decimal | None]
    seen: int
    run_id: int | None
    quarantined_at: datetime


@dataclass(frozen=True, slots=True)
class Series:
    """One series in the slot.

    numbers: by name, None where it has no bar. brought: the requests that the value came by, or where there is no bar
    the answers that spoke for that. witnesses: controlled answers without any bar in the session, the first and the
    first that is half an hour younger. failures: how often a request for the slot ended without an answer, and the
    last of them.
    """

    what: WhatToShow
    state: State
    numbers: Mapping[str, Decimal | int | None] | None
    brought: Brought
    asked: int
    witnesses: tuple[Asked, ...]
    failures: int
    last_failure: Asked | None
    versions: tuple[Version, ...]
    claim: Claim | None
    gaps: tuple[Gap, ...]
    refused: Refused | None


@dataclass(frozen=True, slots=True)
class GreeksAccount:
    """Implied volatility and Greeks of the slot.

    numbers: as stored, by name. reason: what they were computed from, or why there are none, in words. inputs: None
    where they were not kept. recomputed: None where nothing was to be computed again.
    """

    numbers: Mapping[str, Decimal | None]
    version: int | None
    reason: str
    inputs: Inputs | None
    recomputed: Recomputed | None
    recomputed_numbers: Mapping[str, Decimal | None]
    note: str


@dataclass(frozen=True, slots=True)
class Copy:
    """An object of the archive that holds the session. is_present: it holds what the database holds now."""

    place: str
    path: str
    hash: str
    session_hash: str
    written_at: datetime
    verified_at: datetime | None
    is_present: bool


@dataclass(frozen=True, slots=True)
class Account:
    """All that is on record about one slot of an instrument.

    slot: its start, UTC. day: the session's. first_seen: since when the contract is known; selected: whether its bars
    were wanted on that session; both None for an underlying. is_stored: there is a row; the instants, the run and what
    follows are the row's. explained: every number that is there came by a request on record.
    """

    instrument: Instrument
    data_set: DataSet
    slot: datetime
    day: date
    first_seen: date | None
    selected: bool | None
    is_stored: bool
    created_at: datetime | None
    updated_at: datetime | None
    run_id: int | None
    flags: tuple[str, ...]
    open_interest: int | None
    series: tuple[Series, ...]
    greeks: GreeksAccount | None
    archived: tuple[Copy, ...]

    @property
    def explained(self) -> bool:
        """Tell whether each series' numbers came by a request on record."""
        return all(one.brought.proof is not Proof.NONE for one in self.series if one.numbers is not None)


async def value(
    db: Statements, instrument: Instrument, underlying: Underlying, data_set: DataSet, at: datetime
) -> Account:
    """Return all that is on record about the slot of an instrument that an instant lies in.

    Args:
        db: the database.
        instrument: a contract, or the underlying itself.
        underlying: what it is about.
        data_set: of contracts or of underlyings, as the instrument is.
        at: aware.

    Raises:
        UsageError: the data set is not about such an instrument.
    """
    about = InstrumentKind.UNDERLYING if isinstance(instrument, Underlying) else InstrumentKind.OPTION
    if data_set.kind is not about:
        raise UsageError(f"{data_set.name} holds bars of {data_set.kind}s", "Leave --bars out, or name another.")
    slot = data_set.slot_of(at.astimezone(UTC))
    day = data_set.day_of(slot, NEW_YORK)
    found = await bar_records.bars(db, instrument, data_set, slot, slot + data_set.bar_size)
    row = found[0] if found else None
    life = await bar_records.life(db, instrument.id, day) if isinstance(instrument, OptionContract) else None
    copies = await bar_records.archived(db, underlying.id, data_set, slot.date())
    greeks = (
        await _greeks(db, instrument, underlying, slot, day, row) if isinstance(instrument, OptionContract) else None
    )
    return Account(
        instrument=instrument,
        data_set=data_set,
        slot=slot,
        day=day,
        first_seen=None if life is None else life["first_seen"],
        selected=None if life is None else life["is_selected"],
        is_stored=row is not None,
        created_at=None if row is None else row["created_at"],
        updated_at=None if row is None else row["updated_at"],
        run_id=None if row is None else row["collection_run_id"],
        flags=() if row is None else tuple(text for flag, text in FLAGS.items() if row["flags"] & flag),
        open_interest=None if row is None else row.get("open_interest"),
        series=await _series(db, instrument, data_set, slot, row),
        greeks=greeks,
        archived=tuple(_copy(one) for one in copies),
    )


async def _series(
    db: Statements, instrument: Instrument, data_set: DataSet, slot: datetime, row: Row | None
) -> tuple[Series, ...]:
    span, keys = Span(slot, slot + data_set.bar_size), [instrument.key]
    asked = await bar_records.requests(db, instrument, data_set, slot)
    revisions = await bar_records.revisions(db, instrument, data_set, span.start, span.end)
    known = {one["what_to_show"]: one for one in await bar_records.coverage(db, keys, data_set, span)}
    claims = {one["what_to_show"]: one for one in await bar_records.claims(db, keys, data_set, span)}
    refused = {one["what_to_show"]: one for one in await bar_records.quarantined(db, keys, data_set, span)}
    gaps = await bar_records.gaps(db, keys, data_set, span)
    series = []
    for what in data_set.series:
        own = [one for one in asked if one.what_to_show is what]
        numbers = None if row is None else bar_records.numbers(row, data_set, what)
        answers = Answers(db, instrument, data_set, what, slot, own)
        history = _history(revisions, data_set, what, numbers)
        written_at = slot if row is None else row["updated_at"]
        present = [] if numbers is None else [(numbers, written_at)]
        versions = [*present, *((old, replaced["replaced_at"]) for old, replaced in history)]
        brought = await answers.brought(versions) if versions else []
        series.append(
            Series(
                what=what,
                state=_state(known.get(what.value)),
                numbers=None if numbers is None else _named(data_set, what, numbers),
                brought=brought[0] if present else _spoke(own),
                asked=len(own),
                witnesses=_witnesses(own),
                failures=sum(one.outcome not in _ANSWERED for one in own),
                last_failure=next((one for one in reversed(own) if one.outcome not in _ANSWERED), None),
                versions=tuple(
                    Version(_named(data_set, what, old), by, replaced["replaced_at"], replaced["run_id"])
                    for (old, replaced), by in zip(history, brought[len(present) :], strict=True)
                ),
                claim=_claim(claims.get(what.value)),
                gaps=tuple(_gap(one) for one in gaps if one["what_to_show"] == what.value),
                refused=_refused(refused.get(what.value)),
            )
        )
    return tuple(series)


_ANSWERED = ("bars", "no_data")


def _state(row: Row | None) -> State:
    if row is None or not row["covered"]:
        return State.OPEN
    if row["single_witness"]:
        return State.SINGLE_WITNESS
    return State.SETTLED if row["settled"] else State.COVERED


def _history(
    revisions: Sequence[Row], data_set: DataSet, what: WhatToShow, present: Numbers | None
) -> list[tuple[Numbers, Row]]:
    """Return the numbers that a series had before, the latest first; a revision of other series is none of its own."""
    found, following = [], present
    for row in revisions:
        old = bar_records.numbers(row, data_set, what)
        if old is not None and old != following:
            found.append((old, row))
        following = old
    return found


def _named(data_set: DataSet, what: WhatToShow, numbers: Numbers) -> dict[str, Decimal | int | None]:
    """Return a series' numbers by name, as readers see them."""
    if len(numbers) == 1:
        return {"close": None if numbers[0] is None else decimal(numbers[0])}
    whole = {"bar_count"} | ({"volume"} if data_set.kind is InstrumentKind.OPTION else set())
    names = _TRADE_NAMES if what is WhatToShow.TRADES else _QUOTE_NAMES
    return {
        name: number if number is None or name in whole else decimal(number)
        for name, number in zip(names, numbers, strict=True)
    }


def _spoke(asked: Sequence[Asked]) -> Brought:
    """Return which answers spoke for a slot without a bar."""
    answered = [one for one in asked if one.outcome in _ANSWERED]
    if not answered:
        return Brought(Proof.NONE)
    return Brought(Proof.RECORD, answered[0], answered[-1], len(answered), len(answered))


def _witnesses(asked: Sequence[Asked]) -> tuple[Asked, ...]:
    """Return the first controlled answer without any bar in the session, and the first half an hour later."""
    empty = [one for one in asked if one.is_negative and one.controlled]
    second = next((one for one in empty if one.sent_at >= empty[0].sent_at + SECOND_AFTER), None)
    return (*empty[:1], *(() if second is None else (second,)))


def _claim(row: Row | None) -> Claim | None:
    names = ("state", "reason", "span", "first_sent_at", "first_run_id", "first_login", "last_sent_at")
    return None if row is None else Claim(**{name: row[name] for name in names})


def _gap(row: Row) -> Gap:
    ended_at = row["lost_at"] if row["state"] == "lost" else row["backfilled_at"]
    return Gap(row["state"], row["span"], row["gap_type"], row["detected_at"], ended_at, row["reason"])


def _refused(row: Row | None) -> Refused | None:
    if row is None:
        return None
    numbers = {name: row[name] for name in ("open", "high", "low", "close", "volume")}
    words = QUARANTINE_REASONS[Impossible(row["reason"])]
    return Refused(words, numbers, row["seen"], row["run_id"], row["quarantined_at"])


def _copy(row: Row) -> Copy:
    return Copy(**{name: row[name] for name in Copy.__slots__})


async def _greeks(
    db: Statements, contract: OptionContract, underlying: Underlying, slot: datetime, day: date, row: Row | None
) -> GreeksAccount | None:
    if row is None:
        return None
    numbers = {name: _greek(name, row[name]) for name in recomputing.NAMES}
    version, reason = row["greeks_version"], row["greeks_reason"]
    if version is None:
        words = "not computed yet" if reason is None else "to be computed again: prices have changed since"
        return GreeksAccount(numbers, None, words, None, None, {}, "")
    words = GREEKS_REASONS[GreeksReason(reason)]
    carry = await bar_records.inputs(db, underlying.id, day, contract.expiration)
    if carry is None or carry["greeks_version"] != version or (inputs := recomputing.inputs_of(carry, slot)) is None:
        return GreeksAccount(numbers, version, words, None, None, {}, "their inputs were not kept")
    start, slots = carry["first_slot"], len(carry["spots"])
    bars = await bar_records.bars(db, contract, OPTION_BARS_5MIN, start, start + slots * OPTION_BARS_5MIN.bar_size)
    terms = await bar_records.terms(db, contract.id)
    then = next(one for one in terms if one["until"] is None or one["until"] > carry["computed_at"])
    again = recomputing.recompute(carry, then["strike"], bars, slot, is_call=then["is_call"])
    shown = {name: _greek(name, number) for name, number in again.numbers.items()}
    return GreeksAccount(numbers, version, words, inputs, again, shown, again.note)


def _greek(name: str, number: int | None) -> Decimal | None:
    return None if number is None else Decimal(number).scaleb(-_SCALES.get(name, 4))
