-- Session days on which an underlying or its contracts have claims.
-- $1 underlying_id integer
SELECT DISTINCT claim.session_date
FROM negative_claims AS claim
LEFT JOIN option_chains AS chain ON chain.id = claim.instrument_id
WHERE coalesce(chain.underlying_id, -claim.instrument_id) = $1::integer
ORDER BY claim.session_date
