-- Session days before an instant on which open gaps or due dead letters lie.
-- $1 symbols text[]
-- $2 before timestamptz
-- $3 now timestamptz
WITH part AS (
    SELECT instrument_id, gap_start AS starts, gap_end AS ends
    FROM historical_data_gaps
    WHERE state = 'open' AND gap_start < $2::timestamptz
    UNION ALL
    SELECT instrument_id, lower(span), upper(span)
    FROM dead_letters
    WHERE resolved_at IS NULL
        AND lower(span) < $2::timestamptz
        AND (next_attempt_at IS NULL OR next_attempt_at <= $3::timestamptz)
)
SELECT DISTINCT generate_series(
    (part.starts AT TIME ZONE 'America/New_York')::date,
    ((least(part.ends, $2::timestamptz) - INTERVAL '1 second') AT TIME ZONE 'America/New_York')::date,
    INTERVAL '1 day'
)::date AS day
FROM part
LEFT JOIN option_chains AS contract ON contract.id = part.instrument_id
INNER JOIN underlying_securities AS underlying
    ON underlying.id = coalesce(contract.underlying_id, -part.instrument_id)
WHERE underlying.symbol = ANY($1::text[])
ORDER BY day
