"""Mail addresses: one form for all that are taken, and a reason for all that are not."""

import string
from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.mail_addresses import mail_address

_LETTERS = string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~" + "é日דß…"
ANY = st.builds(
    "{}@{}".format, st.text(f'{_LETTERS}." (,@\r\n\u202e', max_size=12), st.text("abé-.日[]_ ", max_size=12)
)
"""Addresses and what nearly is one."""


@pytest.mark.parametrize(
    ("given_", "sent"),
    [
        ("owner@example.org", "owner@example.org"),
        ("collector@localhost", "collector@localhost"),
        ("first.last+tag@sub.example.org", "first.last+tag@sub.example.org"),
        ("Owner@Example.ORG", "Owner@example.org"),
        ("owner@bücher.example", "owner@xn--bcher-kva.example"),
        ("owner@MÜNCHEN.de", "owner@xn--mnchen-3ya.de"),
        ("owner@bu\u0308cher.example", "owner@xn--bcher-kva.example"),
        ("mé@example.org", "mé@example.org"),
        ("me\u0301@example.org", "mé@example.org"),
        ("דואר@example.org", "דואר@example.org"),
    ],
)
def test_what_is_taken(given_: str, sent: str) -> None:
    """The domain in ASCII, as RFC 3492 writes it; what stands before the @ as it is."""
    assert mail_address(given_) == sent
    assert mail_address(sent) == sent


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "should be a mail address"),
        ("owner", "should be a mail address"),
        ("@example.org", "before the @"),
        ("o..wner@example.org", "single dots"),
        (".owner@example.org", "single dots"),
        ("owner.@example.org", "single dots"),
        ("own(er)@example.org", "before the @"),
        ('"own er"@example.org', "before the @"),
        ("own er@example.org", "before the @"),
        ("owner@home@example.org", "before the @"),
        ("Owner <owner@example.org>", "before the @"),
        ("owner\r\nBcc: thief@example.net", "before the @"),
        ("own\u202eer@example.org", "before the @"),
        ("own\ud800er@example.org", "before the @"),
        (f"{'x' * 65}@example.org", "more than 64 bytes"),
        (f"{'é' * 33}@example.org", "more than 64 bytes"),
        (f"owner@{'long.' * 60}example.org", "longer than 254 bytes"),
        (f"{'x' * 64}@{'d' * 63}.{'d' * 63}.{'d' * 63}", "longer than 254 bytes"),
        ("owner@", "after the @"),
        ("owner@example..org", "after the @"),
        ("owner@example.org.", "after the @"),
        ("owner@-example.org", "after the @"),
        ("owner@exa_mple.org", "after the @"),
        ("owner@[127.0.0.1]", "after the @"),
        ("owner@example.org\r\n", "after the @"),
        (f"owner@{'x' * 64}.org", "after the @"),
        ("owner@straße.example", "xn--"),  # Python would write another domain, strasse.example
        ("owner@例。example", "xn--"),
        ("owner@exa\ud800mple.org", "xn--"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    """With the part that is wrong; nothing that a header or a mail server would read as something else is taken."""
    with pytest.raises(ValueError, match=words):
        mail_address(text)


@given(ANY)
def test_what_is_taken_means_the_same_to_the_mail_package(text: str) -> None:
    """Its address is ours, letter by letter, in a header of many: no quotes, no comments, no second address."""
    try:
        address = mail_address(text)
    except ValueError:
        return
    local_part, domain = address.rsplit("@", 1)
    assert domain.isascii()
    assert str(Address(username=local_part, domain=domain)) == address
    if address.isascii():
        assert Address(addr_spec=address) == Address(username=local_part, domain=domain)
