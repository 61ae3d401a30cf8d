-- Forget what was called empty at times when there was no session.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose claims, or whose contracts'
-- $3 closed tstzmultirange: when there was no session
WITH withdrawn AS (
    DELETE FROM negative_claims AS claim
    WHERE claim.data_set = $1::smallint
        AND $3::tstzmultirange && claim.span
        AND claim.instrument_id IN (
            SELECT id FROM option_chains WHERE underlying_id = $2::integer
            UNION ALL
            SELECT -$2::integer
        )
    RETURNING claim.instrument_id, claim.session_date, claim.state
)
SELECT store.note_changes($1::smallint, array_agg(instrument_id), array_agg(session_date)) AS changes
FROM withdrawn
WHERE state = 'awaiting'
