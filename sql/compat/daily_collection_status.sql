-- Show how windows went, with the measures that the earlier system kept beside.
CREATE VIEW compat.daily_collection_status AS
SELECT
    own.id,
    own.collection_date,
    own.collection_time,
    own.symbol::varchar(10) AS symbol,
    own.collection_type::varchar(20) AS collection_type,
    own.started_at,
    own.completed_at,
    own.status::varchar(20) AS status,
    own.records_collected,
    measured.total_contracts AS contracts_discovered,
    measured.successful_contracts AS contracts_updated,
    own.error_message,
    (own.error_message IS NOT NULL)::integer AS error_count,
    own.timezone::varchar(50) AS timezone,
    round(extract(EPOCH FROM own.completed_at - own.started_at) * 1000)::integer AS execution_time_ms,
    round(measured.data_completeness_percent / 100, 2) AS data_quality_score,
    own.started_at AS created_at
FROM public.daily_collection_status AS own
LEFT JOIN public.collection_statistics AS measured USING (collection_date, symbol);

COMMENT ON VIEW compat.daily_collection_status IS
'public.daily_collection_status; contracts and quality (0 to 1) are those of the session as measured last.'
