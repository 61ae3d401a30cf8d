-- Look again at bars that stand in quarantine.
-- The same bar counts when its request was sent half an hour later than the first; another one takes its place.
-- $1 data_set_id smallint
-- $2 run_id integer
-- $3 now timestamptz
UPDATE quarantined_bars AS known
SET
    seen = CASE WHEN again.same THEN 2 ELSE 1 END,
    reason = again.reason,
    open = again.open,
    high = again.high,
    low = again.low,
    close = again.close,
    volume = again.volume,
    bar_count = again.bar_count,
    vwap = again.vwap,
    run_id = CASE WHEN again.same THEN known.run_id ELSE $2::integer END,
    quarantined_at = CASE WHEN again.same THEN known.quarantined_at ELSE $3::timestamptz END,
    sent_at = CASE WHEN again.same THEN known.sent_at ELSE again.sent_at END
FROM (
    SELECT
        known.id,
        (known.open, known.high, known.low, known.close, known.volume, known.bar_count, known.vwap)
        IS NOT DISTINCT FROM (
            staged.open, staged.high, staged.low, staged.close, staged.volume, staged.bar_count, staged.vwap
        ) AS same,
        staged.*
    FROM stage_quarantine AS staged
    INNER JOIN quarantined_bars AS known
        USING (instrument_id, data_set, what_to_show, time)
    WHERE staged.data_set = $1::smallint
) AS again
WHERE known.id = again.id
    AND (NOT again.same OR known.sent_at + INTERVAL '30 minutes' <= again.sent_at)
