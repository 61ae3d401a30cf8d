-- Keep what controlled answers called empty; a claim keeps its first witness.
-- It learns of the latest that spoke of all of it; what was asked of a part of it is a claim of its own.
-- $1 data_set_id smallint
-- $2 instruments integer[]: an underlying's id is below zero
-- $3 series text[]
-- $4 days date[]: of the sessions
-- $5 starts timestamptz[]: of what was asked of the session
-- $6 ends timestamptz[]
-- $7 first_sent_at timestamptz[]: when the first witness was sent
-- $8 first_run_ids integer[]
-- $9 first_logins text[]
-- $10 last_sent_at timestamptz[]: when the latest was sent
WITH given AS (
    SELECT
        instrument_id,
        what_to_show,
        session_date,
        tstzrange(starts, ends) AS span,
        first_sent_at,
        first_run_id,
        first_login,
        last_sent_at
    FROM unnest(
        $2::integer[], $3::text[], $4::date[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::integer[],
        $9::text[], $10::timestamptz[]
    ) AS t (
        instrument_id, what_to_show, session_date, starts, ends, first_sent_at, first_run_id, first_login, last_sent_at
    )
),
again AS (
    SELECT claim.instrument_id, claim.what_to_show, claim.span, max(given.last_sent_at) AS sent_at
    FROM negative_claims AS claim
    INNER JOIN given
        ON given.instrument_id = claim.instrument_id
        AND given.what_to_show = claim.what_to_show
        AND given.session_date = claim.session_date
        AND given.span @> claim.span
    WHERE claim.data_set = $1::smallint
    GROUP BY claim.instrument_id, claim.what_to_show, claim.span
),
known AS (
    UPDATE negative_claims AS claim
    SET last_sent_at = greatest(claim.last_sent_at, again.sent_at)
    FROM again
    WHERE claim.instrument_id = again.instrument_id
        AND claim.data_set = $1::smallint
        AND claim.what_to_show = again.what_to_show
        AND claim.span = again.span
)
INSERT INTO negative_claims (
    instrument_id, data_set, what_to_show, session_date, span, state, first_sent_at, first_run_id, first_login,
    last_sent_at
)
SELECT
    instrument_id, $1::smallint, what_to_show, session_date, span, 'held', first_sent_at, first_run_id, first_login,
    last_sent_at
FROM given
WHERE NOT EXISTS (
    SELECT
    FROM again
    WHERE again.instrument_id = given.instrument_id
        AND again.what_to_show = given.what_to_show
        AND again.span = given.span
)
