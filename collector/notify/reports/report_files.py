"""Keep reports as files beside the log.

Reports as files beside the log: one JSON document a run, readable also while the database is down.
"""

import json
from pathlib import Path

from collector.domain.errors import Unknown, UsageError
from collector.domain.reports.report_document import from_document, to_document
from collector.domain.reports.run_report import RunReport
from collector.machine import private_files


def keep(log_directory: Path, report: RunReport) -> Path:
    """Write a run's report, whole or not at all, and return its path; runs without a row share the number 0."""
    path = log_directory / "reports" / f"run-{report.run_id:06d}.json"
    private_files.write(path, json.dumps(to_document(report), indent=1).encode())
    return path


def read(log_directory: Path, run_id: int | None) -> RunReport:
    """Return the report of a run, of the latest by default.

    Raises:
        Unknown: there is no such report.
        UsageError: its file is damaged.
    """
    folder = log_directory / "reports"
    found = sorted(folder.glob("run-*.json"))
    path = folder / f"run-{run_id:06d}.json" if run_id is not None else (found[-1] if found else folder / "none")
    if not path.is_file():
        raise Unknown(f"there is no report {path.name} in {folder}", "Reports are written when a run ends.")
    try:
        return from_document(RunReport, json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        hint = "The run itself is in the database (collector status); another report: collector report run NUMBER"
        raise UsageError(f"{path} is damaged, no report of this version", hint) from error
