-- Put series of a day's option bars that do not fit into the store into the quarantine, let their slots be asked for
-- again, and say how many they are.
-- $1 start timestamptz
-- $2 end timestamptz
-- $3 now timestamptz
-- $4 data_set_id smallint
-- $5 bar_size interval
WITH unfit AS (
    SELECT
        bar.contract_id AS instrument_id,
        series.*,
        bar.time,
        bar.collection_run_id
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
),
kept AS (
    INSERT INTO quarantined_bars (
        instrument_id, data_set, what_to_show, time, reason, open, high, low, close, volume, bar_count, vwap, run_id,
        quarantined_at
    )
    SELECT
        instrument_id, $4::smallint, what_to_show, time,
        CASE WHEN close < 'NaN' THEN 'too_large' ELSE 'not_a_number' END,
        open, high, low, close, volume, bar_count, vwap, collection_run_id, $3::timestamptz
    FROM unfit
    ON CONFLICT DO NOTHING
),
asked_again AS (
    UPDATE request_coverage AS series
    SET
        covered = series.covered - refused.slots,
        settled = series.settled - refused.slots,
        single_witness = series.single_witness - refused.slots
    FROM (
        SELECT
            instrument_id,
            what_to_show,
            range_agg(tstzrange(time, time + $5::interval)) AS slots
        FROM unfit
        GROUP BY instrument_id, what_to_show
    ) AS refused
    WHERE series.instrument_id = refused.instrument_id
        AND series.data_set = $4::smallint
        AND series.what_to_show = refused.what_to_show
)
SELECT count(*) AS bars
FROM unfit
