-- Keep open interest as told on a session, and write it into the session's bars.
-- $1 contract_ids integer[]
-- $2 told integer[]: contracts open, of each
-- $3 session_day date
-- $4 session_open timestamptz
-- $5 session_close timestamptz
-- $6 now timestamptz
WITH told AS (
    SELECT contract_id, open_interest
    FROM unnest($1::integer[], $2::integer[]) AS t (contract_id, open_interest)
),
kept AS (
    INSERT INTO option_open_interest (contract_id, day, open_interest, asked_at)
    SELECT contract_id, $3::date, open_interest, $6::timestamptz
    FROM told
    ON CONFLICT (contract_id, day) DO UPDATE
    SET open_interest = excluded.open_interest, asked_at = excluded.asked_at
    RETURNING contract_id
),
written AS (
    UPDATE store.option_bars_5min AS bar
    SET open_interest = told.open_interest
    FROM told
    WHERE bar.contract_id = told.contract_id
        AND bar.contract_id = ANY($1::integer[])
        AND bar.time >= $4::timestamptz
        AND bar.time < $5::timestamptz
        AND bar.open_interest IS DISTINCT FROM told.open_interest
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
