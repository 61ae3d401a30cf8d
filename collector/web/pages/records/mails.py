"""The pages of mails: the outbox, and each mail."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from collector.domain.errors import Unknown
from collector.notify.channels.outbox import Listed, MailState, Outbox
from collector.web import asking
from collector.web.context import Context
from collector.web.page import Asked, Download, Page, Parameter

_MOST = 50
_LAST_PAGE = 10_000
_LONGEST = 200_000
"""Characters of a text; ours have a few thousand."""

_LATEST = "latest"
_NAME = Parameter("name", f"the mail's name, as the outbox has it, or `{_LATEST}`", _LATEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A mail of the outbox. subject: empty where the file cannot be read."""

    name: str
    subject: str
    state: MailState
    bytes: int
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mails:
    """The outbox, the latest mail first.

    directory: where it lies. sends: a mail server is configured; without one mails are kept only. state: what the list
    is narrowed down to. totals: how many there are by state. next_page: None on the last one.
    """

    directory: str
    sends: bool
    state: str
    totals: dict[MailState, int]
    mails: tuple[Entry, ...]
    page: int
    next_page: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail. text: its plain part; has_page: its HTML is there to be looked at."""

    name: str
    subject: str
    date: str
    state: MailState
    bytes: int
    changed_at: datetime
    text: str
    has_page: bool


async def _outbox(context: Context, asked: Asked) -> Mails:
    state = asking.choice(asked, "state", tuple(MailState))
    page = asking.number(asked, "page", 1, _LAST_PAGE) or 1
    outbox = _of(context)

    def look() -> tuple[list[Listed], list[Entry]]:
        found = list(outbox.listed())
        wanted = [one for one in found if state in ("", one.state)]
        return found, [_entry(one) for one in wanted[(page - 1) * _MOST : page * _MOST + 1]]

    found, shown = await asyncio.to_thread(look)
    return Mails(
        directory=str(outbox.directory),
        sends=bool(context.settings.notify.smtp.host),
        state=state,
        totals={one: sum(mail.state is one for mail in found) for one in MailState},
        mails=tuple(shown[:_MOST]),
        page=page,
        next_page=page + 1 if len(shown) > _MOST else None,
    )


async def _mail(context: Context, asked: Asked) -> Mail:
    return await asyncio.to_thread(_read, _of(context), asked["name"])


async def _page(context: Context, asked: Asked) -> bytes:
    outbox, name = _of(context), asked["name"]

    def read() -> bytes:
        try:
            return outbox.html(_listed(outbox, name).name).read_bytes()
        except OSError as error:
            raise Unknown(f"the page of mail {name} is not there", f"Its text: /mails/{name}") from error

    return await asyncio.to_thread(read)


def _of(context: Context) -> Outbox:
    return Outbox(context.settings.notify.outbox.path(context.settings.log.path))


def _listed(outbox: Outbox, name: str) -> Listed:
    """Return a mail by its name; only what is listed is ever opened."""
    found = next((one for one in outbox.listed() if name in (one.name, _LATEST)), None)
    if found is None:
        raise Unknown(f"there is no mail {name}", "All mails: /mails")
    return found


def _read(outbox: Outbox, name: str) -> Mail:
    one = _listed(outbox, name)
    try:
        mail = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(one.path.read_bytes())
    except OSError as error:
        raise Unknown(f"mail {name} cannot be read: {error.strerror}", "All mails: /mails") from error
    body = mail.get_body(("plain",))
    text = body.get_content() if isinstance(body, EmailMessage) else ""
    return Mail(
        name=one.name,
        subject=str(mail["Subject"] or ""),
        date=str(mail["Date"] or ""),
        state=one.state,
        bytes=one.bytes,
        changed_at=one.changed_at,
        text=text[:_LONGEST],
        has_page=outbox.html(one.name).is_file(),
    )


def _entry(one: Listed) -> Entry:
    try:
        with one.path.open("rb") as file:
            headers = BytesParser(policy=policy.default).parse(file, headersonly=True)
        subject = str(headers["Subject"] or "")
    except OSError:
        subject = ""
    return Entry(name=one.name, subject=subject, state=one.state, bytes=one.bytes, changed_at=one.changed_at)


OUTBOX = Page(
    path="/mails",
    title="Mails",
    what="Mails that wait, are set aside, or were sent.",
    model=Mails,
    answer=_outbox,
    template="records/mails.html.j2",
    parameters=(
        Parameter("state", f"only those that stand so: {', '.join(MailState)}", "sent"),
        Parameter("page", "which page", "1"),
    ),
)

MAIL = Page(
    path="/mails/{name}",
    title="Mail",
    what="A mail as text.",
    model=Mail,
    answer=_mail,
    template="records/mail.html.j2",
    parameters=(_NAME,),
)

HTML = Download(
    path="/mails/{name}.html",
    what="A mail as its reader sees it: a document without scripts, cut off from the pages.",
    media_type="text/html; charset=utf-8",
    answer=_page,
    parameters=(_NAME,),
    headers={
        "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    },
)
