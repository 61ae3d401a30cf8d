"""Cut secrets out of texts.

Secrets leave no trace: what must be cut out of every text before a person, a file or a mail gets it.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus, unquote

MASK = "***"
_SHORTEST = 3
"""A known secret shorter than this is not looked for: it would cut holes into ordinary words."""

_TELLING_PART = 16
"""A part of a secret web address as long as this is a secret by itself; shorter ones may be ordinary words."""

# Texts come from anywhere, and may be long: repeats that give nothing back (++, ?>) and matches that begin only where a
# word does keep the time that a search takes from growing much faster than its text.
_TELLTALE = (
    r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential"
    r"|\bpgpass(?![\w.-]))"
)
_WORD = r"[\w.-]"
_VALUE = r"""(?:SecretStr\([^)]*\)|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?:\\.|[^\s,;&'"})\]])++)"""
_LIBPQ = r"(?:host|hostaddr|port|user|dbname|password|passfile|sslmode|sslkey|sslcert|options|application_name)"

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # A connection string goes as a whole, credentials or not.
    (re.compile(r"\b(postgres(?:ql)?(?:\+\w+)?)://(?:[^\s'\"<>`]|(?<=:)['\"])*", re.IGNORECASE), rf"\1://{MASK}"),
    # Any other URL loses its user and password; a password may itself hold an @ or a slash.
    (
        re.compile(r"(?<![^\s'\"<>`])((?>[^\s'\"<>`]*?[a-z0-9+.-]://))[^\s'\"<>`]*@", re.IGNORECASE),
        rf"\1{MASK}@",
    ),
    # libpq's other spelling: two or more of its words in a row.
    (re.compile(rf"\b{_LIBPQ}\s*=\s*{_VALUE}(?:\s+{_LIBPQ}\s*=\s*{_VALUE})+", re.IGNORECASE), MASK),
    # password=…, "api_key": "…", --token …
    (
        re.compile(
            rf"""(?<!{_WORD})(?={_WORD}*?{_TELLTALE})({_WORD}++["']?\s*(?:=>|:=|=|:)\s*){_VALUE}""", re.IGNORECASE
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            rf"(?<!{_WORD})(?=(?>{_WORD}*?--){_WORD}*?{_TELLTALE})({_WORD}++\s+){_VALUE}",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    # What follows a scheme of HTTP or SMTP authentication.
    (
        re.compile(r"\b((?:Basic|Bearer|AUTH\s+(?:PLAIN|LOGIN|XOAUTH2|CRAM-MD5))\s+)[A-Za-z0-9+/=_.~-]{6,}"),
        rf"\1{MASK}",
    ),
    # IB's account numbers: U1234567, paper DU1234567, advisors F1234567.
    (re.compile(r"\b((?:DU|DF|U|F)(?:M|P|L)?)\d{6,9}\b"), rf"\1{MASK}"),
)

ValueT = TypeVar("ValueT")


class Mask:
    """Cuts secrets out of texts: those that it is told, and everything that looks like one.

    Args:
        secrets: values known to be secret (passwords, tokens, ping addresses); also found URL-quoted, escaped as in a
            Python literal, and in base64, and long parts of addresses without the rest.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings: set[str] = set()
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                spellings.update(_spellings(secret))
        ordered = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(re.escape(spelling) for spelling in ordered)) if ordered else None

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def report(self, value: ValueT) -> ValueT:
        """Return a report, or any value inside one, with every text in it masked."""
        masked: ValueT = self._walk(value)
        return masked

    def _walk(self, value: Any) -> Any:  # noqa: ANN401 - walks any report
        if type(value) is str:  # an enumeration's words are ours, and must stay themselves
            return self(value)
        if isinstance(value, tuple):
            items = [self._walk(item) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        if isinstance(value, list):
            return [self._walk(item) for item in value]
        if isinstance(value, Mapping):
            return {key: self._walk(item) for key, item in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            return type(value)(**{field.name: self._walk(getattr(value, field.name)) for field in fields(value)})
        return value


def _spellings(secret: str) -> Iterable[str]:
    raw = secret.encode()
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield repr(secret)[1:-1]
    yield base64.b64encode(raw).decode()
    yield base64.urlsafe_b64encode(raw).decode()
    scheme, _, address = secret.partition("://")
    login, _, rest = address.rpartition("@")
    password = login.partition(":")[2]
    yield from (part for part in (password, unquote(password)) if len(part) >= _SHORTEST)
    if scheme in ("http", "https"):
        yield from (part for part in re.split(r"[/?&=#]", rest)[1:] if len(part) >= _TELLING_PART)
