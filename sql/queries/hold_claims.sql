-- Wait no longer for second witnesses that did not come: $1 session days (NULL: all), $2 first witnesses before, $3 why.
UPDATE negative_claims
SET state = 'held', reason = $3::text
WHERE state = 'awaiting'
    AND ($1::date[] IS NULL OR session_date = ANY($1::date[]))
    AND first_sent_at < $2::timestamptz
