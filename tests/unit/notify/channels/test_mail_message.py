"""A mail as the standard parser reads it back: parts, pictures, headers, and no forged ones."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.notify.channels.mail_message import Attachment, Mail, addressed, compose, one_line, read

AT = datetime(2026, 11, 20, 23, 38, 0, tzinfo=UTC)
SENDER = "collector@example.org"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def _mail(subject: str = "[collector] eod", text: str = "text\n", html: str = "<p>html</p>") -> Mail:
    return Mail(name="n", subject=subject, text=text, html=html, made_at=AT)


def _parsed(mail: Mail, recipients: tuple[str, ...] = ("owner@example.org",)) -> EmailMessage:
    return _as_received(compose(mail, sender=SENDER, recipients=recipients, host="box"))


def _as_received(content: bytes) -> EmailMessage:
    parsed = message_from_bytes(content, policy=default)
    assert isinstance(parsed, EmailMessage)
    assert [part.defects for part in parsed.walk() if part.defects] == []
    return parsed


def test_both_parts_pictures_and_attachment() -> None:
    """Text and HTML are alternatives, the picture is related to the HTML, the traceback attached."""
    mail = Mail(
        name="n",
        subject="[collector] eod 2026-11-20 OK · 99.8 % · 41,212 bars",
        text="Schluß – שלום\n",
        html='<p>שלום <img src="cid:coverage-0"></p>',
        made_at=AT,
        urgent=True,
        pictures={"coverage-0": PNG},
        attachments=(Attachment(name="traceback.txt", text="Traceback…"),),
    )

    parsed = _parsed(mail, ("owner@example.org", "other@example.org"))

    assert parsed["Subject"] == "[collector] eod 2026-11-20 OK · 99.8 % · 41,212 bars"
    assert parsed["To"] == "owner@example.org, other@example.org"
    assert parsed["From"] == "Collector <collector@example.org>"
    assert parsed["Date"].datetime == AT
    assert parsed["Importance"] == "high"
    assert parsed["Auto-Submitted"] == "auto-generated"
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == ["Schluß – שלום"]
    assert "cid:coverage-0" in html.get_content()
    pictures = [part for part in parsed.walk() if part.get_content_type() == "image/png"]
    assert [(p["Content-ID"], p.get_content_disposition(), p.get_content()) for p in pictures] == [
        ("<coverage-0>", "inline", PNG)
    ]
    attached = [part for part in parsed.iter_attachments() if part.get_content_disposition() == "attachment"]
    assert [(part.get_filename(), part.get_content()) for part in attached] == [("traceback.txt", "Traceback…\r\n")]
    assert [p.get_content_type() for p in parsed.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "text/plain",
    ]


@pytest.mark.parametrize(
    "evil",
    [
        "SPY\r\nBcc: thief@example.net",
        "SPY\nBcc: thief@example.net\n\nbody",
        "SPY\rBcc: thief@example.net",
        "SPY\u2028Bcc: thief@example.net",
        "SPY\x85Bcc: thief@example.net",
        "SPY\x0bBcc: thief@example.net\x00",
        "=?utf-8?q?SPY=0ABcc:_thief?=",
        "\ud800 lonely surrogate",
    ],
)
def test_no_text_can_forge_a_header(evil: str) -> None:
    """Line ends of every kind in a subject, a file name or a body stay what they are: text."""
    mail = Mail(
        name="n", subject=evil, text=evil, html=evil, made_at=AT, attachments=(Attachment(name=evil, text=evil),)
    )

    parsed = _parsed(mail)

    assert parsed["Bcc"] is None
    assert sorted(parsed.keys()) == sorted(_parsed(mail).keys())
    assert len(parsed.get_all("Subject", [])) == 1
    assert "\n" not in str(parsed["Subject"])
    assert parsed["To"] == "owner@example.org"


def test_the_same_mail_keeps_its_id_and_another_has_another() -> None:
    """Receivers drop a repeat by its Message-ID."""
    first, again = _parsed(_mail()), _parsed(_mail())
    other = _parsed(Mail(name="m", subject="s", text="", html="", made_at=AT))

    assert first["Message-ID"] == again["Message-ID"]
    assert first["Message-ID"] != other["Message-ID"]
    assert first["Message-ID"].endswith("@example.org>")


@given(st.text(max_size=300))
@example("00000000 00\xa0\xa0\xa0\xa0\xa0\xa0𐀀𐀀𐀀𐀀𐀀 ¡")  # EmailPolicy joins the last two words
@example("é · – … é · – … é · – … é · – … é · – … é · – … é · – …")
def test_any_text_is_a_safe_line(text: str) -> None:
    """No control character and no line end survives, and the line is never longer than asked."""
    line = one_line(text, 60)

    assert len(line) <= 60
    assert len(line.splitlines()) <= 1
    assert all(ord(c) >= 32 and ord(c) not in range(127, 160) for c in line)
    assert str(_parsed(_mail(subject=line))["Subject"] or "").split() == line.split()


def test_an_occ_symbol_keeps_its_padding() -> None:
    """Spaces inside a line mean something: an OCC symbol has 21 characters."""
    assert one_line("SPY   261120C00671000\n") == "SPY   261120C00671000"


ODD = st.text(
    st.one_of(st.characters(), st.sampled_from("\r\n\0\x0b\x1b\x85\u2028\u202e\ud800=? .:,;<>@é日😀א"), st.just(" ")),
    max_size=200,
)
"""Any text: control characters, line ends of every kind, lone surrogates, words that run from right to left."""


@given(subject=ODD, text=ODD, html=ODD, host=ODD, name=ODD)
@example(subject="\r\nBcc: x@y.z\r\n\r\nbody", text="a\rb\r\nc\0d", html="\ud800", host="\n", name='"\r\n')
@example(subject="x" * 5000, text="y" * 200_000, html="é" * 200_000, host="日" * 5000, name="ä" * 300)
def test_any_text_is_a_whole_mail(subject: str, text: str, html: str, host: str, name: str) -> None:
    """Nothing makes composing fail, no header is forged, and what can be read at all arrives as it was said."""
    mail = Mail(
        name=name, subject=subject, text=text, html=html, made_at=AT, attachments=(Attachment(name=name, text=text),)
    )
    content = compose(mail, sender=SENDER, recipients=["owner@example.org", "other@example.org"], host=host)
    parsed = _as_received(content)

    assert content.isascii()
    assert b"\0" not in content
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert content.count(b"\n") == content.count(b"\r\n") == content.count(b"\r")
    known = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"}
    assert set(parsed.keys()) - {"X-Collector-Host"} <= known | {"Content-Type", "MIME-Version"}
    assert parsed["To"] == "owner@example.org, other@example.org"
    assert str(parsed["Subject"] or "").split() == one_line(subject).split()
    body = parsed.get_body(("plain",))
    assert body is not None
    assert _readable(body.get_content()) == _readable(text)


def _readable(text: str) -> str:
    """Return a text with line ends of one kind, without what nobody can read."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c == "\n" or (c.isprintable() and c != "\N{REPLACEMENT CHARACTER}")).rstrip("\n")


