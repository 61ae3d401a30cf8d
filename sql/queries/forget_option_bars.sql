-- Mark a session's option bars as incomplete after their coverage was forgotten.
-- $1 symbols text[]
-- $2 session_open timestamptz
-- $3 session_close timestamptz
-- $4 now timestamptz
-- $5 today date: in New York; contracts that expired before it keep their coverage
WITH written AS (
    UPDATE store.option_bars_5min AS bar
    SET has_gaps = true, updated_at = $4::timestamptz
    WHERE bar.time >= $2::timestamptz
        AND bar.time < $3::timestamptz
        AND NOT bar.has_gaps
        AND bar.contract_id IN (
            SELECT contract.id
            FROM option_chains AS contract
            INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
            WHERE underlying.symbol = ANY($1::text[]) AND contract.expiration_date >= $5::date
        )
    RETURNING bar.contract_id, bar.time
)
SELECT
    coalesce(sum(bars), 0)::bigint AS bars,
    store.note_changes((SELECT id FROM data_sets WHERE name = 'option_bars_5min'), array_agg(instrument_id), array_agg(day)) AS changes
FROM (
    SELECT contract_id AS instrument_id, (time AT TIME ZONE 'UTC')::date AS day, count(*) AS bars
    FROM written
    GROUP BY instrument_id, day
) AS touched
