-- Spans of dead letters whose next attempt is not due, by series: $1 underlying id, $2 now, $3 before.
-- What expires before that attempt does not rest: it may be the last one.
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
