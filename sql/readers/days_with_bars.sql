-- Whether bars of an underlying's options are in the database on a day: the day is literal, so that other chunks stay shut.
-- $1 underlying_id integer: whose contracts
-- $2 day date
WITH own AS (
    SELECT min(id) AS first_id, max(id) AS last_id
    FROM option_chains
    WHERE underlying_id = $1::integer
)
SELECT EXISTS (
    SELECT
    FROM store.option_bars_5min AS bar
    WHERE bar.contract_id >= (SELECT first_id FROM own)
        AND bar.contract_id <= (SELECT last_id FROM own)
        AND bar.time >= $2::date::timestamp AT TIME ZONE 'UTC'
        AND bar.time < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'
        -- Ids of adopted contracts lie between those of other underlyings.
        AND (SELECT underlying_id FROM option_chains WHERE id = bar.contract_id) = $1::integer
) AS there
