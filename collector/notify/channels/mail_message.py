"""Build one mail.

Text, HTML, inline pictures and attachments as a standard message that no input can forge headers into.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from hashlib import sha256
from types import MappingProxyType

_LONGEST_SUBJECT = 180
_SEPARATORS = re.compile(r"[^\S ]*[\x00-\x1f\x7f-\x9f\u2028\u2029]+[^\S ]*")
"""Line ends and control characters; plain spaces stay, an OCC symbol is padded with them."""


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


class _SpacesKept(EmailPolicy):
    """Folds a Subject that is not ASCII by `email.header`: the policy's own way loses spaces between encoded words."""

    def fold(self, name: str, value: str) -> str:
        """Return the header's lines."""
        if name.lower() != "subject" or value.isascii():
            usual: str = super().fold(name, value)
            return usual
        return f"{name}: {Header(str(value), 'utf-8', header_name=name).encode(linesep=self.linesep)}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        """Return the header's lines as they are sent."""
        if name.lower() != "subject":
            usual: bytes = super().fold_binary(name, value)
            return usual
        return self.fold(name, value).encode("ascii")


_POLICY = _SpacesKept(linesep="\r\n", cte_type="7bit")
"""As email.policy.SMTP, but for subjects, and fit for servers that take ASCII only."""


def one_line(text: str, longest: int = _LONGEST_SUBJECT) -> str:
    """Return the text as one line that is safe in a header: no control characters, no line ends, at most so long.

    An encoded word (=?utf-8?q?…?=) is taken apart: the e-mail package would decode it, line ends included.
    """
    visible = "".join(c for c in text if unicodedata.category(c) not in ("Cs", "Cf", "Co") or c == "\u200d")
    line = _SEPARATORS.sub(" ", visible).replace("=?", "= ?").strip()
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def message(mail: Mail, *, sender: str, recipients: Sequence[str], host: str = "") -> EmailMessage:
    """Assemble the message: multipart/alternative of text and HTML, the pictures related to the HTML.

    Args:
        mail: what to say.
        sender: the From address.
        recipients: the To addresses.
        host: where the collector runs; names the message's origin.
    """
    result = EmailMessage(policy=_POLICY)
    result["Subject"] = one_line(mail.subject)
    result["From"] = Address("Collector", addr_spec=sender)
    result["To"] = tuple(Address(addr_spec=recipient) for recipient in recipients) or Address(addr_spec=sender)
    result["Date"] = format_datetime(mail.made_at)
    result["Message-ID"] = _message_id(mail, sender)
    result["Auto-Submitted"] = "auto-generated"
    result["X-Auto-Response-Suppress"] = "All"
    if host:
        result["X-Collector-Host"] = one_line(host, 80)
    if mail.urgent:
        result["Importance"] = "high"
        result["X-Priority"] = "1"
    result.set_content(_surrogate_free(mail.text))
    result.add_alternative(_surrogate_free(mail.html), subtype="html")
    html_part = result.get_body(("html",))
    if isinstance(html_part, EmailMessage):
        for content_id, png in mail.pictures.items():
            html_part.add_related(
                png, "image", "png", cid=f"<{content_id}>", disposition="inline", filename=f"{content_id}.png"
            )
    for attachment in mail.attachments:
        result.add_attachment(_surrogate_free(attachment.text), filename=one_line(attachment.name, 80))
    return result


def _message_id(mail: Mail, sender: str) -> str:
    """Return an id that stays the same when the same mail is sent again, so that receivers can drop a repeat."""
    digest = sha256(f"{mail.name}\0{mail.made_at.isoformat()}\0{sender}".encode("utf-8", "replace")).hexdigest()[:32]
    return f"<{digest}@{sender.rpartition('@')[2]}>"


def _surrogate_free(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
