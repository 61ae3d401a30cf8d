-- Put what was found of a day into the quarantine, let its slots be asked for again, and say how many series they are.
-- $1 now timestamptz
-- $2 data_set_id smallint
-- $3 bar_size interval
WITH kept AS (
    INSERT INTO quarantined_bars (
        instrument_id, data_set, what_to_show, time, reason, open, high, low, close, volume, bar_count, vwap, run_id,
        quarantined_at
    )
    SELECT
        instrument_id, $2::smallint, what_to_show, time,
        CASE WHEN close < 'NaN' THEN 'too_large' ELSE 'not_a_number' END,
        open, high, low, close, volume, bar_count, vwap, run_id, $1::timestamptz
    FROM unfit_bars
    ON CONFLICT DO NOTHING
),
refused AS (
    SELECT
        instrument_id,
        what_to_show,
        range_agg(tstzrange(time, time + $3::interval)) AS slots
    FROM unfit_bars
    GROUP BY instrument_id, what_to_show
),
asked_again AS (
    UPDATE request_coverage AS series
    SET
        covered = series.covered - refused.slots,
        settled = series.settled - refused.slots,
        single_witness = series.single_witness - refused.slots
    FROM refused
    WHERE series.instrument_id = refused.instrument_id
        AND series.data_set = $2::smallint
        AND series.what_to_show = refused.what_to_show
)
SELECT
    (SELECT count(*) FROM unfit_bars) AS bars,
    (
        SELECT store.note_changes($2::smallint, array_agg(instrument_id), array_agg(day))
        FROM refused
        CROSS JOIN LATERAL store.days_of(slots) AS day
    ) AS changes
