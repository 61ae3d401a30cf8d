-- Put a day's option bars from decimals into the store, in its order.
-- $1 start timestamptz
-- $2 end timestamptz
WITH written AS (
    INSERT INTO store.option_bars_5min
    SELECT stored.*
    FROM (
        SELECT *
        FROM decimals.fitting_option_bars_5min
        WHERE kept AND time >= $1::timestamptz AND time < $2::timestamptz
        ORDER BY contract_id, time
        OFFSET 0  -- what fits is found once a bar, not wherever it is used
    ) AS bar
    CROSS JOIN LATERAL store.whole(
        ROW(
            bar.time, bar.contract_id, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.bar_count, bar.vwap,
            bar.bid_open, bar.bid_high, bar.bid_low, bar.bid_close, bar.ask_open, bar.ask_high, bar.ask_low,
            bar.ask_close, bar.spread_close, bar.mid_close, bar.implied_volatility, bar.delta, bar.gamma, bar.theta,
            bar.vega, bar.rho, bar.greeks_version, bar.greeks_reason, bar.open_interest, bar.flags,
            bar.collection_run_id, bar.data_source, bar.has_gaps, bar.created_at, bar.updated_at
        )::option_bars_5min
    ) AS stored
    RETURNING contract_id
)
SELECT
    coalesce(sum(bars), 0)::bigint AS bars,
    store.note_changes(
        (SELECT id FROM data_sets WHERE name = 'option_bars_5min'),
        array_agg(instrument_id),
        array_agg(($1::timestamptz AT TIME ZONE 'UTC')::date)
    ) AS changes
FROM (
    SELECT contract_id AS instrument_id, count(*) AS bars
    FROM written
    GROUP BY instrument_id
) AS touched
