-- How empty a session is of an underlying's contracts that are selected on it and listed.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose contracts
-- $3 session_day date
-- $4 span_start timestamptz: of the session's slots
-- $5 span_end timestamptz
-- $6 series text[]
-- $7 near integer[]: contracts near the money
WITH contract AS (
    SELECT
        chain.id,
        chain.id = ANY($7::integer[]) AS near,
        life.listed_since <= $3::date AS listed,
        (
            SELECT array_agg(coverage.what_to_show)
            FROM request_coverage AS coverage
            WHERE coverage.instrument_id = chain.id
                AND coverage.data_set = $1::smallint
                AND coverage.covered @> tstzrange($4::timestamptz, $5::timestamptz)
        ) AS answered,
        bars.*
    FROM option_chains AS chain
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
    CROSS JOIN LATERAL (
        SELECT
            count(*) > 0 AS with_bars,
            coalesce(bool_or(bar.ask_close IS NOT NULL), false) AS asked,
            coalesce(bool_or(bar.volume > 0), false) AS traded
        FROM store.option_bars_5min AS bar
        WHERE bar.contract_id = chain.id AND bar.time >= $4::timestamptz AND bar.time < $5::timestamptz
    ) AS bars
    WHERE chain.underlying_id = $2::integer AND chain.expiration_date >= $3::date AND life.selected @> $3::date
),
counted AS (
    SELECT *, answered @> $6::text[] AS whole
    FROM contract
    WHERE listed OR with_bars
)
SELECT
    count(*) FILTER (WHERE whole) AS answered,
    count(*) FILTER (WHERE whole AND NOT with_bars) AS empty,
    count(*) FILTER (WHERE near AND 'ASK' = ANY(answered) AND 'ASK' = ANY($6::text[])) AS near,
    count(*) FILTER (WHERE near AND 'ASK' = ANY(answered) AND 'ASK' = ANY($6::text[]) AND NOT asked) AS near_without_ask,
    count(*) FILTER (WHERE whole AND NOT traded) AS without_trades
FROM counted
