"""The grammar of mail addresses.

One grammar for everything that a mail is sent from and to: what it takes can be written into a header and said to a
mail server as it stands, so nothing that comes later has to doubt an address.
"""

import re
import unicodedata

_LONGEST = 254
_LONGEST_LOCAL_PART = 64
"""Bytes; RFC 5321, 4.5.3.1."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def mail_address(text: str) -> str:
    """Return a mail address in the form in which it is sent.

    The domain comes back in lower case and in ASCII (punycode), which every mail server takes. What stands before the @
    stays as it is; where it is not ASCII, the mail server has to offer SMTPUTF8.

    Args:
        text: such as owner@example.org; no display name, no quotes, no comment.

    Raises:
        ValueError: it is none; the message says what is wrong, as the end of a sentence that begins with the key.
    """
    local_part, at, domain = unicodedata.normalize("NFC", text).rpartition("@")
    if not at:
        raise ValueError("should be a mail address such as owner@example.org")
    if not (local_part.isprintable() and _LOCAL_PART.fullmatch(local_part)):
        raise ValueError(
            "is no mail address: before the @ belong letters, digits and !#$%&'*+-/=?^_`{|}~, single dots in between"
        )
    if len(local_part.encode()) > _LONGEST_LOCAL_PART:
        raise ValueError(f"is no mail address: before the @ are more than {_LONGEST_LOCAL_PART} bytes")
    address = f"{local_part}@{_ascii_domain(domain)}"
    if len(address.encode()) > _LONGEST:
        raise ValueError(f"is no mail address: it is longer than {_LONGEST} bytes")
    return address


def _ascii_domain(text: str) -> str:
    domain = text.lower()
    if len(domain) > _LONGEST:
        raise ValueError(f"is no mail address: it is longer than {_LONGEST} bytes")
    if not domain.isascii():
        try:
            found = domain.encode("idna").decode("ascii").lower()
            # Python's punycode is of 2003, and folds some letters, ß among them, into others: to another domain.
            same = found.encode("ascii").decode("idna") == domain
        except UnicodeError:
            same = False
        if not same:
            raise ValueError("is no mail address: write the domain in its ASCII form, which begins with xn--")
        domain = found
    if not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        raise ValueError("is no mail address: after the @ belongs a domain such as example.org")
    return domain
