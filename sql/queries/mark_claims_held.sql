-- Wait no longer for second witnesses that did not come.
-- $1 days date[]: of the sessions; NULL is all
-- $2 before timestamptz: claims whose first witness was sent earlier
-- $3 reason text: why they are held, in words
UPDATE negative_claims
SET state = 'held', reason = $3::text
WHERE state = 'awaiting'
    AND ($1::date[] IS NULL OR session_date = ANY($1::date[]))
    AND first_sent_at < $2::timestamptz
