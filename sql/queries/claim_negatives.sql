-- Keep what controlled answers called empty; a claim keeps its first witness, and learns of the latest.
-- $1 instruments (an underlying's id below zero), $2 series, $3 session days, $4 and $5 what was asked of the session,
-- $6 when the first witness was sent, $7 its run, $8 its login, $9 when the latest was sent.
WITH given AS (
    SELECT
        CASE WHEN instrument > 0 THEN instrument END AS contract_id,
        CASE WHEN instrument < 0 THEN -instrument END AS underlying_id,
        what_to_show,
        session_date,
        tstzrange(starts, ends) AS span,
        first_sent_at,
        first_run_id,
        first_login,
        last_sent_at
    FROM unnest(
        $1::integer[], $2::text[], $3::date[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::integer[],
        $8::text[], $9::timestamptz[]
    ) AS t (
        instrument, what_to_show, session_date, starts, ends, first_sent_at, first_run_id, first_login, last_sent_at
    )
),
again AS (
    UPDATE negative_claims AS claim
    SET
        span = CASE WHEN claim.span @> given.span THEN claim.span ELSE given.span END,
        first_sent_at = CASE WHEN claim.span @> given.span THEN claim.first_sent_at ELSE given.first_sent_at END,
        first_run_id = CASE WHEN claim.span @> given.span THEN claim.first_run_id ELSE given.first_run_id END,
        first_login = CASE WHEN claim.span @> given.span THEN claim.first_login ELSE given.first_login END,
        last_sent_at = greatest(claim.last_sent_at, given.last_sent_at)
    FROM given
    WHERE claim.what_to_show = given.what_to_show
        AND claim.session_date = given.session_date
        AND (claim.contract_id = given.contract_id OR claim.underlying_id = given.underlying_id)
    RETURNING claim.contract_id, claim.underlying_id, claim.what_to_show, claim.session_date
)
INSERT INTO negative_claims (
    contract_id, underlying_id, what_to_show, session_date, span, state, first_sent_at, first_run_id, first_login,
    last_sent_at
)
SELECT
    contract_id, underlying_id, what_to_show, session_date, span, 'held', first_sent_at, first_run_id, first_login,
    last_sent_at
FROM given
WHERE NOT EXISTS (
    SELECT
    FROM again
    WHERE again.what_to_show = given.what_to_show
        AND again.session_date = given.session_date
        AND (again.contract_id = given.contract_id OR again.underlying_id = given.underlying_id)
)
