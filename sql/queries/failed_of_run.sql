-- The requests of a run that ended in a failing outcome, the latest first.
-- $1 run_id integer
-- $2 since timestamptz: sent at this instant or later
-- $3 until timestamptz: sent before
-- $4 most integer: how many
SELECT
    coalesce(chain.contract_symbol, own.symbol) AS instrument,
    kind.name AS data_set,
    request.what_to_show,
    request.span,
    request.sent_at,
    request.outcome,
    request.code,
    request.message,
    extract(EPOCH FROM request.answered_at - request.sent_at)::float8 AS seconds
FROM requests AS request
INNER JOIN data_sets AS kind ON kind.id = request.data_set
LEFT JOIN option_chains AS chain ON chain.id = request.instrument_id
LEFT JOIN underlying_securities AS own ON own.id = -request.instrument_id
WHERE request.run_id = $1::integer
    AND request.sent_at >= $2::timestamptz
    AND request.sent_at < $3::timestamptz
    AND request.outcome NOT IN ('bars', 'no_data')
ORDER BY request.sent_at DESC, instrument
LIMIT $4::integer
