-- Forget claims of which some slots have settled since; what is left of them is asked again.
-- $1 underlying_id integer: whose claims, its contracts' included
DELETE FROM negative_claims AS claim
USING request_coverage AS coverage
WHERE coverage.what_to_show = claim.what_to_show
    AND (coverage.contract_id = claim.contract_id OR coverage.underlying_id = claim.underlying_id)
    AND coverage.settled && claim.span
    AND (
        claim.underlying_id = $1::integer
        OR claim.contract_id IN (SELECT id FROM option_chains WHERE underlying_id = $1::integer)
    )
