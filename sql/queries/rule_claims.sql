-- Note what holds claims up: $1 instruments, $2 series, $3 session days, $4 states, $5 reasons.
UPDATE negative_claims AS claim
SET state = given.state, reason = given.reason
FROM unnest($1::integer[], $2::text[], $3::date[], $4::text[], $5::text[]) AS given (
    instrument, what_to_show, session_date, state, reason
)
WHERE claim.what_to_show = given.what_to_show
    AND claim.session_date = given.session_date
    AND (claim.contract_id = given.instrument OR claim.underlying_id = -given.instrument)
    AND (claim.state, claim.reason) <> (given.state, given.reason)
