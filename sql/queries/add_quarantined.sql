-- Keep the staged bars in the quarantine, each once.
-- $1 run_id integer
-- $2 now timestamptz
INSERT INTO quarantined_bars (
    contract_id, underlying_id, what_to_show, time, reason, open, high, low, close, volume, bar_count, vwap, sent_at,
    run_id, quarantined_at
)
SELECT
    stage.contract_id, stage.underlying_id, stage.what_to_show, stage.time, stage.reason, stage.open, stage.high,
    stage.low, stage.close, stage.volume, stage.bar_count, stage.vwap, stage.sent_at, $1::integer, $2::timestamptz
FROM stage_quarantine AS stage
ON CONFLICT DO NOTHING
