-- Spans of dead letters whose next attempt is not due, by series.
-- What expires before that attempt does not rest: it may be the last one.
-- $1 underlying_id integer: whose letters, its contracts' included
-- $2 now timestamptz
-- $3 before timestamptz: spans that end by then
SELECT
    coalesce(letter.contract_id, -letter.underlying_id) AS instrument,
    letter.what_to_show,
    range_agg(letter.span) AS spans
FROM dead_letters AS letter
LEFT JOIN option_chains AS contract ON contract.id = letter.contract_id
WHERE letter.resolved_at IS NULL
    AND coalesce(letter.underlying_id, contract.underlying_id) = $1::integer
    AND upper(letter.span) <= $3::timestamptz
    AND letter.next_attempt_at > $2::timestamptz
    AND (
        contract.id IS NULL
        OR contract.expiration_date > (letter.next_attempt_at AT TIME ZONE 'America/New_York')::date
    )
GROUP BY instrument, letter.what_to_show
