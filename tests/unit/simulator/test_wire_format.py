"""The wire format: framing, field encoding, decoding."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.simulator.wire_format import Fields, Inbox, WireError, frame, number


def test_frame_is_length_and_terminated_fields() -> None:
    """A message is its length in four big-endian bytes, then each field followed by NUL."""
    assert frame(49, 1, 1763676000) == b"\x00\x00\x00\x10" + b"49\x001\x001763676000\x00"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("12.30"), "12.3"),
        (Decimal("12.00"), "12"),
        (Decimal(-1), "-1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.0001"), "0.0001"),
        (Decimal(100), "100"),
    ],
)
def test_decimals_are_written_plainly(value: Decimal, written: str) -> None:
    """Decimals have neither exponent nor trailing zeros."""
    assert number(value) == written


def test_values_as_ib_writes_them() -> None:
    """None is empty, booleans are 1 and 0."""
    assert frame(None, True, False, "x")[4:] == b"\x001\x000\x00x\x00"


@given(
    messages=st.lists(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1)),
    cut=st.integers(1, 7),
)
def test_messages_survive_any_cutting(messages: list[list[str]], cut: int) -> None:
    """However the stream is cut, the same messages come out in order."""
    stream = b"API\0" + b"".join(frame(*fields) for fields in messages)
    inbox, greeted, seen = Inbox(), False, []
    for at in range(0, len(stream), cut):
        inbox.feed(stream[at : at + cut])
        greeted = greeted or inbox.take_hello()
        if greeted:
            seen += list(inbox.messages())
    assert seen == ["".join(f"{field}\0" for field in fields) for fields in messages]


def test_another_protocol_is_refused() -> None:
    """A client that greets otherwise is told apart at its first bytes."""
    inbox = Inbox()
    inbox.feed(b"GET / HTTP/1.1")
    with pytest.raises(WireError, match="greeting"):
        inbox.take_hello()


def test_absurd_length_is_refused() -> None:
    """A message longer than any request ends the reading."""
    inbox = Inbox()
    inbox.feed(b"\x7f\xff\xff\xff1")
    with pytest.raises(WireError, match="2147483647"):
        list(inbox.messages())


def test_contract_fields_are_read_in_order() -> None:
    """The twelve contract fields come in IB's order; empty numbers are 0."""
    body = "0\0spy\0opt\x0020261120\x00670.5\0CALL\x00100\0SMART\0\0USD\0\0SPY\0" + "1\0"
    fields = Fields.of(body)
    query = fields.contract()
    assert (query.con_id, query.symbol, query.sec_type, query.expiry) == (0, "SPY", "OPT", "20261120")
    assert (query.strike, query.right, query.multiplier) == (Decimal("670.5"), "C", "100")
    assert (query.exchange, query.currency, query.trading_class) == ("SMART", "USD", "SPY")
    assert fields.flag() is True


@pytest.mark.parametrize("body", ["", "x\0"])
def test_unreadable_field(body: str) -> None:
    """A missing or mistyped field is named, not guessed."""
    with pytest.raises(WireError):
        Fields.of(body).integer()
