"""What PostgreSQL keeps of a password, against the examples of the standards."""

import base64
import hmac

import pytest

from collector.db.connection.scram import verifier

_SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")


def test_the_example_of_rfc_7677() -> None:
    """The keys answer for the example's password: the server's signature is the one that is printed there."""
    head, keys = verifier("pencil", _SALT).rsplit("$", 1)
    assert head == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    said = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    server_key = base64.b64decode(keys.partition(":")[2])
    assert hmac.digest(server_key, said, "sha256") == base64.b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize(
    ("typed", "compared"),
    [("I\u00adX", "IX"), ("user", "user"), ("\u00aa", "a"), ("\u2168", "IX"), ("a\u00a0b", "a b")],
)
def test_the_examples_of_rfc_4013(typed: str, compared: str) -> None:
    """Passwords that logins take for the same are the same."""
    assert verifier(typed, _SALT) == verifier(compared, _SALT)


@pytest.mark.parametrize("typed", ["\u0007", "\u0627\u0031", "\u00ad", "\u2168\u0007"])
def test_what_the_standard_forbids_stays_as_it_is(typed: str) -> None:
    """As clients of PostgreSQL do it: no such password is taken for another one."""
    assert verifier(typed, _SALT) != verifier(typed + " ", _SALT)
    assert verifier("\u2168\u0007", _SALT) != verifier("IX\u0007", _SALT)


def test_the_same_password_twice_is_not_to_be_seen() -> None:
    """Each has a salt of its own."""
    assert verifier("pencil") != verifier("pencil")
