-- Note whether empty answers were controlled.
-- $1 data_set_id smallint
-- $2 instruments integer[]: an underlying's id is below zero
-- $3 series text[]
-- $4 sent_at timestamptz[]: when their requests were sent
-- $5 controlled boolean[]
UPDATE requests AS request
SET controlled = weighed.controlled
FROM unnest($2::integer[], $3::text[], $4::timestamptz[], $5::boolean[]) AS weighed (
    instrument_id, what_to_show, sent_at, controlled
)
WHERE request.instrument_id = weighed.instrument_id
    AND request.data_set = $1::smallint
    AND request.what_to_show = weighed.what_to_show
    AND request.sent_at = weighed.sent_at
