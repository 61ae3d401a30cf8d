-- What contracts of an underlying were called empty lately: $1 underlying id, $2 by a first witness sent after.
SELECT claim.contract_id, claim.what_to_show, range_agg(claim.span) AS spans
FROM negative_claims AS claim
INNER JOIN option_chains AS chain ON chain.id = claim.contract_id
WHERE chain.underlying_id = $1::integer AND claim.first_sent_at > $2::timestamptz
GROUP BY claim.contract_id, claim.what_to_show
