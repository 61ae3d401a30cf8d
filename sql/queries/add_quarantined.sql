-- Keep the staged bars in the quarantine, each once.
-- $1 data_set_id smallint
-- $2 run_id integer
-- $3 now timestamptz
INSERT INTO quarantined_bars (
    instrument_id, data_set, what_to_show, time, reason, open, high, low, close, volume, bar_count, vwap, sent_at,
    run_id, quarantined_at
)
SELECT
    instrument_id, data_set, what_to_show, time, reason, open, high, low, close, volume, bar_count, vwap, sent_at,
    $2::integer, $3::timestamptz
FROM stage_quarantine
WHERE data_set = $1::smallint
ON CONFLICT DO NOTHING
