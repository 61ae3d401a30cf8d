-- Session days before an instant on which open gaps or due dead letters lie.
-- A slot of bars of a day is named by midnight UTC of its session, others lie in its hours.
-- $1 data_set_ids smallint[]
-- $2 symbols text[]
-- $3 before timestamptz
-- $4 now timestamptz
WITH part AS (
    SELECT instrument_id, data_set, gap_start AS starts, gap_end AS ends
    FROM historical_data_gaps
    WHERE state = 'open'
        AND data_set = ANY($1::smallint[])
        AND gap_start < $3::timestamptz
    UNION ALL
    SELECT instrument_id, data_set, lower(span), upper(span)
    FROM dead_letters
    WHERE resolved_at IS NULL
        AND data_set = ANY($1::smallint[])
        AND lower(span) < $3::timestamptz
        AND (next_attempt_at IS NULL OR next_attempt_at <= $4::timestamptz)
)
SELECT DISTINCT generate_series(
    (part.starts AT TIME ZONE zone.name)::date,
    ((least(part.ends, $3::timestamptz) - INTERVAL '1 second') AT TIME ZONE zone.name)::date,
    INTERVAL '1 day'
)::date AS day
FROM part
INNER JOIN data_sets AS kind ON kind.id = part.data_set
CROSS JOIN LATERAL (
    SELECT CASE WHEN kind.bar_seconds < 86400 THEN 'America/New_York' ELSE 'UTC' END AS name
) AS zone
LEFT JOIN option_chains AS contract ON contract.id = part.instrument_id
INNER JOIN underlying_securities AS underlying
    ON underlying.id = coalesce(contract.underlying_id, -part.instrument_id)
WHERE underlying.symbol = ANY($2::text[])
ORDER BY day
