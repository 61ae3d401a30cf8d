-- Note whether claims await a second witness or are held, and why.
-- $1 data_set_id smallint
-- $2 instruments integer[]: an underlying's id is below zero
-- $3 series text[]
-- $4 starts timestamptz[]: of the claims
-- $5 ends timestamptz[]
-- $6 verdicts text[]: the states that they take
-- $7 reasons text[]: in words
WITH changed AS (
    SELECT
        claim.instrument_id,
        claim.what_to_show,
        claim.session_date,
        claim.span,
        claim.state AS before,
        given.state,
        given.reason
    FROM negative_claims AS claim
    INNER JOIN unnest($2::integer[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[]) AS given (
        instrument_id, what_to_show, starts, ends, state, reason
    )
        ON given.instrument_id = claim.instrument_id
        AND given.what_to_show = claim.what_to_show
        AND tstzrange(given.starts, given.ends) = claim.span
    WHERE claim.data_set = $1::smallint AND (claim.state, claim.reason) <> (given.state, given.reason)
),
written AS (
    UPDATE negative_claims AS claim
    SET state = changed.state, reason = changed.reason
    FROM changed
    WHERE claim.instrument_id = changed.instrument_id
        AND claim.data_set = $1::smallint
        AND claim.what_to_show = changed.what_to_show
        AND claim.span = changed.span
)
-- Another reason is none of a session's verdicts.
SELECT store.note_changes($1::smallint, array_agg(instrument_id), array_agg(session_date)) AS changes
FROM changed
WHERE before <> state
