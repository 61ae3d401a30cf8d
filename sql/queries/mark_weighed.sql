-- Note whether empty answers were controlled.
-- $1 instruments integer[]: an underlying's id is below zero
-- $2 series text[]
-- $3 sent_at timestamptz[]: when their requests were sent
-- $4 controlled boolean[]
UPDATE requests AS request
SET controlled = weighed.controlled
FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::boolean[]) AS weighed (
    instrument_id, what_to_show, sent_at, controlled
)
WHERE request.instrument_id = weighed.instrument_id
    AND request.what_to_show = weighed.what_to_show
    AND request.sent_at = weighed.sent_at
