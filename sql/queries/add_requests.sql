-- Keep the staged requests, each once.
-- By the source's clock, which tells whole seconds and never goes back, several may have been sent at one instant: the
-- answer tells them apart.
-- $1 first_sent timestamptz: the first sending of them; literal bounds, so that other chunks stay shut
-- $2 last_sent timestamptz
INSERT INTO requests (
    sent_at, answered_at, run_id, login, instrument_id, data_set, what_to_show, span, outcome, code, message, bars,
    first_bar, negatives, checksum
)
SELECT
    sent_at, answered_at, run_id, login, instrument_id, data_set, what_to_show, span, outcome, code, message, bars,
    first_bar, negatives, checksum
FROM stage_requests AS staged
WHERE NOT EXISTS (
    SELECT
    FROM requests AS known
    WHERE known.sent_at >= $1::timestamptz
        AND known.sent_at <= $2::timestamptz
        AND known.instrument_id = staged.instrument_id
        AND known.data_set = staged.data_set
        AND known.sent_at = staged.sent_at
        AND known.answered_at IS NOT DISTINCT FROM staged.answered_at
        AND known.what_to_show = staged.what_to_show
        AND known.span = staged.span
)
