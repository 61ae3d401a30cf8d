-- Days of which bars of an underlying's options are in the database.
-- $1 underlying_id integer: whose contracts
-- $2 days date[]: to look at
WITH own AS (
    SELECT min(id) AS first_id, max(id) AS last_id
    FROM option_chains
    WHERE underlying_id = $1::integer
)
SELECT day
FROM unnest($2::date[]) AS day
WHERE EXISTS (
    SELECT
    FROM store.option_bars_5min AS bar
    WHERE bar.contract_id >= (SELECT first_id FROM own)
        AND bar.contract_id <= (SELECT last_id FROM own)
        AND bar.time >= day::timestamp AT TIME ZONE 'UTC'
        AND bar.time < (day + 1)::timestamp AT TIME ZONE 'UTC'
        -- Ids of adopted contracts lie between those of other underlyings.
        AND (SELECT underlying_id FROM option_chains WHERE id = bar.contract_id) = $1::integer
)
ORDER BY day
