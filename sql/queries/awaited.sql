-- What awaits a second witness, by session.
-- oldest: of what half an hour confirms; sessions before a contract was listed need another night.
-- $1 symbols text[]: NULL is all
SELECT
    claim.session_date,
    min(claim.first_sent_at) FILTER (WHERE life.listed_since > claim.session_date IS NOT TRUE) AS oldest,
    count(*) AS claims,
    count(*) FILTER (WHERE chain.expiration_date = claim.session_date) AS expiring
FROM negative_claims AS claim
LEFT JOIN option_chains AS chain ON chain.id = claim.instrument_id
LEFT JOIN option_contract_lifecycle AS life ON life.contract_id = claim.instrument_id
INNER JOIN underlying_securities AS underlying
    ON underlying.id = coalesce(chain.underlying_id, -claim.instrument_id)
WHERE claim.state = 'awaiting' AND ($1::text[] IS NULL OR underlying.symbol = ANY($1::text[]))
GROUP BY claim.session_date
ORDER BY claim.session_date
