"""URLs of the database: decoded once, written once, and refused where the driver could not obey."""

import pytest
from asyncpg.connect_utils import _parse_connect_dsn_and_args
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.database_url import DatabaseUrl

UNREADABLE = "cannot be read as a PostgreSQL URL"


def as_the_driver_reads(url: str) -> tuple[object, ...]:
    """Return hosts, user, password and database as the driver understands them."""
    arguments = ("host", "port", "user", "password", "passfile", "database", "ssl", "service", "servicefile")
    more = ("direct_tls", "server_settings", "target_session_attrs", "krbsrvname", "gsslib")
    hosts, given_ = _parse_connect_dsn_and_args(dsn=url, **dict.fromkeys(arguments + more))
    return hosts, given_.user, given_.password, given_.database


@pytest.mark.parametrize(
    ("url", "hosts", "user", "database"),
    [
        ("postgresql://name%40part@db.example.com/bars", [("db.example.com", 5432)], "name@part", "bars"),
        ("postgres://q%3Ax%2Fy%25@db:6000/a%20b", [("db", 6000)], "q:x/y%", "a b"),
        ("postgresql://q@[::1]:5433/bars", [("::1", 5433)], "q", "bars"),
        ("postgresql://q@[::1]/bars", [("::1", 5432)], "q", "bars"),
        ("postgresql://q@[fe80::1%25eth0]/bars", [("fe80::1%eth0", 5432)], "q", "bars"),
        ("postgresql://q@h1:5432,[::1]:5433,h3/bars", [("h1", 5432), ("::1", 5433), ("h3", 5432)], "q", "bars"),
        ("postgresql://q@/bars?host=/var/run&port=6432", ["/var/run/.s.PGSQL.6432"], "q", "bars"),
        ("postgresql://%2Fvar%2Frun/bars?user=q", ["/var/run/.s.PGSQL.5432"], "q", "bars"),
        ("postgresql:///bars?host=h1,h2&user=name%40part", [("h1", 5432), ("h2", 5432)], "name@part", "bars"),
    ],
)
def test_the_driver_is_told_what_was_written(url: str, hosts: list[object], user: str, database: str) -> None:
    """Users, hosts and names arrive as they were meant, with the password from elsewhere, too."""
    read = DatabaseUrl.parse(url).with_password("p@ss:/?#[]%40 ü+")
    for text in (read.text, read.for_driver):
        assert as_the_driver_reads(text) == (hosts, user, "p@ss:/?#[]%40 ü+", database)


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
)
def test_decoded_once_and_encoded_once(user: str, password: str, database: str) -> None:
    """Whatever user, password and name are, they survive being written and read, and the password is not shown."""
    written = DatabaseUrl(user, password, "h", database, {"sslmode": "require"})
    assert DatabaseUrl.parse(written.text) == written
    assert as_the_driver_reads(written.for_driver) == ([("h", 5432)], user, password, database)
    assert DatabaseUrl.parse(written.shown) == DatabaseUrl(user, None, "h", database, {"sslmode": "require"})


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("postgresql://q:p@h?dbname=bars", "bars"),
        ("postgresql://q:p@h/?dbname=bars", "bars"),
        ("postgresql:///?user=q&password=p&host=h&dbname=bars", "bars"),
        ("postgresql://q:p@h", "of_the_environment"),
        ("postgresql://q:p@h/", "of_the_environment"),
    ],
)
def test_a_name_that_is_not_in_the_path_counts(url: str, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name in the path the parameter's or PGDATABASE's is the one, and not one of the user's own name."""
    monkeypatch.setenv("PGDATABASE", "of_the_environment")
    read = DatabaseUrl.parse(url)
    for text in (read.text, read.for_driver):
        assert as_the_driver_reads(text) == ([("h", 5432)], "q", "p", database)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://q@h/x?dbname=y", "dbname"),
        ("postgresql://q@h/x?database=y", "database"),
        ("postgresql://q@h/x?host=i", "host"),
        ("postgresql://q@h/x?port=5433", "port"),
        ("postgresql://q@h1,h2/x?port=5433", "port"),
        ("postgresql://q@h/x?user=r", "user"),
        ("postgresql://q:s3cret@h/x?password=s3cret2", "password"),
    ],
)
def test_what_is_said_twice_is_refused(url: str, name: str) -> None:
    """The driver takes what stands first, libpq what stands last: a port of 5433 became 5432."""
    with pytest.raises(ValueError, match=f"has a parameter {name} for what stands in front") as caught:
        DatabaseUrl.parse(url)
    assert "s3c" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://q@h1,,h2/x",
        "postgresql://q@h1:5432,/x",
        "postgresql:///x?host=h1,,h2",
        "postgresql:///x?host=::1",
        "postgresql:///x?host=h1:5433",
        "postgresql://q@h#1/x",
        "postgresql://q@h\t/x",
    ],
)
def test_hosts_that_the_driver_reads_otherwise_are_refused(url: str) -> None:
    """An empty host in a list, a colon in a parameter, what ends a host for the driver: refused when it is read."""
    with pytest.raises(ValueError, match=r"//(USER@)?HOST:PORT/"):
        DatabaseUrl.parse(url)


