-- Write open interest as told on a session into bars of it that came later.
-- $1 underlying_id integer: whose contracts
-- $2 session_day date
-- $3 session_open timestamptz
-- $4 session_close timestamptz
WITH written AS (
    UPDATE store.option_bars_5min AS bar
    SET open_interest = told.open_interest
    FROM option_open_interest AS told
    INNER JOIN option_chains AS contract ON contract.id = told.contract_id
    WHERE contract.underlying_id = $1::integer
        AND told.day = $2::date
        AND bar.contract_id = told.contract_id
        AND bar.time >= $3::timestamptz
        AND bar.time < $4::timestamptz
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
