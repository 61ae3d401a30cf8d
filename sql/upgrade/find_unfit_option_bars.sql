-- Find the series of a day's option bars that do not fit into the store.
-- $1 start timestamptz
-- $2 end timestamptz
INSERT INTO unfit_bars (
    instrument_id, what_to_show, open, high, low, close, volume, bar_count, vwap, time, run_id
)
SELECT
    bar.contract_id, series.what_to_show, series.open, series.high, series.low, series.close,
    series.volume, series.bar_count, series.vwap, bar.time, bar.collection_run_id
FROM decimals.option_bars_5min AS bar
INNER JOIN decimals.fitting_option_bars_5min AS fits USING (contract_id, time)
CROSS JOIN LATERAL (
    VALUES
        ('TRADES', fits.trades_fit, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.bar_count, bar.vwap),
        ('BID', fits.bid_fits, bar.bid_open, bar.bid_high, bar.bid_low, bar.bid_close, NULL, NULL, NULL),
        ('ASK', fits.ask_fits, bar.ask_open, bar.ask_high, bar.ask_low, bar.ask_close, NULL, NULL, NULL)
) AS series (what_to_show, fits, open, high, low, close, volume, bar_count, vwap)
WHERE bar.time >= $1::timestamptz
    AND bar.time < $2::timestamptz
    AND fits.time >= $1::timestamptz
    AND fits.time < $2::timestamptz
    AND NOT series.fits
