"""Build one mail, and read it back.

Text, HTML, inline pictures and attachments as a standard message that no input can forge headers into.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from types import MappingProxyType

_LONGEST_SUBJECT = 180
_SEPARATORS = re.compile(r"[^\S ]*[\x00-\x1f\x7f-\x9f\u2028\u2029]+[^\S ]*")
"""Line ends and control characters; plain spaces stay, an OCC symbol is padded with them."""

_LINE_END = re.compile(r"\r\n?")
_UNREADABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and lone surrogates: mail servers may refuse the former, and UTF-8 cannot hold the latter."""

_POLICY = SMTP.clone(cte_type="7bit")
"""Fit for servers that take ASCII only."""

_ADDRESSES = re.compile(rb"^(From|To|X-Collector-Taken-By):([^\n]*\n(?:[ \t][^\n]*\n)*)", re.IGNORECASE | re.MULTILINE)
_END_OF_HEADERS = re.compile(rb"\n\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A text file that travels with a mail."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A rendered mail, independent of any channel.

    name: what it is the same as, safe as a file name; writing it twice makes one mail. pictures: PNG by content id.
    brief: two lines at most, for a desktop notification or a log.
    """

    name: str
    subject: str
    text: str
    html: str
    made_at: datetime
    brief: str = ""
    urgent: bool = False
    pictures: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A mail that was read back from its file: when it was made, and which recipients have it already."""

    content: bytes
    made_at: datetime
    taken_by: frozenset[str]


def one_line(text: str, longest: int = _LONGEST_SUBJECT) -> str:
    """Return the text as one line that is safe in a header: no control characters, no line ends, at most so long.

    An encoded word (=?utf-8?q?…?=) is taken apart: the e-mail package would decode it, line ends included.
    """
    visible = "".join(c for c in text if unicodedata.category(c) not in ("Cs", "Cf", "Co") or c == "\u200d")
    line = _SEPARATORS.sub(" ", visible).replace("=?", "= ?").strip()
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def compose(mail: Mail, *, sender: str, recipients: Sequence[str], host: str = "") -> bytes:
    """Return the bytes of a mail; no text in it, however odd, makes that fail or adds a header.

    Args:
        mail: what to say.
        sender: the From address, as `mail_address` returns it.
        recipients: the To addresses, likewise; none: the sender.
        host: where the collector runs; names the message's origin.
    """
    headers = {
        "Subject": _encoded("Subject", one_line(mail.subject)),
        "Date": format_datetime(mail.made_at),
        "Message-ID": _message_id(mail, sender),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Collector-Host": _encoded("X-Collector-Host", one_line(host, 80)),
        **({"Importance": "high", "X-Priority": "1"} if mail.urgent else {}),
    }
    content = b"".join(_header(name, [value]) for name, value in headers.items() if value) + _parts(mail).as_bytes()
    return addressed(content, sender=sender, recipients=recipients)


def addressed(content: bytes, *, sender: str, recipients: Sequence[str], taken_by: Iterable[str] = ()) -> bytes:
    """Return the bytes of a mail with these addresses in its headers, instead of those that it has.

    Args:
        content: the bytes of a mail.
        sender: the From address, as `mail_address` returns it.
        recipients: the To addresses, likewise; none: the sender. One that is not ASCII makes the headers UTF-8.
        taken_by: those who have it already; for the file, not to be sent.
    """
    end = _end_of_headers(content)
    headers = _header("From", [f"Collector <{sender}>"]) + _header("To", recipients or [sender])
    if have_it := sorted(taken_by):
        headers += _header("X-Collector-Taken-By", have_it)
    return headers + _ADDRESSES.sub(b"", content[:end]) + content[end:]


def read(content: bytes) -> KeptMail:
    """Return what the bytes of a kept mail say.

    Raises:
        ValueError: they are no whole mail.
    """
    parsed = message_from_bytes(content)
    if not parsed.is_multipart() or any(part.defects for part in parsed.walk()):
        raise ValueError("it is empty or damaged")
    made_at = parsedate_to_datetime(str(parsed["Date"]))
    found = _ADDRESSES.findall(content, 0, _end_of_headers(content))
    taken_by = b",".join(values for name, values in found if name == b"X-Collector-Taken-By").decode()
    return KeptMail(
        content=content,
        made_at=made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC),
        taken_by=frozenset(address.strip() for address in taken_by.split(",")) - {""},
    )


def _end_of_headers(content: bytes) -> int:
    """Return where the empty line after the headers begins."""
    found = _END_OF_HEADERS.search(content)
    return len(content) if found is None else found.start() + 1


def _header(name: str, values: Sequence[str]) -> bytes:
    return f"{name}: ".encode() + ",\r\n ".join(values).encode() + b"\r\n"


def _encoded(name: str, line: str) -> str:
    """Return a line of text as a header's value. The e-mail package's policies lose spaces between encoded words."""
    return Header(line, "us-ascii" if line.isascii() else "utf-8", header_name=name).encode(linesep="\r\n")


def _parts(mail: Mail) -> EmailMessage:
    """Return multipart/alternative of text and HTML, the pictures related to the HTML, the attachments around it."""
    result = EmailMessage(policy=_POLICY)
    result.set_content(_readable(mail.text))
    result.add_alternative(_readable(mail.html), subtype="html")
    html_part = result.get_body(("html",))
    if isinstance(html_part, EmailMessage):
        for content_id, png in mail.pictures.items():
            html_part.add_related(
                png, "image", "png", cid=f"<{content_id}>", disposition="inline", filename=f"{content_id}.png"
            )
    for attachment in mail.attachments:
        result.add_attachment(_readable(attachment.text), filename=_file_name(attachment.name))
    return result


def _message_id(mail: Mail, sender: str) -> str:
    """Return an id that stays the same when the same mail is sent again, so that receivers can drop a repeat."""
    digest = sha256(f"{mail.name}\0{mail.made_at.isoformat()}\0{sender}".encode("utf-8", "replace")).hexdigest()[:32]
    return f"<{digest}@{sender.rpartition('@')[2]}>"


def _readable(text: str) -> str:
    return _UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", _LINE_END.sub("\n", text))


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:80]
