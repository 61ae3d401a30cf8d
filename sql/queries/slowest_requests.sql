-- The requests that took longest, from sending to their end.
-- $1 since timestamptz: requests sent at this instant or later
-- $2 most integer: how many
SELECT
    request.run_id,
    coalesce(chain.contract_symbol, own.symbol) AS contract,
    request.what_to_show,
    request.outcome,
    request.sent_at,
    round(extract(EPOCH FROM request.answered_at - request.sent_at), 3) AS seconds
FROM requests AS request
LEFT JOIN option_chains AS chain ON chain.id = request.instrument_id
LEFT JOIN underlying_securities AS own ON own.id = -request.instrument_id
WHERE request.sent_at >= $1::timestamptz AND request.answered_at IS NOT NULL
ORDER BY request.answered_at - request.sent_at DESC, request.sent_at
LIMIT $2::integer
