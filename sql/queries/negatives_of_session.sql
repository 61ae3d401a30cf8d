-- Series of a session that are, or may be, empty: one witness, awaiting the second, held; each with its first witness.
-- $1 session_day date
-- $2 hours_start timestamptz: of the session
-- $3 hours_end timestamptz
-- $4 symbols text[]: NULL is all
WITH single AS (
    SELECT coverage.instrument_id, coverage.data_set, coverage.what_to_show, part AS span
    FROM request_coverage AS coverage
    CROSS JOIN unnest(
        coverage.single_witness * tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz))
    ) AS part
    WHERE coverage.single_witness && tstzrange($2::timestamptz, $3::timestamptz)
),
every AS (
    SELECT
        instrument_id, what_to_show, span, state, reason, first_sent_at, first_run_id, first_login
    FROM negative_claims
    WHERE session_date = $1::date
    UNION ALL
    SELECT
        single.instrument_id,
        single.what_to_show,
        single.span,
        'single_witness',
        '',
        witness.sent_at,
        witness.run_id,
        witness.login
    FROM single
    LEFT JOIN LATERAL (
        SELECT request.sent_at, request.run_id, request.login
        FROM requests AS request
        WHERE request.instrument_id = single.instrument_id
            AND request.data_set = single.data_set
            AND request.what_to_show = single.what_to_show
            AND request.negatives && single.span
            AND request.controlled
        ORDER BY request.sent_at
        LIMIT 1
    ) AS witness ON true
)
SELECT
    underlying.symbol,
    chain.contract_symbol,
    every.what_to_show,
    every.state,
    every.span,
    every.reason,
    every.first_sent_at,
    every.first_run_id,
    every.first_login
FROM every
LEFT JOIN option_chains AS chain ON chain.id = every.instrument_id
INNER JOIN underlying_securities AS underlying
    ON underlying.id = coalesce(chain.underlying_id, -every.instrument_id)
WHERE $4::text[] IS NULL OR underlying.symbol = ANY($4::text[])
ORDER BY every.state, underlying.symbol, chain.expiration_date NULLS FIRST, chain.contract_symbol, every.what_to_show
