"""Read the URL of the database.

By libpq's rules, and once: everything is decoded here, and encoded again only where a URL is written. What a URL may
ask for is what the collector's driver does; a parameter that it cannot obey is refused instead of being passed over,
unless it means nothing for this program.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import quote, unquote

_SCHEMES = ("postgresql", "postgres")
_HOST = re.compile(r"(\[[^\[\]]+\]|[^\[\]:#\s]*)(?::(\d{1,5}))?", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)?")

_FOR_THE_DRIVER = frozenset(
    {
        "host", "port", "user", "password", "passfile", "dbname", "database", "service", "options", "krbsrvname",
        "gsslib", "sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslnegotiation",
        "ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs",
    }
)  # fmt: skip
_SETTINGS = {
    "keepalives_idle": "tcp_keepalives_idle",
    "keepalives_interval": "tcp_keepalives_interval",
    "keepalives_count": "tcp_keepalives_count",
    "tcp_user_timeout": "tcp_user_timeout",
}
"""What libpq does at our end of the line and the driver cannot: the server does it at its own, which serves as well."""

_NUMBERS = frozenset({"connect_timeout", "keepalives", *_SETTINGS})
_MEANINGLESS = frozenset(
    {
        "application_name", "fallback_application_name", "client_encoding", "keepalives", "sslcompression", "sslsni",
        "sslkeylogfile", "gssdelegation", "load_balance_hosts", "min_protocol_version", "max_protocol_version",
    }
)  # fmt: skip
_VALUES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
    "channel_binding": ("disable", "prefer"),
    "gssencmode": ("disable", "prefer"),
    "sslcertmode": ("disable", "allow"),
}
FILES = ("sslcert", "sslkey", "sslrootcert", "sslcrl")
"""Parameters that name a file, which has to be there."""

_SECRET = ("password", "sslpassword")
_INSTEAD = {
    "channel_binding": "the driver binds no channels; sslmode=verify-full proves the server as well",
    "gssencmode": "the driver encrypts by TLS; sslmode=verify-full does",
    "sslcertmode": "the driver leaves to the server whether it asks for a certificate",
    "hostaddr": "write the address as the host",
    "servicefile": "set PGSERVICEFILE",
    "sslcrldir": "name one file, by sslcrl",
    "replication": "the collector needs an ordinary connection",
    "require_auth": "let the server's pg_hba.conf decide it",
    "requirepeer": "let the socket's folder belong to the server's user alone",
    "scram_client_key": "give the password",
    "scram_server_key": "give the password",
}
"""What the driver cannot do, at all or with the value that is not in `_VALUES` → what to do instead."""

_UNREADABLE = (
    "cannot be read as a PostgreSQL URL: write postgresql://USER@HOST:PORT/NAME, percent-encode special characters, "
    "keep the password elsewhere"
)


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A PostgreSQL URL, decoded.

    user, password: None where the URL has none. address: hosts and ports as they are written, `a:5432,[::1]:5433`.
    parameters: by libpq's names; they may hold the password, too.
    """

    user: str | None
    password: str | None = field(repr=False)
    address: str
    database: str
    parameters: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL.

        Raises:
            ValueError: it is no PostgreSQL URL, or asks for what the driver cannot do. The words name a parameter, and
                hold nothing else of the URL: anything in it may be a piece of the password.
        """
        scheme, _, rest = text.partition("://")
        rest, _, query = rest.partition("?")
        authority, _, path = rest.partition("/")
        credentials, at, address = authority.rpartition("@")
        # Where a password holds a bare / or ?, the @ after it stands in what looks like the name or a parameter.
        if scheme not in _SCHEMES or "@" in path + query or _hosts(address) is None or "\0" in unquote(text):
            raise ValueError(_UNREADABLE)
        user, colon, password = credentials.partition(":")
        parameters = _parameters(query)
        _check_once({"user": user, "password": password, "host": address, "port": address, "dbname": path}, parameters)
        return cls(
            unquote(user) if at and user else None,
            unquote(password) if colon else None,
            address,
            unquote(path),
            parameters,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the passwords, wherever in the URL they stand: the login's, and that of a key of TLS."""
        found = (self.password, *(self.parameters.get(name) for name in _SECRET))
        return tuple(one for one in found if one)

    def with_password(self, password: str) -> "DatabaseUrl":
        """Return the URL with a password, unless it has one."""
        own = self.password is not None or "password" in self.parameters
        return self if own else replace(self, password=password)

    @property
    def text(self) -> str:
        """Return the URL as it is written, password included; never show it to anybody."""
        return self._written(self.parameters, self.password)

    @property
    def shown(self) -> str:
        """Return the URL without passwords, for people and logs."""
        harmless = {name: value for name, value in self.parameters.items() if name not in _SECRET}
        return self._written(harmless, None)

    @property
    def for_driver(self) -> str:
        """Return the URL with what the driver reads in it; never show it to anybody."""
        read = {name: value for name, value in self.parameters.items() if name in _FOR_THE_DRIVER}
        return self._written(read, self.password)

    @property
    def server_settings(self) -> dict[str, str]:
        """Return settings of the server's that a session begins with, by name."""
        return {_SETTINGS[name]: value for name, value in self.parameters.items() if name in _SETTINGS}

    @property
    def connect_timeout_s(self) -> float | None:
        """Return how long an attempt to connect may take, in seconds; None where the URL leaves it to us."""
        return float(self.parameters.get("connect_timeout", 0)) or None

    def unprotected(self, default_host: str = "") -> bool:
        """Tell whether the line leaves this machine and nothing is said of its encryption.

        The driver then encrypts it where the server offers that, asks for no certificate, and goes on without.

        Args:
            default_host: where the server is when the URL does not say.
        """
        hosts = _hosts(self.address or self.parameters.get("host") or default_host) or []
        return "sslmode" not in self.parameters and any(map(_remote, hosts))

    def _written(self, parameters: Mapping[str, str], password: str | None) -> str:
        login = quote(self.user or "", safe="") + ("" if password is None else f":{quote(password, safe='')}")
        query = "&".join(f"{name}={quote(value, safe='/,')}" for name, value in parameters.items())
        # A bare / would be an empty name to the driver, and no other place of the name would count any more.
        place = f"{self.address}{'/' if self.database else ''}{quote(self.database, safe='')}"
        return f"postgresql://{login}{'@' if login else ''}{place}{'?' if query else ''}{query}"


