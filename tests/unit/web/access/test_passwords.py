"""A password that is tried over the network."""

from datetime import timedelta

from collector.web.access.passwords import Door, same


class Told:
    """A clock that a test lets run; nobody may ask it for the time of day, which can be set back."""

    ran = 0.0

    def monotonic(self) -> float:
        """Return seconds since some instant."""
        return self.ran


def test_the_right_one_opens() -> None:
    """Exactly it does, in any letters; without a password nothing opens."""
    clock = Told()
    door = Door("dürer-hase-1502", clock)  # type: ignore[arg-type]  # it only tells the time
    assert door.opens("127.0.0.1", "dürer-hase-1502")
    assert not any(door.opens("10.0.0.1", wrong) for wrong in ("", "dürer-hase-150", "dürer-hase-15020", "\udcff"))
    assert not Door(None, clock).opens("127.0.0.1", "")  # type: ignore[arg-type]  # as above


def test_who_was_wrong_waits_ever_longer() -> None:
    """1, 2, 4 … 256 seconds, each for itself; addresses of one IPv6 network are one; success forgets."""
    clock = Told()
    door = Door("a long password", clock)  # type: ignore[arg-type]  # as above
    waits = []
    for _ in range(11):
        assert not door.opens("2001:db8::1", "guess")
        waits.append(door.wait("2001:db8::ffff:2").total_seconds())
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256]
    assert door.wait("2001:db8:0:1::1") == door.wait("192.0.2.1") == timedelta()
    clock.ran += 300
    assert door.wait("2001:db8::1") == timedelta()
    assert door.opens("2001:db8::1", "a long password")
    door.opens("2001:db8::1", "guess")
    assert door.wait("2001:db8::1") == timedelta(seconds=1)


def test_guessers_are_forgotten_before_they_fill_the_memory() -> None:
    """The oldest of thousands goes."""
    door = Door("a long password", Told())  # type: ignore[arg-type]  # as above
    for number in range(3000):
        door.opens(f"10.0.{number // 250}.{number % 250}", "guess")
    assert len(door._guessers) == 1000
    assert door.wait("10.0.0.1") == timedelta()


def test_secrets_are_compared_whole() -> None:
    """Also such as no encoding can say."""
    assert same("a", "a")
    assert not same("a", "b")
    assert not same("\udcff", "\udcfe")
