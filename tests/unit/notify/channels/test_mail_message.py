"""A mail as the standard parser reads it back: parts, pictures, headers, and no forged ones."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.notify.channels.mail_message import Attachment, Mail, message, one_line

AT = datetime(2026, 11, 20, 23, 38, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def _mail(subject: str = "[collector] eod", text: str = "text\n", html: str = "<p>html</p>") -> Mail:
    return Mail(name="n", subject=subject, text=text, html=html, made_at=AT)


def _parsed(mail: Mail, recipients: tuple[str, ...] = ("owner@example.org",)) -> EmailMessage:
    raw = message(mail, sender="collector@example.org", recipients=recipients, host="box").as_bytes()
    parsed = message_from_bytes(raw, policy=default)
    assert isinstance(parsed, EmailMessage)
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
