-- Forget what was called empty at times when there was no session.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose claims, or whose contracts'
-- $3 closed tstzmultirange: when there was no session
DELETE FROM negative_claims AS claim
WHERE claim.data_set = $1::smallint
    AND $3::tstzmultirange && claim.span
    AND claim.instrument_id IN (
        SELECT id FROM option_chains WHERE underlying_id = $2::integer
        UNION ALL
        SELECT -$2::integer
    )
