-- Requests that were given up on and are still unresolved, the most tried first.
SELECT
    coalesce(chain.contract_symbol, underlying.symbol) AS instrument,
    letter.what_to_show,
    letter.span,
    letter.outcome,
    letter.code,
    letter.attempts,
    letter.next_attempt_at,
    letter.message
FROM dead_letters AS letter
LEFT JOIN option_chains AS chain ON chain.id = letter.instrument_id
LEFT JOIN underlying_securities AS underlying ON underlying.id = -letter.instrument_id
WHERE letter.resolved_at IS NULL
ORDER BY letter.attempts DESC, letter.last_failed_at DESC
LIMIT 50;
