-- The underlyings' bars as the store can hold them: without a series that has a number beyond its column, or prices
-- that hang on one that is missing. Whether each series fits stands at the end.
CREATE OR REPLACE VIEW decimals.fitting_underlying_bars_5min AS
SELECT
    bar.time,
    bar.underlying_id,
    CASE WHEN fits.trades THEN bar.open END AS open,
    CASE WHEN fits.trades THEN bar.high END AS high,
    CASE WHEN fits.trades THEN bar.low END AS low,
    CASE WHEN fits.trades THEN bar.close END AS close,
    CASE WHEN fits.trades THEN bar.volume END AS volume,
    CASE WHEN fits.trades THEN bar.bar_count END AS bar_count,
    CASE WHEN fits.trades THEN bar.vwap END AS vwap,
    CASE WHEN fits.volatility THEN bar.implied_volatility END AS implied_volatility,
    bar.flags,
    bar.collection_run_id,
    bar.has_gaps,
    bar.created_at,
    bar.updated_at,
    fits.trades AS trades_fit,
    fits.volatility AS volatility_fits,
    -- A slot is dropped when nothing of it fits.
    fits.trades AND fits.volatility
    OR fits.trades AND num_nonnulls(bar.open, bar.close, bar.volume) > 0
    OR fits.volatility AND bar.implied_volatility IS NOT NULL AS kept
FROM decimals.underlying_bars_5min AS bar
CROSS JOIN LATERAL (
    SELECT
        coalesce(greatest(abs(bar.open), abs(bar.high), abs(bar.low), abs(bar.close), abs(bar.vwap)) < 'NaN', true)
        AND coalesce(abs(bar.volume) <= 900000000000000, true)
        AND (num_nonnulls(bar.open, bar.close) > 0 OR num_nonnulls(bar.high, bar.low) = 0)
        AND (bar.close IS NOT NULL OR bar.vwap IS NULL) AS trades,
        coalesce(abs(bar.implied_volatility) <= 214748.3647, true) AS volatility
    OFFSET 0  -- once a bar, not once a column
) AS fits
