-- Forget claims of which some slots have settled since; what is left of them is asked again.
-- $1 underlying_id integer: whose claims, its contracts' included
DELETE FROM negative_claims AS claim
USING request_coverage AS coverage
WHERE coverage.instrument_id = claim.instrument_id
    AND coverage.data_set = claim.data_set
    AND coverage.what_to_show = claim.what_to_show
    AND coverage.settled && claim.span
    AND claim.instrument_id IN (
        SELECT id FROM option_chains WHERE underlying_id = $1::integer
        UNION ALL
        SELECT -$1::integer
    )
