-- Keep requests that were given up on; one that is already kept gets the new outcome and its attempts added.
-- It waits the longer the older it is: a day at least, three at most.
-- $1 contract_ids integer[]: NULL where it is an underlying's
-- $2 underlying_ids integer[]: NULL where it is a contract's
-- $3 series text[]
-- $4 starts timestamptz[]
-- $5 ends timestamptz[]
-- $6 outcomes text[]
-- $7 codes integer[]
-- $8 messages text[]
-- $9 attempts integer[]
-- $10 next_attempt_at timestamptz[]: the first time; later it follows from the age
-- $11 now timestamptz
-- $12 run_id integer
WITH given AS (
    SELECT DISTINCT ON (contract_id, underlying_id, what_to_show, starts, ends)
        contract_id,
        underlying_id,
        what_to_show,
        tstzrange(starts, ends) AS span,
        outcome,
        code,
        message,
        attempts,
        next_attempt_at
    FROM unnest(
        $1::integer[], $2::integer[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::integer[],
        $8::text[], $9::integer[], $10::timestamptz[]
    ) AS t (
        contract_id, underlying_id, what_to_show, starts, ends, outcome, code, message, attempts, next_attempt_at
    )
),
again AS (
    UPDATE dead_letters AS letter
    SET
        outcome = given.outcome,
        code = given.code,
        message = given.message,
        attempts = letter.attempts + given.attempts,
        last_failed_at = $11::timestamptz,
        next_attempt_at = $11::timestamptz + least(
            greatest($11::timestamptz - letter.first_failed_at, INTERVAL '1 day'), INTERVAL '3 days'
        ),
        run_id = $12::integer
    FROM given
    WHERE letter.resolved_at IS NULL
        AND letter.contract_id IS NOT DISTINCT FROM given.contract_id
        AND letter.underlying_id IS NOT DISTINCT FROM given.underlying_id
        AND letter.what_to_show = given.what_to_show
        AND letter.span = given.span
)
INSERT INTO dead_letters (
    contract_id, underlying_id, what_to_show, span, outcome, code, message, attempts, first_failed_at, last_failed_at,
    next_attempt_at, run_id
)
SELECT
    contract_id, underlying_id, what_to_show, span, outcome, code, message, attempts, $11::timestamptz,
    $11::timestamptz, next_attempt_at, $12::integer
FROM given
WHERE NOT EXISTS (
    SELECT
    FROM dead_letters AS letter
    WHERE letter.resolved_at IS NULL
        AND letter.contract_id IS NOT DISTINCT FROM given.contract_id
        AND letter.underlying_id IS NOT DISTINCT FROM given.underlying_id
        AND letter.what_to_show = given.what_to_show
        AND letter.span = given.span
)
