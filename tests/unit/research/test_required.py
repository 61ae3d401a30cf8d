"""Without the extra's libraries the research API says how to install them."""

import importlib
import importlib.util

import pytest

from collector.domain.errors import CollectorError, ExtraMissing
from collector.research import _required


def test_a_missing_extra_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The import fails with an error of ours, which is an ImportError, too, and names the extra."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ExtraMissing) as told:
        importlib.reload(_required)
    assert isinstance(told.value, ImportError)
    assert isinstance(told.value, CollectorError)
    assert told.value.hint == "pip install 'collector[research]'"


def test_a_library_outside_the_extras_is_told_by_its_name() -> None:
    """Pandas and polars are nobody's extra."""
    assert ExtraMissing("polars", "to_polars()").hint == "pip install polars"
