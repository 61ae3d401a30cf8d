"""Fixtures that every test may use, gathered from one file a subject."""

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.support.fixtures_engines",
    "tests.support.fixtures_simulator",
    "tests.support.fixtures_convergence",
    "tests.support.fixtures_days",
    "tests.support.fixtures_object_store",
    "tests.support.pages",
    "tests.support.shared_out",
]

# A busy machine makes no property wrong, and the same draws every time make no failure that nobody can repeat.
# `--hypothesis-profile long` (`make test-long`) draws anew, and more.
_SLOW = [HealthCheck.too_slow]
settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=_SLOW)
settings.register_profile("long", deadline=None, max_examples=2000, print_blob=True, suppress_health_check=_SLOW)
settings.load_profile("suite")