def _hosts(address: str) -> list[str] | None:
    """Return the decoded hosts of an address, None when it cannot be read."""
    found = [_HOST.fullmatch(part) for part in address.split(",")]
    hosts = [unquote(one[1]).strip("[]") for one in found if one and int(one[2] or 1) in range(1, 65536)]
    # Within a list the driver knows no host by default.
    is_read = len(hosts) == len(found) and (all(hosts) or len(hosts) == 1)
    return hosts if is_read else None


def _remote(host: str) -> bool:
    if not host or host.startswith("/") or host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, equals, value = (unquote(piece) for piece in part.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(_UNREADABLE)
        if value:  # libpq takes an empty one for none
            _check(name, value)
            found[name] = value
    return found


def _check_once(said: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    """Refuse what is said in front of the parameters and by one of them: libpq takes the last, the driver the first.

    Raises:
        ValueError: see `DatabaseUrl.parse`.
    """
    for name in parameters:
        if said.get("dbname" if name == "database" else name):
            raise ValueError(f"has a parameter {name} for what stands in front of the parameters: say it in one place")


def _check(name: str, value: str) -> None:
    """Refuse what the driver cannot do.

    Raises:
        ValueError: see `DatabaseUrl.parse`.
    """
    known = name in _FOR_THE_DRIVER | _MEANINGLESS | _NUMBERS | _VALUES.keys() | _INSTEAD.keys()
    if not known:
        raise ValueError(f"has a parameter {name}, which libpq does not know: settings go into options=-c%20NAME=VALUE")
    if value in _VALUES.get(name, ()):
        return
    if name in _INSTEAD:
        values = f"; {' and '.join(_VALUES[name])} are possible" if name in _VALUES else ""
        raise ValueError(f"asks for {name}, which the collector cannot do{values}: {_INSTEAD[name]}")
    if name in _VALUES:
        raise ValueError(f"has a {name} that is none of {', '.join(_VALUES[name])}")
    if name == "host" and (":" in value or not all(value.split(","))):
        raise ValueError("has a host in its parameters that is no name, address of IPv4 or folder: write //HOST:PORT/")
    if name in _NUMBERS and not re.fullmatch(r"\d{1,9}", value):
        raise ValueError(f"has a {name} that is no whole number")
