-- When the very first run began, NULL before there is one.
SELECT min(started_at) AS first_run_at FROM intraday_collection_runs
