"""Addresses that log in once, and the cookies that they give."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.web.access.keys import Keys
from collector.web.access.logins import Logins

NOW = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


class Told:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        """Return the instant."""
        return self.at


@pytest.fixture
def clock() -> Told:
    """A clock at noon."""
    return Told()


@pytest.fixture
def logins(tmp_path: Path, clock: Told) -> Logins:
    """Logins whose key has just been drawn."""
    return Logins(Keys(tmp_path / "own" / "logins.key"), clock)  # type: ignore[arg-type]  # it only tells the time


def key_of(address: str) -> str:
    """Return the key in an address."""
    site, _, key = address.partition("/login?key=")
    assert site == "http://127.0.0.1:8321"
    return key


def test_an_address_logs_in_once(logins: Logins) -> None:
    """The second use is refused, and another address is good all the same."""
    first, second = (key_of(logins.address("http://127.0.0.1:8321")) for _ in range(2))
    assert [logins.use(first), logins.use(first), logins.use(second), logins.use(second)] == [True, False, True, False]


@pytest.mark.parametrize(("minutes", "is_good"), [(10, True), (10.02, False), (60, False), (-1, False)])
def test_an_address_lasts_ten_minutes(logins: Logins, clock: Told, minutes: float, is_good: bool) -> None:
    """What is older, or from the future, is refused."""
    key = key_of(logins.address("http://127.0.0.1:8321"))
    clock.at += timedelta(minutes=minutes)
    assert logins.use(key) is is_good


def test_an_address_does_not_outlive_the_process(logins: Logins, tmp_path: Path, clock: Told) -> None:
    """A process that begins later cannot know whether it was used, and refuses it; one printed since then is good."""
    key = key_of(logins.address("http://127.0.0.1:8321"))
    assert logins.use(key)
    clock.at += timedelta(seconds=2)
    later = Logins(Keys(tmp_path / "own" / "logins.key"), clock)  # type: ignore[arg-type]  # as above
    assert not later.use(key)
    assert later.use(key_of(logins.address("http://127.0.0.1:8321")))


def test_a_clock_that_was_ahead_keeps_nobody_out(logins: Logins, tmp_path: Path, clock: Told) -> None:
    """Once it has been set back, what is printed after the process has proved itself is good, as ever once."""
    clock.at += timedelta(days=1)
    ahead = Logins(Keys(tmp_path / "own" / "logins.key"), clock)  # type: ignore[arg-type]  # as above
    used = key_of(ahead.address("http://127.0.0.1:8321"))
    assert ahead.use(used)
    clock.at -= timedelta(days=1)
    ahead.proof(8321, "who is there?")
    key = key_of(logins.address("http://127.0.0.1:8321"))
    assert [ahead.use(key), ahead.use(key)] == [True, False]
    clock.at += timedelta(days=1)
    assert not ahead.use(used)


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1],
        lambda key: key[:-3] + ("A" if key[-3] != "A" else "B") + key[-2:],  # the last one has bits that say nothing
        lambda key: ("A" if key[0] != "A" else "B") + key[1:],
        lambda key: key.replace(".", ""),
        lambda _: "",
        lambda _: "x",
        lambda key: key + "\u00e9",
        lambda key: key.partition(".")[0],
    ],
)
def test_a_guess_is_refused(logins: Logins, change: object) -> None:
    """Whatever is not signed as it stands, as an address or as a cookie, is none."""
    assert callable(change)
    assert not logins.use(change(key_of(logins.address("http://127.0.0.1:8321"))))
    assert not logins.knows(change(logins.cookie()))


def test_what_is_signed_for_one_purpose_is_good_for_no_other(logins: Logins) -> None:
    """An address is no cookie, a cookie no address, and what a stranger may have signed is neither."""
    key, cookie = key_of(logins.address("http://127.0.0.1:8321")), logins.cookie()
    assert logins.knows(cookie)
    assert not logins.knows(key)
    assert not logins.use(cookie)
    unsigned = key.rpartition(".")[0]
    for question in (unsigned, unsigned + "."):
        forged = f"{unsigned}.{logins.proof(8321, question)}"
        assert not logins.use(forged)
        assert not logins.knows(forged)


@pytest.mark.parametrize(("days", "is_good"), [(29.99, True), (30.01, False)])
def test_a_cookie_lasts_thirty_days(logins: Logins, clock: Told, days: float, is_good: bool) -> None:
    """After that a new login is needed."""
    cookie = logins.cookie()
    clock.at += timedelta(days=days)
    assert logins.knows(cookie) is is_good


def test_a_new_key_ends_all(logins: Logins, tmp_path: Path, clock: Told) -> None:
    """Whichever process draws it, in the others cookies and addresses end at once, too."""
    other = Logins(Keys(tmp_path / "own" / "logins.key"), clock)  # type: ignore[arg-type]  # as above
    cookie, key = logins.cookie(), key_of(logins.address("http://127.0.0.1:8321"))
    assert other.knows(cookie)
    other.end_all()
    assert not logins.knows(cookie)
    assert not logins.use(key)
    assert logins.knows(other.cookie())


def test_the_key_is_its_owners_alone(logins: Logins, tmp_path: Path) -> None:
    """Its file is closed to others, and one that others could read is replaced, and what it signed with it."""
    cookie, file = logins.cookie(), tmp_path / "own" / "logins.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_bytes()) == 64
    file.chmod(0o644)
    assert not Logins(Keys(file), logins.clock).knows(cookie)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_a_file_the_key_is_the_processs_own(tmp_path: Path, clock: Told) -> None:
    """Where none can be kept logins work all the same, for as long as the process lives."""
    (tmp_path / "file").write_text("no folder")
    logins = Logins(Keys(tmp_path / "file" / "logins.key"), clock)  # type: ignore[arg-type]  # as above
    assert logins.knows(logins.cookie())
    assert logins.use(key_of(logins.address("http://127.0.0.1:8321")))


def test_the_key_counts_again_once_its_file_is_back(logins: Logins, tmp_path: Path) -> None:
    """A disk that was away for a moment does not end logins for as long as the process lives."""
    cookie = logins.cookie()
    (tmp_path / "own").rename(tmp_path / "away")
    (tmp_path / "own").write_text("no folder")
    assert not logins.knows(cookie)
    (tmp_path / "own").unlink()
    (tmp_path / "away").rename(tmp_path / "own")
    assert logins.knows(cookie)
