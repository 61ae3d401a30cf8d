"""Require what the extra `research` installs.

Imported before everything that needs it, so that its absence is told in words.
"""

from importlib.util import find_spec

from collector.domain.errors import ExtraMissing

_NEEDED = ("adbc_driver_postgresql", "duckdb", "pyarrow")

if any(find_spec(name) is None for name in _NEEDED):
    raise ExtraMissing("research", "collector.research")
