"""Fixtures that every test may use, gathered from one file a subject."""

pytest_plugins = [
    "tests.fixtures_engines",
    "tests.fixtures_simulator",
    "tests.fixtures_convergence",
    "tests.fixtures_days",
]
