-- Turn a bar of decimals into the stored row of whole numbers; columns in the order of the stored table.
-- A function in FROM that returns a set is put in line, so that a million rows cost no calls.
CREATE OR REPLACE FUNCTION store.whole(bar option_bars_5min) RETURNS SETOF store.option_bars_5min
LANGUAGE sql IMMUTABLE
AS $$
SELECT
    bar.time,
    bar.contract_id,
    (bar.open * 10000 / unit)::integer,
    ((bar.high - greatest(bar.open, bar.close)) * 10000 / unit)::integer,
    ((least(bar.open, bar.close) - bar.low) * 10000 / unit)::integer,
    (bar.close * 10000 / unit)::integer,
    (bar.bid_open * 10000 / unit)::integer,
    ((bar.bid_high - greatest(bar.bid_open, bar.bid_close)) * 10000 / unit)::integer,
    ((least(bar.bid_open, bar.bid_close) - bar.bid_low) * 10000 / unit)::integer,
    (bar.bid_close * 10000 / unit)::integer,
    (bar.ask_open * 10000 / unit)::integer,
    ((bar.ask_high - greatest(bar.ask_open, bar.ask_close)) * 10000 / unit)::integer,
    ((least(bar.ask_open, bar.ask_close) - bar.ask_low) * 10000 / unit)::integer,
    (bar.ask_close * 10000 / unit)::integer,
    ((bar.vwap - bar.close) * 10000)::integer,
    bar.volume::integer,
    bar.bar_count,
    (bar.implied_volatility * 10000)::integer,
    (bar.delta * 10000)::integer,
    (bar.theta * 10000)::integer,
    (bar.vega * 10000)::integer,
    (bar.rho * 10000)::integer,
    (bar.gamma * 1000000)::integer,
    bar.greeks_version,
    bar.greeks_reason,
    bar.open_interest,
    bar.collection_run_id,
    bar.created_at,
    bar.updated_at,
    bar.flags,
    unit::smallint,
    bar.has_gaps
FROM (
    -- Cents, unless a price has finer digits.
    SELECT
        CASE num_nonnulls(
            nullif(bar.open % 0.01, 0), nullif(bar.high % 0.01, 0), nullif(bar.low % 0.01, 0),
            nullif(bar.close % 0.01, 0), nullif(bar.bid_open % 0.01, 0), nullif(bar.bid_high % 0.01, 0),
            nullif(bar.bid_low % 0.01, 0), nullif(bar.bid_close % 0.01, 0), nullif(bar.ask_open % 0.01, 0),
            nullif(bar.ask_high % 0.01, 0), nullif(bar.ask_low % 0.01, 0), nullif(bar.ask_close % 0.01, 0)
        ) WHEN 0 THEN 100 ELSE 1 END AS unit
    OFFSET 0  -- found once a bar, not wherever it is used
) AS one
$$;

CREATE OR REPLACE FUNCTION store.whole(bar underlying_bars_5min) RETURNS SETOF store.underlying_bars_5min
LANGUAGE sql IMMUTABLE
AS $$
SELECT
    bar.time,
    bar.underlying_id,
    (bar.open * 10000)::bigint,
    ((bar.high - greatest(bar.open, bar.close)) * 10000)::bigint,
    ((least(bar.open, bar.close) - bar.low) * 10000)::bigint,
    (bar.close * 10000)::bigint,
    ((bar.vwap - bar.close) * 10000)::bigint,
    (bar.volume * 10000)::bigint,
    bar.bar_count,
    (bar.implied_volatility * 10000)::integer,
    bar.collection_run_id,
    bar.created_at,
    bar.updated_at,
    bar.flags,
    bar.has_gaps
$$