def test_ten_megabytes_in_one_line() -> None:
    """What no mail server takes is still a mail, which it can refuse."""
    parsed = _parsed(_mail(text="x" * 10_000_000))
    body = parsed.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "x" * 10_000_000


def test_addresses_are_replaced_and_nothing_else() -> None:
    """The same bytes but for From and To, which are UTF-8 where an address is."""
    content = compose(_mail(), sender=SENDER, recipients=["owner@example.org", "other@example.org"], host="box")
    other = addressed(content, sender="me@example.net", recipients=["mé@example.org", "דואר@example.org"])

    assert other.decode().partition("Subject:")[0] == (
        "From: Collector <me@example.net>\r\nTo: mé@example.org,\r\n דואר@example.org\r\n"
    )
    assert other.partition(b"Subject:")[2] == content.partition(b"Subject:")[2]
    assert addressed(other, sender=SENDER, recipients=["owner@example.org", "other@example.org"]) == content


def test_addresses_in_the_body_stay() -> None:
    """Only headers are looked at, in whatever order and with whatever line ends an earlier version wrote them."""
    old = b"Subject: s\nTo: a@b.c,\n d@e.f\nfrom: x@y.z\nDate: now\n\nTo: the reader\nFrom: us\n"
    assert addressed(old, sender=SENDER, recipients=["o@p.q"]) == (
        b"From: Collector <collector@example.org>\r\nTo: o@p.q\r\nSubject: s\nDate: now\n\nTo: the reader\nFrom: us\n"
    )


def test_who_has_it_is_noted_in_the_file_and_not_sent() -> None:
    """The note is read back, replaced by a later one, and gone from what is sent."""
    content = compose(_mail(), sender=SENDER, recipients=["a@b.c", "mé@b.c", "d@b.c"])
    once = addressed(content, sender=SENDER, recipients=["mé@b.c", "d@b.c"], taken_by=["a@b.c"])
    twice = addressed(once, sender=SENDER, recipients=["d@b.c"], taken_by=["a@b.c", "mé@b.c"])

    assert read(content).taken_by == frozenset()
    assert read(once).taken_by == {"a@b.c"}
    assert read(twice).taken_by == {"a@b.c", "mé@b.c"}
    assert read(twice).made_at == AT
    assert b"X-Collector" not in addressed(twice, sender=SENDER, recipients=["d@b.c"])


def test_a_damaged_mail_is_recognised() -> None:
    """Empty, cut anywhere, or full of zeros: nobody is sent half of it."""
    content = compose(_mail(), sender=SENDER, recipients=["a@b.c"])
    for length in range(content.rindex(b"--")):
        with pytest.raises(ValueError, match=r"damaged|date"):
            read(content[:length])
    with pytest.raises(ValueError, match="damaged"):
        read(b"\0" * 500)
