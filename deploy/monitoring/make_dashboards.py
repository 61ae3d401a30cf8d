"""Grafana's dashboards, written as JSON into the folder `dashboards`.

    python deploy/monitoring/make_dashboards.py [FOLDER]

Needs `grafana-foundation-sdk`, which `make venv` installs. The title of each panel is the question that it answers; one
that is answered by the tables stands, as its title, in the first line of a file of `queries`.
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import dashboard, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import prometheus as promql
from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, VisibilityMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef

HERE = Path(__file__).parent
TABLES = DataSourceRef(type_val="grafana-postgresql-datasource", uid="collector-tables")
METRICS = DataSourceRef(type_val="prometheus", uid="collector-metrics")
WIDTH, HEIGHT = 12, 8

LINES, STATES, ROWS = timeseries.Panel, statetimeline.Panel, table.Panel


class Statement(Dataquery, Builder[Dataquery]):
    """A query of Grafana's PostgreSQL data source, for which the SDK has no builder."""

    def __init__(self, sql: str, answer: str) -> None:
        self._sql, self._answer = sql, answer

    def build(self) -> "Statement":
        """Return what becomes JSON."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return the query as Grafana keeps it."""
        return {
            "datasource": TABLES,
            "editorMode": "code",
            "format": self._answer,
            "rawQuery": True,
            "rawSql": self._sql,
            "refId": "A",
        }


class Answer(NamedTuple):
    """How a question to the tables is shown. query: its file, without extension; unit: Grafana's word for it."""

    query: str
    shown: type[Any] = ROWS
    unit: str = "short"


class Question(NamedTuple):
    """A question to the metrics. asked: expressions of PromQL with the legends of their series."""

    title: str
    asked: dict[str, str]
    shown: type[Any] = LINES
    unit: str = "short"


IS_THE_DATA_TRUSTWORTHY = (
    Answer("last_session"),
    Answer("completeness", LINES, "percentunit"),
    Answer("quotes", LINES, "percentunit"),
    Answer("volatilities", LINES, "percentunit"),
    Answer("gaps"),
    Answer("awaiting"),
    Answer("plausible", STATES),
    Answer("expirations"),
    Answer("runs"),
    Answer("new_bars", LINES),
    Answer("answers", LINES),
    Answer("refused"),
    Answer("parity", LINES),
    Answer("newest"),
)
_DURATION = "sum by (le) (rate(collector_request_duration_seconds_bucket[$__rate_interval]))"
IS_THE_GATEWAY_WELL = (
    Question(
        "Is the gateway connected while the exchange trades?",
        {
            "collector_session_open": "exchange trades",
            "collector_gateway_connected": "gateway connected",
            "collector_run_active": "window at work",
            "collector_database_up": "database answers",
            'up{job="collector"}': "collector answers",
        },
        STATES,
        "bool_yes_no",
    ),
    Question("Is the circuit breaker closed?", {"collector_gateway_breaker": "{{state}}"}, STATES, "bool_yes_no"),
    Question(
        "How fast does IB answer?",
        {
            f"histogram_quantile(0.5, {_DURATION})": "half of the answers",
            f"histogram_quantile(0.9, {_DURATION})": "nine of ten",
            f"histogram_quantile(0.99, {_DURATION})": "99 of a hundred",
        },
        unit="s",
    ),
    Question(
        "How fast does it answer what?",
        {
            "sum by (data_set, what_to_show) (rate(collector_request_duration_seconds_sum[$__rate_interval])) / "
            "sum by (data_set, what_to_show) (rate(collector_request_duration_seconds_count[$__rate_interval]))": (
                "{{data_set}} {{what_to_show}}"
            )
        },
        unit="s",
    ),
    Question("How fast is it asked?", {"collector_pacer_requests_per_second": "requests a second"}, unit="reqps"),
    Question(
        "How many requests may be open, and how many are?",
        {"collector_pacer_limit": "allowed", "collector_pacer_in_flight": "open"},
    ),
    Question(
        "Does IB refuse requests as too many?",
        {
            "increase(collector_pacing_errors_total[1h])": "{{data_set}} {{what_to_show}}",
            "increase(collector_pacer_pauses_total[1h])": "pauses",
        },
    ),
    Question("How do requests fail?", {"increase(collector_requests_failed_total[1h])": "{{outcome}}"}),
    Question("Is a window late?", {"collector_window_late": "{{window}}"}, STATES, "bool_yes_no"),
    Question(
        "How long ago did each window succeed?",
        {"time() - collector_last_success_timestamp_seconds": "{{window}}"},
        unit="s",
    ),
    Question("How did runs end?", {"increase(collector_runs_total[1d])": "{{window}} {{status}}"}),
    Question("How much does each window ask?", {"increase(collector_requests_total[1d])": "{{window}}"}),
    Question("How complete is the last session?", {"collector_completeness_ratio": "{{symbol}}"}, unit="percentunit"),
    Question("What is missing?", {"collector_gap_slots": "{{state}}", "collector_series_awaiting": "awaiting"}),
    Question(
        "Is there room on the disks?",
        {"collector_disk_free_bytes / collector_disk_size_bytes": "free where the {{holds}} are"},
        unit="percentunit",
    ),
    Question(
        "How much is stored?",
        {"collector_database_size_bytes": "database", "collector_archive_size_bytes": "archive"},
        unit="bytes",
    ),
    Question(
        "How old are the backup and what waits for the archive?",
        {
            "time() - collector_last_backup_timestamp_seconds": "newest backup",
            "time() - collector_archive_oldest_unarchived_timestamp_seconds": "oldest session that is not archived",
        },
        unit="s",
    ),
    Question("Do mails go out?", {"collector_mails_waiting": "waiting", "collector_mails_set_aside": "set aside"}),
    Question(
        "What does the collector take?",
        {"rate(collector_process_cpu_seconds_total[$__rate_interval])": "processors"},
    ),
    Question("How much memory?", {"collector_process_resident_memory_bytes": "memory"}, unit="bytes"),
    Question("How many alerts fire?", {'sum(ALERTS{alertstate="firing"}) or vector(0)': "alerts"}),
)


