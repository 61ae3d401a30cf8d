"""Secrets leave no trace in anything that a person reads."""

import base64
import time
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import quote

import pytest

from collector.domain.masking import MASK, Mask
from collector.domain.reports.run_report import RunReport
from collector.notify.reports import examples

SECRET = "s3cr€t/p@ss:word"  # noqa: S105 - planted on purpose


class Attempt(NamedTuple):
    """A pair with names."""

    words: str
    number: int


@pytest.mark.parametrize(
    "text",
    [
        f"login failed with {SECRET}",
        f"https://user:{quote(SECRET, safe='')}@mail.example/",
        f"AUTH PLAIN {base64.b64encode(SECRET.encode()).decode()}",
        f"KeyError: {SECRET!r}",
    ],
)
def test_a_known_secret_is_cut_out_in_every_spelling(text: str) -> None:
    """A secret that the mask was told disappears plain, URL-quoted, in base64 and as a Python literal."""
    masked = Mask([SECRET])(text)

    assert SECRET not in masked
    assert quote(SECRET, safe="") not in masked
    assert base64.b64encode(SECRET.encode()).decode() not in masked
    assert MASK in masked


def test_long_parts_of_a_secret_address_are_secrets() -> None:
    """The path of a webhook opens the door by itself; its short words are ordinary ones, and stay."""
    mask = Mask(["https://hooks.example.com/services/T0001/gY3kq9ZtLw0aXr5VbN2m?key=0123456789abcdef"])

    assert mask("POST /services/T0001/gY3kq9ZtLw0aXr5VbN2m failed") == f"POST /services/T0001/{MASK} failed"
    assert mask("key 0123456789abcdef") == f"key {MASK}"
    assert mask("two services") == "two services"


@pytest.mark.parametrize("scheme", ["https", "postgresql", "smtp"])
def test_the_password_in_a_secret_address_is_a_secret(scheme: str) -> None:
    """It is cut out by itself, too, as it is written and as it is meant; also where the address is broken."""
    mask = Mask([f"{scheme}://bot:p%40ss-word@peer.example/x", f"{scheme}://bot:[b/rok]en@peer.example"])
    assert mask("p@ss-word, p%40ss-word and [b/rok]en are wrong") == f"{MASK}, {MASK} and {MASK} are wrong"
    assert mask("bot asks peer.example") == "bot asks peer.example"


@pytest.mark.parametrize(
    ("text", "leak"),
    [
        ("cannot connect to postgresql://bob:hunter2@db.lan:5432/options?sslmode=require", "hunter2"),
        ("cannot connect to postgresql+asyncpg://bob@db.lan/options", "db.lan"),
        ("postgresql:///options?host=/run/postgresql&user=bob", "bob"),
        ("could not connect: host=db.lan port=5432 user=bob password='hun ter2' dbname=options", "hun ter2"),
        ("connect(host='db.lan', user='bob', password='hunter2')", "hunter2"),
        ('{"password": "hunter2", "port": 587}', "hunter2"),
        ("COLLECTOR_NOTIFY__SMTP__PASSWORD=hunter2", "hunter2"),
        ("smtp.password: hunter2", "hunter2"),
        ("--api-token hunter2 --verbose", "hunter2"),
        ("set -x--my.secret-word hunter2", "hunter2"),
        ("see ~/.pgpass: hunter2", "hunter2"),
        (r"password=hunter\2\\", "hunter"),
        ("open=a,https://bob:hunter2@db.lan/x", "hunter2"),
        ("Authorization: Bearer abcdef123456", "abcdef123456"),
        ("AUTH LOGIN aHVudGVyMg==", "aHVudGVyMg=="),
        ("amqp://bob:a/b@c@host/queue", "a/b@c"),
        ("Requested market data is not subscribed for account DU1234567.", "1234567"),
    ],
)
def test_what_looks_like_a_secret_is_cut_out(text: str, leak: str) -> None:
    """Connection strings, passwords, tokens and account numbers go, told or not."""
    masked = Mask()(text)

    assert leak not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    "text",
    [
        "collector run --window eod --date 2026-11-20",
        "TSLA  261127C00415000 TRADES 2026-11-20: 162 Historical data request pacing violation",
        "Is the API switched on (Configure → API → Settings), and are host and port those of the configuration?",
        "logs/collector-2026-11-20.jsonl",
        "https://www.interactivebrokers.com/en/software/",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    """What holds no secret is left as it is."""
    assert text == Mask()(text)


@pytest.mark.parametrize(
    "text",
    [
        "host=" + "\\" * 40,
        "a." * 8_000,
        "-" * 16_000,
        "a--" * 5_000,
        "password" * 2_000,
        "a://" * 4_000,
        "token\\" * 3_000,
        "--x--secret" * 1_500,
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text: str) -> None:
    """Addresses of pages and errors of strangers are masked, too: none of them may hold up the process."""
    began = time.process_time()
    Mask([SECRET])(text)
    assert time.process_time() - began < 1


def test_every_text_of_a_report_is_masked_and_nothing_else() -> None:
    """Texts at any depth lose the secret; figures, instants and states stay."""
    report = examples.failed()
    failure = report.failure
    assert failure is not None
    planted = replace(report, failure=replace(failure, message=f"lost {SECRET}", traceback=f'File "x"\n{SECRET}\n'))

    masked: RunReport = Mask([SECRET]).report(planted)

    assert SECRET not in repr(masked)
    assert masked.failure is not None
    assert masked.failure.message == f"lost {MASK}"
    assert masked.symbols == report.symbols
    assert masked.status is report.status


def test_a_secret_too_short_to_be_told_from_words_is_not_looked_for() -> None:
    """A one-letter password would cut holes into every word."""
    assert Mask(["a", ""])("banana") == "banana"


def test_lists_mappings_and_named_tuples_are_masked_too() -> None:
    """Whatever a text stands in keeps its form."""
    held = {"lines": [SECRET, 1], "pair": Attempt(SECRET, 2)}

    assert Mask([SECRET]).report(held) == {"lines": [MASK, 1], "pair": Attempt(MASK, 2)}
