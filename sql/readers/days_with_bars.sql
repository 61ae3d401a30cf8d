-- Days of which bars of an underlying's options are in the database.
-- $1 first_id integer: of the contracts that are asked for
-- $2 last_id integer
-- $3 days date[]: to look at
SELECT day
FROM unnest($3::date[]) AS day
WHERE EXISTS (
    SELECT
    FROM store.option_bars_5min AS bar
    WHERE bar.contract_id >= $1::integer
        AND bar.contract_id <= $2::integer
        AND bar.time >= day::timestamp AT TIME ZONE 'UTC'
        AND bar.time < (day + 1)::timestamp AT TIME ZONE 'UTC'
)
ORDER BY day