def main() -> None:
    """Write both dashboards into a folder."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "dashboards"
    _write(folder / "data.json", "Is the data trustworthy?", map(_of_tables, IS_THE_DATA_TRUSTWORTHY), "now-30d")
    _write(folder / "gateway.json", "Is the gateway well?", map(_of_metrics, IS_THE_GATEWAY_WELL), "now-24h")


def _of_tables(one: Answer) -> Any:  # noqa: ANN401 - the builders have no common type
    title, _, sql = (HERE / "queries" / f"{one.query}.sql").read_text(encoding="utf-8").partition("\n")
    answer = "table" if one.shown is ROWS else "time_series"
    panel = _panel(title.removeprefix("-- "), one.shown, one.unit).datasource(TABLES)
    if one.shown is LINES:
        panel = panel.show_points(VisibilityMode.ALWAYS)
    return panel.with_target(Statement(sql.strip(), answer))


def _of_metrics(one: Question) -> Any:  # noqa: ANN401 - see above
    panel = _panel(one.title, one.shown, one.unit).datasource(METRICS)
    for letter, (expression, legend) in zip("ABCDE", one.asked.items(), strict=False):
        panel = panel.with_target(
            promql.Dataquery().expr(expression).legend_format(legend).range().ref_id(letter).datasource(METRICS)
        )
    return panel


def _panel(title: str, shown: type[Any], unit: str) -> Any:  # noqa: ANN401 - see above
    panel = shown().title(title).unit(unit).span(WIDTH).height(HEIGHT)
    if shown is not ROWS:
        legend = VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
        panel = panel.legend(legend.placement(LegendPlacement.BOTTOM).calcs([]))
    return panel.min(0) if shown is LINES else panel


def _write(file: Path, title: str, panels: Any, since: str) -> None:  # noqa: ANN401 - see above
    made = dashboard.Dashboard(title).uid(f"collector-{file.stem}").tags(["collector"]).time(since, "now")
    made = made.timezone("browser").refresh("1m").readonly()
    for panel in panels:
        made = made.with_panel(panel)
    text = json.dumps(made.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
