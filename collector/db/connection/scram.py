"""Turn a password into what PostgreSQL keeps of it.

A statement that sets a password may be written to the server's log as it stands, above all one that fails: so the
server is given the verifier of SCRAM-SHA-256 (RFC 5803), from which nobody reads the password.
"""

import base64
import hashlib
import hmac
import os
import stringprep
import unicodedata
from collections.abc import Callable

_ITERATIONS = 4096
_SALT_BYTES = 16
_PROHIBITED: tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


def verifier(password: str, salt: bytes | None = None) -> str:
    """Return the verifier of a password, as `CREATE ROLE … PASSWORD` takes it.

    Args:
        password: as it is typed.
        salt: drawn when it is not given.
    """
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password).encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${_ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _prepared(password: str) -> str:
    """Return the password as logins compare it (SASLprep, RFC 4013); as it is where that forbids a character of it."""
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    prepared = unicodedata.normalize("NFKC", mapped)
    if not prepared or any(forbids(character) for character in prepared for forbids in _PROHIBITED):
        return password
    right_to_left = any(stringprep.in_table_d1(character) for character in prepared)
    if right_to_left and not (
        stringprep.in_table_d1(prepared[0])
        and stringprep.in_table_d1(prepared[-1])
        and not any(stringprep.in_table_d2(character) for character in prepared)
    ):
        return password
    return prepared


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
