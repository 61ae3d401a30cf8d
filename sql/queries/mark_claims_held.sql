-- Wait no longer for second witnesses that did not come.
-- $1 days date[]: of the sessions; NULL is all
-- $2 before timestamptz: claims whose first witness was sent earlier
-- $3 reason text: why they are held, in words
WITH held AS (
    UPDATE negative_claims
    SET state = 'held', reason = $3::text
    WHERE state = 'awaiting'
        AND ($1::date[] IS NULL OR session_date = ANY($1::date[]))
        AND first_sent_at < $2::timestamptz
    RETURNING instrument_id, data_set, session_date
),
noted AS (
    SELECT store.note_changes(data_set, array_agg(instrument_id), array_agg(session_date)) AS changes
    FROM held
    GROUP BY data_set
    ORDER BY data_set
)
SELECT
    (SELECT count(*) FROM held) AS claims,
    (SELECT sum(changes) FROM noted) AS changes
