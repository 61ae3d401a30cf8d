-- Settle claims of emptiness where another series has a bar: $1 contract ids, $2 from, $3 until (the batch's time).
UPDATE request_coverage AS series
SET
    settled = series.settled + proven.spans,
    claimed = ARRAY(SELECT claim FROM unnest(series.claimed) AS claim WHERE NOT proven.spans @> claim ORDER BY claim)
FROM (
    SELECT
        claiming.contract_id,
        claiming.what_to_show,
        range_agg(claim) AS spans
    FROM request_coverage AS claiming
    CROSS JOIN unnest(claiming.claimed) AS claim
    WHERE claiming.contract_id = ANY($1::integer[])
        AND claiming.claimed <> '{}'
        AND EXISTS (
            SELECT
            FROM option_bars_5min AS bar
            WHERE bar.contract_id = claiming.contract_id
                AND bar.time >= $2::timestamptz
                AND bar.time < $3::timestamptz
                AND bar.time >= lower(claim)
                AND bar.time < upper(claim)
        )
    GROUP BY claiming.contract_id, claiming.what_to_show
) AS proven
WHERE series.contract_id = proven.contract_id
    AND series.what_to_show = proven.what_to_show
