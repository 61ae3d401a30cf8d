-- Note whether claims await a second witness or are held, and why.
-- $1 data_set_id smallint
-- $2 instruments integer[]: an underlying's id is below zero
-- $3 series text[]
-- $4 starts timestamptz[]: of the claims
-- $5 ends timestamptz[]
-- $6 verdicts text[]: the states that they take
-- $7 reasons text[]: in words
UPDATE negative_claims AS claim
SET state = given.state, reason = given.reason
FROM unnest($2::integer[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[]) AS given (
    instrument_id, what_to_show, starts, ends, state, reason
)
WHERE claim.instrument_id = given.instrument_id
    AND claim.data_set = $1::smallint
    AND claim.what_to_show = given.what_to_show
    AND claim.span = tstzrange(given.starts, given.ends)
    AND (claim.state, claim.reason) <> (given.state, given.reason)
