"""Research API: bars and surfaces as Arrow tables.

    import collector.research as research

    with research.open() as data:
        answer = data.bars("SPY", "2026-11-20", "2026-11-25", columns=["time", "contract_symbol", "mid_close"])
        answer.table, answer.complete, answer.reasons

docs/research.md shows every verb. Needs the extra `research`: pip install 'collector[research]'.
"""

from collector.research import _required  # noqa: F401 - first, see there
from collector.research.answers import Answer
from collector.research.opening import LateReplica, open  # noqa: A004 - research.open is what people call it
from collector.research.reader import Reader

__all__ = ["Answer", "LateReplica", "Reader", "open"]
