-- What contracts of an underlying were called empty lately.
-- $1 underlying_id integer: whose contracts
-- $2 young_after timestamptz: by a first witness sent later
-- $3 young_after_unlisted timestamptz: the same for sessions before a contract was listed
SELECT claim.contract_id, claim.what_to_show, range_agg(claim.span) AS spans
FROM negative_claims AS claim
INNER JOIN option_chains AS chain ON chain.id = claim.contract_id
LEFT JOIN option_contract_lifecycle AS life ON life.contract_id = claim.contract_id
WHERE chain.underlying_id = $1::integer
    AND claim.first_sent_at > CASE
        WHEN life.listed_since > claim.session_date THEN $3::timestamptz ELSE $2::timestamptz
    END
GROUP BY claim.contract_id, claim.what_to_show
