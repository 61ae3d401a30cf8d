-- Write the staged Greeks that differ into the bars of a span.
-- $1 version smallint
-- $2 session_open timestamptz: literal bounds, so that other chunks stay shut
-- $3 session_close timestamptz
WITH written AS (
    UPDATE store.option_bars_5min AS bar
    SET
        implied_volatility = stage.implied_volatility,
        delta = stage.delta,
        gamma = stage.gamma,
        theta = stage.theta,
        vega = stage.vega,
        rho = stage.rho,
        greeks_reason = stage.greeks_reason,
        greeks_version = $1::smallint
    FROM (
        SELECT
            contract_id, time, implied_volatility, delta, theta, vega, rho, greeks_reason,
            -- At the money and about to expire it can be more than the column holds: then it is NULL.
            CASE WHEN gamma <= 2147483647 THEN gamma::integer END AS gamma
        FROM stage_greeks
    ) AS stage
    WHERE bar.contract_id = stage.contract_id
        AND bar.time = stage.time
        AND bar.time >= $2::timestamptz
        AND bar.time < $3::timestamptz
        AND (
            bar.implied_volatility, bar.delta, bar.gamma, bar.theta, bar.vega, bar.rho, bar.greeks_reason,
            bar.greeks_version
        ) IS DISTINCT FROM (
            stage.implied_volatility, stage.delta, stage.gamma, stage.theta, stage.vega, stage.rho, stage.greeks_reason,
            $1::smallint
        )
    RETURNING bar.contract_id, bar.time
)
SELECT
    coalesce(sum(bars), 0)::bigint AS bars,
    store.note_changes((SELECT id FROM data_sets WHERE name = 'option_bars_5min'), array_agg(instrument_id), array_agg(day)) AS changes
FROM (
    SELECT contract_id AS instrument_id, (time AT TIME ZONE 'UTC')::date AS day, count(*) AS bars
    FROM written
    GROUP BY instrument_id, day
) AS touched
