-- The latest stored bar of each series of contracts since an instant.
-- $1 contract_ids integer[]
-- $2 series text[]
-- $3 since timestamptz[]: by series, the instant before which bars do not count
SELECT contract.id AS contract_id, series.what_to_show, found.last_known
FROM unnest($1::integer[]) AS contract (id)
CROSS JOIN unnest($2::text[], $3::timestamptz[]) AS series (what_to_show, since)
CROSS JOIN LATERAL (
    SELECT bar.time AS last_known
    FROM store.option_bars_5min AS bar
    WHERE bar.contract_id = contract.id
        AND bar.time >= series.since
        AND CASE series.what_to_show
            WHEN 'TRADES' THEN bar.volume > 0
            WHEN 'BID' THEN bar.bid_close IS NOT NULL
            WHEN 'ASK' THEN bar.ask_close IS NOT NULL
        END
    ORDER BY bar.time DESC
    LIMIT 1
) AS found
ORDER BY found.last_known DESC, contract.id, series.what_to_show
