"""Keep reports as files beside the log.

Reports as files beside the log: one JSON document a run, readable also while the database is down.
"""

import json
import os
from pathlib import Path

from collector.domain.errors import UsageError
from collector.domain.reports.report_document import from_document, to_document
from collector.domain.reports.run_report import RunReport


def keep(log_directory: Path, report: RunReport) -> Path:
    """Write a run's report, whole or not at all, and return its path; runs without a row share the number 0."""
    folder = log_directory / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"run-{report.run_id:06d}.json"
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(to_document(report), indent=1), encoding="utf-8")
    draft.replace(path)
    return path


def read(log_directory: Path, run_id: int | None) -> RunReport:
    """Return the report of a run, of the latest by default.

    Raises:
        UsageError: there is no such report.
    """
    folder = log_directory / "reports"
    found = sorted(folder.glob("run-*.json"))
    path = folder / f"run-{run_id:06d}.json" if run_id is not None else (found[-1] if found else folder / "none")
    if not path.is_file():
        raise UsageError(f"there is no report {path.name} in {folder}", "Reports are written when a run ends.")
    return from_document(RunReport, json.loads(path.read_text(encoding="utf-8")))
