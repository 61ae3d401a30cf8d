"""Random numbers by address.

Random numbers by address: each is a pure function of what it is for, never of the order in which it is asked.

A key is made of integers (the seed, a contract, a day, a purpose), and the n-th number under a key is a hash of both.
Any slice of any array of them therefore equals the same slice of the whole.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_UNIT = 2.0**-53


def _mix(word: int) -> int:
    """Return the splitmix64 finaliser of one word."""
    word = (word ^ (word >> 30)) * _FIRST & _MASK
    word = (word ^ (word >> 27)) * _SECOND & _MASK
    return word ^ (word >> 31)


def key(*parts: int) -> int:
    """Fold integers into one 64-bit key; the order of the parts counts."""
    word = 0
    for part in parts:
        word = _mix((word + _GOLDEN + (part & _MASK)) & _MASK)
    return word


_INDEX = np.arange(8192, dtype=np.uint64) * np.uint64(_GOLDEN)


def words(keys: Words, count: int) -> Words:
    """Return `count` 64-bit words for each key: an array of the keys' shape with one more axis."""
    # 64-bit multiplication wraps round on purpose: that is the hash.
    mixed = keys[..., None] + _INDEX[:count]
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(_FIRST)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(_SECOND)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def bits(source: Words, shift: int, width: int) -> Floats:
    """Return `width` bits of each word as a number strictly between 0 and 1."""
    part = (source >> np.uint64(shift)) & np.uint64((1 << width) - 1)
    return (part.astype(np.float64) + 0.5) * 2.0**-width


def uniforms(word_key: int, count: int) -> Floats:
    """Return `count` numbers uniform on (0, 1)."""
    raw = words(np.array([word_key], dtype=np.uint64), count)[0]
    uniform: Floats = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * _UNIT
    return uniform


def normals(word_key: int, count: int) -> Floats:
    """Return `count` standard normal numbers."""
    radius = np.sqrt(-2.0 * np.log(uniforms(key(word_key, 1), count)))
    normal: Floats = radius * np.cos(2.0 * np.pi * uniforms(key(word_key, 2), count))
    return normal