def test_a_password_is_where_it_is_written() -> None:
    """In front of the host or among the parameters; one from elsewhere does not replace it, and neither is shown."""
    for url in ("postgresql://q:s3cret@h/x", "postgresql://q@h/x?password=s3cret&sslmode=require"):
        read = DatabaseUrl.parse(url).with_password("another")
        assert read.secrets == ("s3cret",)
        assert "s3cret" not in read.shown + repr(read)
        assert as_the_driver_reads(read.for_driver)[2] == "s3cret"
    of_both = DatabaseUrl.parse("postgresql://q:s3cret@h/x?sslkey=/k&sslpassword=an%20other")
    assert of_both.secrets == ("s3cret", "an other")
    assert of_both.shown == "postgresql://q@h/x?sslkey=/k"
    assert DatabaseUrl.parse("postgresql://h/x").secrets == ()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:s3cret@h/x",
        "s3cret",
        "postgresql://u:s3c/ret@h/x",
        "postgresql://u:s3c?ret=s3cret@h/x",
        "postgresql://u:x&s3c?cret&ret@h/x",
        "postgresql://u:s3cret@h:c:d/x",
        "postgresql://u:s3cret@h:99999/x",
        "postgresql://u:s3cret@[::1/x",
        "postgresql://u:s3cret@h/x?S3CRET=1",
        "postgresql://u:s3cret@h/x?sslmode",
        "postgresql://u:s3cret%00@h/x",
    ],
)
def test_what_cannot_be_read_is_not_repeated(url: str) -> None:
    """Any piece of it may be a piece of the password."""
    with pytest.raises(ValueError, match=UNREADABLE) as caught:
        DatabaseUrl.parse(url)
    assert "s3c" not in str(caught.value).lower()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("channel_binding=require", "asks for channel_binding, .*disable and prefer are possible: .*verify-full"),
        ("gssencmode=require", "asks for gssencmode, .*disable and prefer are possible"),
        ("sslcertmode=require", "asks for sslcertmode"),
        ("hostaddr=10.0.0.1", "asks for hostaddr, .*write the address as the host"),
        ("require_auth=scram-sha-256", "asks for require_auth"),
        ("requirepeer=postgres", "asks for requirepeer"),
        ("replication=database", "asks for replication"),
        ("servicefile=/x", "asks for servicefile, .*PGSERVICEFILE"),
        ("sslmode=verify_full", "has a sslmode that is none of disable, .*verify-full"),
        ("target_session_attrs=master", "has a target_session_attrs that is none of any, primary"),
        ("connect_timeout=soon", "has a connect_timeout that is no whole number"),
        ("keepalives_idle=30s", "has a keepalives_idle that is no whole number"),
        ("statement_timeout=5", "has a parameter statement_timeout, .*options=-c%20NAME=VALUE"),
        ("ssl_mode=require", "has a parameter ssl_mode"),
    ],
)
def test_what_cannot_be_obeyed_is_named(query: str, says: str) -> None:
    """A demand that the driver cannot meet is refused, so that nobody trusts in what is not done."""
    with pytest.raises(ValueError, match=says):
        DatabaseUrl.parse(f"postgresql://q@h/x?{query}")


# libpq 18's parameters, but for those above and those of OAuth.
LIBPQ = (
    "host=h", "user=q", "password=p", "passfile=/p", "dbname=x", "service=s", "options=-c%20a.b=c", "krbsrvname=k",
    "gsslib=gssapi", "sslmode=allow", "sslcert=/c", "sslkey=/k", "sslpassword=s", "sslrootcert=/r", "sslcrl=/l",
    "sslnegotiation=postgres", "ssl_min_protocol_version=TLSv1.2", "ssl_max_protocol_version=TLSv1.3",
    "target_session_attrs=primary", "port=5433", "connect_timeout=5", "client_encoding=auto", "application_name=a",
    "fallback_application_name=b", "keepalives=1", "keepalives_idle=1", "keepalives_interval=2",
    "keepalives_count=3", "tcp_user_timeout=4", "gssencmode=prefer", "gssdelegation=0", "channel_binding=prefer",
    "sslcompression=0", "sslcertmode=allow", "sslsni=1", "sslkeylogfile=/f", "min_protocol_version=3.0",
    "max_protocol_version=latest", "load_balance_hosts=disable",
)  # fmt: skip


@pytest.mark.parametrize("part", LIBPQ)
def test_what_libpq_knows_is_taken(part: str) -> None:
    """Each parameter of libpq's is read, kept for libpq's own programs, and never sent to the server as a setting."""
    read = DatabaseUrl.parse(f"postgresql:///?{part}")
    assert part.partition("=")[0] in read.parameters
    assert "?" not in read.for_driver or part.partition("=")[0] in read.for_driver
    assert set(read.server_settings) <= {
        "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout",
    }  # fmt: skip


def test_a_parameter_without_value_is_none() -> None:
    """As libpq takes it; of two of one name the later counts."""
    assert DatabaseUrl.parse("postgresql://h/x?sslmode=&channel_binding=").parameters == {}
    assert DatabaseUrl.parse("postgresql://h/x?sslmode=require&sslmode=disable").parameters == {"sslmode": "disable"}


@pytest.mark.parametrize(
    ("url", "unprotected"),
    [
        ("postgresql://q@db.example.com/x", True),
        ("postgresql://q@10.0.0.5/x", True),
        ("postgresql://q@[fe80::1]/x", True),
        ("postgresql://q@localhost,db/x", True),
        ("postgresql:///x?host=db", True),
        ("postgresql://q@db/x?sslmode=verify-full", False),
        ("postgresql://q@db/x?sslmode=disable", False),
        ("postgresql://q@localhost/x", False),
        ("postgresql://q@127.0.0.53:5433/x", False),
        ("postgresql://q@[::1]/x", False),
        ("postgresql://q@/x?host=/var/run/postgresql", False),
        ("postgresql:///x", False),
    ],
)
def test_a_line_that_may_go_unencrypted(url: str, unprotected: bool) -> None:
    """Only one that leaves the machine, and of which nobody has said how it is to be protected."""
    assert DatabaseUrl.parse(url).unprotected() is unprotected
    assert DatabaseUrl.parse(url).unprotected("db") is (unprotected or url == "postgresql:///x")
