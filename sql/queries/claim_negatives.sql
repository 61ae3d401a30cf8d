-- Keep what controlled answers called empty; a claim keeps its first witness.
-- It learns of the latest that spoke of all of it; what was asked of a part of it is a claim of its own.
-- $1 instruments integer[]: an underlying's id is below zero
-- $2 series text[]
-- $3 days date[]: of the sessions
-- $4 starts timestamptz[]: of what was asked of the session
-- $5 ends timestamptz[]
-- $6 first_sent_at timestamptz[]: when the first witness was sent
-- $7 first_run_ids integer[]
-- $8 first_logins text[]
-- $9 last_sent_at timestamptz[]: when the latest was sent
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
    SELECT claim.contract_id, claim.underlying_id, claim.what_to_show, claim.span, max(given.last_sent_at) AS sent_at
    FROM negative_claims AS claim
    INNER JOIN given
        ON given.what_to_show = claim.what_to_show
        AND given.session_date = claim.session_date
        AND given.span @> claim.span
        AND (given.contract_id = claim.contract_id OR given.underlying_id = claim.underlying_id)
    GROUP BY claim.contract_id, claim.underlying_id, claim.what_to_show, claim.span
),
known AS (
    UPDATE negative_claims AS claim
    SET last_sent_at = greatest(claim.last_sent_at, again.sent_at)
    FROM again
    WHERE claim.what_to_show = again.what_to_show
        AND claim.span = again.span
        AND (claim.contract_id = again.contract_id OR claim.underlying_id = again.underlying_id)
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
        AND again.span = given.span
        AND (again.contract_id = given.contract_id OR again.underlying_id = given.underlying_id)
)
