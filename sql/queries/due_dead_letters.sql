-- Open dead letters whose next attempt is due, the first to expire first.
-- $1 now timestamptz: NULL is all open ones, due or not
-- $2 symbols text[]: NULL is all
SELECT
    letter.id,
    underlying.symbol,
    letter.contract_id,
    contract.contract_symbol,
    contract.expiration_date,
    letter.underlying_id,
    letter.what_to_show,
    letter.span,
    letter.outcome,
    letter.code,
    letter.message,
    letter.attempts,
    letter.first_failed_at,
    letter.next_attempt_at
FROM dead_letters AS letter
LEFT JOIN option_chains AS contract ON contract.id = letter.instrument_id
INNER JOIN underlying_securities AS underlying
    ON underlying.id = coalesce(contract.underlying_id, -letter.instrument_id)
WHERE letter.resolved_at IS NULL
    AND ($1::timestamptz IS NULL OR letter.next_attempt_at IS NULL OR letter.next_attempt_at <= $1::timestamptz)
    AND ($2::text[] IS NULL OR underlying.symbol = ANY($2::text[]))
ORDER BY contract.expiration_date NULLS LAST, underlying.symbol, contract.contract_symbol, letter.what_to_show, letter.span
