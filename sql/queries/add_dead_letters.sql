-- Keep requests that were given up on; one that is already kept gets the new outcome and its attempts added.
-- It waits the longer the older it is: a day at least, three at most.
-- $1 data_set_id smallint
-- $2 instruments integer[]: an underlying's id is below zero
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
    SELECT DISTINCT ON (instrument_id, what_to_show, starts, ends)
        instrument_id,
        what_to_show,
        tstzrange(starts, ends) AS span,
        outcome,
        code,
        message,
        attempts,
        next_attempt_at
    FROM unnest(
        $2::integer[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::integer[], $8::text[],
        $9::integer[], $10::timestamptz[]
    ) AS t (instrument_id, what_to_show, starts, ends, outcome, code, message, attempts, next_attempt_at)
)
INSERT INTO dead_letters AS letter (
    instrument_id, data_set, what_to_show, span, outcome, code, message, attempts, first_failed_at, last_failed_at,
    next_attempt_at, run_id
)
SELECT
    instrument_id, $1::smallint, what_to_show, span, outcome, code, message, attempts, $11::timestamptz,
    $11::timestamptz, next_attempt_at, $12::integer
FROM given
ON CONFLICT (instrument_id, data_set, what_to_show, span) WHERE resolved_at IS NULL DO UPDATE
SET
    outcome = excluded.outcome,
    code = excluded.code,
    message = excluded.message,
    attempts = letter.attempts + excluded.attempts,
    last_failed_at = excluded.last_failed_at,
    next_attempt_at = excluded.last_failed_at + least(
        greatest(excluded.last_failed_at - letter.first_failed_at, INTERVAL '1 day'), INTERVAL '3 days'
    ),
    run_id = excluded.run_id
