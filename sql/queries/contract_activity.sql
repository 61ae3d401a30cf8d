-- How active the contracts of an underlying were, up to the latest session; what is stored later counts for the week.
-- $1 underlying_id integer: whose contracts
-- $2 history_from timestamptz: the first instant that counts for the average
-- $3 latest_open timestamptz: of the latest session
-- $4 latest_close timestamptz
-- $5 week_from timestamptz: bars from this instant on are of this week
WITH daily AS (
    SELECT
        bar.contract_id,
        (bar.time AT TIME ZONE 'America/New_York')::date AS day,
        bool_or(bar.time < $3::timestamptz) AS earlier,
        bool_or(bar.time >= $3::timestamptz AND bar.time < $4::timestamptz) AS latest,
        bool_or(bar.time >= $5::timestamptz) AS this_week,
        sum(bar.volume) AS volume
    FROM option_chains AS contract
    INNER JOIN store.option_bars_5min AS bar ON bar.contract_id = contract.id
    WHERE contract.underlying_id = $1::integer
        AND bar.time >= least($2::timestamptz, $5::timestamptz)
    GROUP BY bar.contract_id, day
)
SELECT
    contract.id AS contract_id,
    interest.open_interest,
    count(daily.day) FILTER (WHERE daily.earlier) AS sessions,
    coalesce(avg(coalesce(daily.volume, 0)) FILTER (WHERE daily.earlier), 0)::double precision AS average_volume,
    coalesce(sum(daily.volume) FILTER (WHERE daily.latest), 0)::double precision AS latest_volume,
    coalesce(bool_or(daily.this_week), false) AS held_this_week
FROM option_chains AS contract
LEFT JOIN daily ON daily.contract_id = contract.id
LEFT JOIN LATERAL (
    SELECT told.open_interest
    FROM option_open_interest AS told
    WHERE told.contract_id = contract.id
    ORDER BY told.day DESC
    LIMIT 1
) AS interest ON true
WHERE contract.underlying_id = $1::integer
    AND contract.expiration_date >= ($3::timestamptz AT TIME ZONE 'America/New_York')::date
GROUP BY contract.id, interest.open_interest
ORDER BY contract.id
