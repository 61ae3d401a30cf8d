-- Spans of dead letters whose next attempt is not due, by series.
-- What expires before that attempt does not rest: it may be the last one.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose letters, its contracts' included
-- $3 now timestamptz
-- $4 before timestamptz: spans that end by then
SELECT
    letter.instrument_id,
    letter.what_to_show,
    range_agg(letter.span) AS spans
FROM dead_letters AS letter
LEFT JOIN option_chains AS contract ON contract.id = letter.instrument_id
WHERE letter.data_set = $1::smallint
    AND letter.resolved_at IS NULL
    AND coalesce(contract.underlying_id, -letter.instrument_id) = $2::integer
    AND upper(letter.span) <= $4::timestamptz
    AND letter.next_attempt_at > $3::timestamptz
    AND (
        contract.id IS NULL
        OR contract.expiration_date > (letter.next_attempt_at AT TIME ZONE 'America/New_York')::date
    )
GROUP BY letter.instrument_id, letter.what_to_show
