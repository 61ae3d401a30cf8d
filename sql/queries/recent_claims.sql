-- What an underlying or its contracts were called empty of lately.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose claims, its contracts' included
-- $3 young_after timestamptz: by a first witness sent later
-- $4 young_after_unlisted timestamptz: the same for sessions before a contract was listed
SELECT claim.instrument_id, claim.what_to_show, range_agg(claim.span) AS spans
FROM negative_claims AS claim
LEFT JOIN option_chains AS chain ON chain.id = claim.instrument_id
LEFT JOIN option_contract_lifecycle AS life ON life.contract_id = claim.instrument_id
WHERE claim.data_set = $1::smallint
    AND coalesce(chain.underlying_id, -claim.instrument_id) = $2::integer
    AND claim.first_sent_at > CASE
        WHEN life.listed_since > claim.session_date THEN $4::timestamptz ELSE $3::timestamptz
    END
GROUP BY claim.instrument_id, claim.what_to_show
