-- Settle claims of emptiness where another series has a bar: $1 underlying ids, $2 from, $3 until (the batch's time).
UPDATE request_coverage AS series
SET
    settled = series.settled + proven.spans,
    claimed = ARRAY(SELECT claim FROM unnest(series.claimed) AS claim WHERE NOT proven.spans @> claim ORDER BY claim)
FROM (
    SELECT
        claiming.underlying_id,
        claiming.what_to_show,
        range_agg(claim) AS spans
    FROM request_coverage AS claiming
    CROSS JOIN unnest(claiming.claimed) AS claim
    WHERE claiming.underlying_id = ANY($1::integer[])
        AND claiming.claimed <> '{}'
        AND EXISTS (
            SELECT
            FROM underlying_bars_5min AS bar
            WHERE bar.underlying_id = claiming.underlying_id
                AND bar.time >= $2::timestamptz
                AND bar.time < $3::timestamptz
                AND bar.time >= lower(claim)
                AND bar.time < upper(claim)
        )
    GROUP BY claiming.underlying_id, claiming.what_to_show
) AS proven
WHERE series.underlying_id = proven.underlying_id
    AND series.what_to_show = proven.what_to_show
