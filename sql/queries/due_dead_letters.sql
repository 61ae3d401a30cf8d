-- Open dead letters whose next attempt is due, the first to expire first.
-- $1 now timestamptz: NULL is all open ones, due or not
-- $2 symbols text[]: NULL is all
SELECT
    letter.id,
    coalesce(contract_underlying.symbol, own_underlying.symbol) AS symbol,
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
LEFT JOIN option_chains AS contract ON contract.id = letter.contract_id
LEFT JOIN underlying_securities AS contract_underlying ON contract_underlying.id = contract.underlying_id
LEFT JOIN underlying_securities AS own_underlying ON own_underlying.id = letter.underlying_id
WHERE letter.resolved_at IS NULL
    AND ($1::timestamptz IS NULL OR letter.next_attempt_at IS NULL OR letter.next_attempt_at <= $1::timestamptz)
    AND ($2::text[] IS NULL OR coalesce(contract_underlying.symbol, own_underlying.symbol) = ANY($2::text[]))
ORDER BY contract.expiration_date NULLS LAST, symbol, contract.contract_symbol, letter.what_to_show, letter.span
