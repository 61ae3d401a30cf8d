-- Say that nobody traded in slots with quotes whose TRADES have settled empty.
-- A slot whose trade is in quarantine (bit 7) stays unknown.
-- $1 data_set_id smallint
-- $2 contract_ids integer[]
-- $3 span_start timestamptz
-- $4 span_end timestamptz
WITH written AS (
    UPDATE store.option_bars_5min AS bar
    SET volume = 0
    FROM request_coverage AS coverage
    WHERE coverage.instrument_id = bar.contract_id
        AND coverage.data_set = $1::smallint
        AND coverage.what_to_show = 'TRADES'
        AND coverage.settled @> bar.time
        AND bar.contract_id = ANY($2::integer[])
        AND bar.time >= $3::timestamptz
        AND bar.time < $4::timestamptz
        AND bar.volume IS NULL
        AND bar.flags & 128 = 0
    RETURNING bar.contract_id, bar.time
)
SELECT
    coalesce(sum(bars), 0)::bigint AS bars,
    store.note_changes($1::smallint, array_agg(instrument_id), array_agg(day)) AS changes
FROM (
    SELECT contract_id AS instrument_id, (time AT TIME ZONE 'UTC')::date AS day, count(*) AS bars
    FROM written
    GROUP BY instrument_id, day
) AS touched
