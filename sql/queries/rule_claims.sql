-- Note what holds claims up.
-- $1 instruments integer[]: an underlying's id is below zero
-- $2 series text[]
-- $3 starts timestamptz[]: of the claims
-- $4 ends timestamptz[]
-- $5 verdicts text[]: the states that they take
-- $6 reasons text[]: in words
UPDATE negative_claims AS claim
SET state = given.state, reason = given.reason
FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[]) AS given (
    instrument, what_to_show, starts, ends, state, reason
)
WHERE claim.what_to_show = given.what_to_show
    AND claim.span = tstzrange(given.starts, given.ends)
    AND (claim.contract_id = given.instrument OR claim.underlying_id = -given.instrument)
    AND (claim.state, claim.reason) <> (given.state, given.reason)
