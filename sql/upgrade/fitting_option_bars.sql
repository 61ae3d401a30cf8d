-- Option bars as the store can hold them: without a series that has a price above 100,000 USD, a volume beyond four
-- bytes, or prices that hang on one that is missing; without Greeks beyond four bytes. At the end stands what fits.
CREATE OR REPLACE VIEW decimals.fitting_option_bars_5min AS
SELECT
    bar.time,
    bar.contract_id,
    CASE WHEN fits.trades THEN bar.open END AS open,
    CASE WHEN fits.trades THEN bar.high END AS high,
    CASE WHEN fits.trades THEN bar.low END AS low,
    CASE WHEN fits.trades THEN bar.close END AS close,
    CASE WHEN fits.trades THEN bar.volume END AS volume,
    CASE WHEN fits.trades THEN bar.bar_count END AS bar_count,
    CASE WHEN fits.trades THEN bar.vwap END AS vwap,
    CASE WHEN fits.bid THEN bar.bid_open END AS bid_open,
    CASE WHEN fits.bid THEN bar.bid_high END AS bid_high,
    CASE WHEN fits.bid THEN bar.bid_low END AS bid_low,
    CASE WHEN fits.bid THEN bar.bid_close END AS bid_close,
    CASE WHEN fits.ask THEN bar.ask_open END AS ask_open,
    CASE WHEN fits.ask THEN bar.ask_high END AS ask_high,
    CASE WHEN fits.ask THEN bar.ask_low END AS ask_low,
    CASE WHEN fits.ask THEN bar.ask_close END AS ask_close,
    CASE WHEN fits.bid AND fits.ask THEN bar.spread_close END AS spread_close,
    CASE WHEN fits.bid AND fits.ask THEN bar.mid_close END AS mid_close,
    CASE WHEN abs(bar.implied_volatility) <= 214748.3647 THEN bar.implied_volatility END AS implied_volatility,
    CASE WHEN abs(bar.delta) <= 214748.3647 THEN bar.delta END AS delta,
    CASE WHEN abs(bar.gamma) <= 2147.483647 THEN bar.gamma END AS gamma,
    CASE WHEN abs(bar.theta) <= 214748.3647 THEN bar.theta END AS theta,
    CASE WHEN abs(bar.vega) <= 214748.3647 THEN bar.vega END AS vega,
    CASE WHEN abs(bar.rho) <= 214748.3647 THEN bar.rho END AS rho,
    bar.greeks_version,
    bar.greeks_reason,
    bar.open_interest,
    bar.flags,
    bar.collection_run_id,
    CASE WHEN fits.trades AND bar.close IS NOT NULL THEN 'TRADES' ELSE 'BID_ASK' END AS data_source,
    bar.has_gaps,
    bar.created_at,
    bar.updated_at,
    fits.trades AS trades_fit,
    fits.bid AS bid_fits,
    fits.ask AS ask_fits,
    coalesce(
        greatest(abs(bar.implied_volatility), abs(bar.delta), abs(bar.theta), abs(bar.vega), abs(bar.rho)) > 214748.3647
        OR abs(bar.gamma) > 2147.483647, false
    ) AS greeks_unfit,
    bar.data_source <> CASE WHEN bar.close IS NULL THEN 'BID_ASK' ELSE 'TRADES' END AS relabelled,
    -- A slot is dropped when nothing of it fits.
    fits.trades AND fits.bid AND fits.ask
    OR fits.trades AND num_nonnulls(bar.open, bar.close, bar.volume) > 0
    OR fits.bid AND num_nonnulls(bar.bid_open, bar.bid_close) > 0
    OR fits.ask AND num_nonnulls(bar.ask_open, bar.ask_close) > 0 AS kept
FROM decimals.option_bars_5min AS bar
CROSS JOIN LATERAL (
    SELECT
        coalesce(greatest(abs(bar.open), abs(bar.high), abs(bar.low), abs(bar.close), abs(bar.vwap)) <= 100000, true)
        AND coalesce(bar.volume BETWEEN -2147483647 AND 2147483647, true)
        AND (num_nonnulls(bar.open, bar.close) > 0 OR num_nonnulls(bar.high, bar.low) = 0)
        AND (bar.close IS NOT NULL OR bar.vwap IS NULL) AS trades,
        coalesce(greatest(abs(bar.bid_open), abs(bar.bid_high), abs(bar.bid_low), abs(bar.bid_close)) <= 100000, true)
        AND (num_nonnulls(bar.bid_open, bar.bid_close) > 0 OR num_nonnulls(bar.bid_high, bar.bid_low) = 0) AS bid,
        coalesce(greatest(abs(bar.ask_open), abs(bar.ask_high), abs(bar.ask_low), abs(bar.ask_close)) <= 100000, true)
        AND (num_nonnulls(bar.ask_open, bar.ask_close) > 0 OR num_nonnulls(bar.ask_high, bar.ask_low) = 0) AS ask
    OFFSET 0  -- once a bar, not once a column
) AS fits
