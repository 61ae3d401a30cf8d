-- Find the series of a day's bars of underlyings that do not fit into the store.
-- $1 start timestamptz
-- $2 end timestamptz
INSERT INTO unfit_bars (
    instrument_id, what_to_show, open, high, low, close, volume, bar_count, vwap, time, run_id
)
SELECT
    -bar.underlying_id, series.what_to_show, series.open, series.high, series.low, series.close,
    series.volume, series.bar_count, series.vwap, bar.time, bar.collection_run_id
FROM decimals.underlying_bars_5min AS bar
INNER JOIN decimals.fitting_underlying_bars_5min AS fits USING (underlying_id, time)
CROSS JOIN LATERAL (
    VALUES
        ('TRADES', fits.trades_fit, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.bar_count, bar.vwap),
        (
            'OPTION_IMPLIED_VOLATILITY', fits.volatility_fits, NULL, NULL, NULL, bar.implied_volatility, NULL, NULL,
            NULL
        )
) AS series (what_to_show, fits, open, high, low, close, volume, bar_count, vwap)
WHERE bar.time >= $1::timestamptz
    AND bar.time < $2::timestamptz
    AND fits.time >= $1::timestamptz
    AND fits.time < $2::timestamptz
    AND NOT series.fits
