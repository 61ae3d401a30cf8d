-- Mark bars of underlyings as incomplete after their coverage was forgotten.
-- $1 symbols text[]
-- $2 start timestamptz
-- $3 end timestamptz
-- $4 now timestamptz
WITH written AS (
    UPDATE store.{bars} AS bar
    SET has_gaps = true, updated_at = $4::timestamptz
    WHERE bar.time >= $2::timestamptz
        AND bar.time < $3::timestamptz
        AND NOT bar.has_gaps
        AND bar.underlying_id IN (SELECT id FROM underlying_securities WHERE symbol = ANY($1::text[]))
    RETURNING bar.underlying_id, bar.time
)
SELECT
    coalesce(sum(bars), 0)::bigint AS bars,
    store.note_changes((SELECT id FROM data_sets WHERE name = '{bars}'), array_agg(instrument_id), array_agg(day)) AS changes
FROM (
    SELECT -underlying_id AS instrument_id, (time AT TIME ZONE 'UTC')::date AS day, count(*) AS bars
    FROM written
    GROUP BY instrument_id, day
) AS touched
