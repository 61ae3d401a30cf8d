-- Sum up windows by session and symbol.
CREATE VIEW compat.v_daily_collection_summary AS
SELECT
    collection_date,
    symbol,
    count(*) AS collection_runs,
    count(*) FILTER (WHERE status = 'success') AS successful_runs,
    count(*) FILTER (WHERE status = 'failed') AS failed_runs,
    sum(records_collected) AS total_records,
    max(contracts_discovered) AS total_contracts_discovered,
    avg(execution_time_ms) AS avg_execution_ms,
    avg(data_quality_score) AS avg_quality_score
FROM compat.daily_collection_status
GROUP BY collection_date, symbol;

COMMENT ON VIEW compat.v_daily_collection_summary IS
'Windows of compat.daily_collection_status by session and symbol; contracts are counted once a session.'
