-- Forget what was called empty of a session and is not settled.
-- $1 symbols text[]
-- $2 session_day date
-- $3 today date: in New York; what expired before it keeps its claims, as in forget_coverage
WITH forgotten AS (
    DELETE FROM negative_claims AS claim
    WHERE claim.session_date = $2::date
        AND claim.instrument_id IN (
            SELECT contract.id
            FROM option_chains AS contract
            INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
            WHERE underlying.symbol = ANY($1::text[]) AND contract.expiration_date >= $3::date
            UNION ALL
            SELECT -id FROM underlying_securities WHERE symbol = ANY($1::text[])
        )
    RETURNING claim.instrument_id, claim.data_set, claim.session_date, claim.state
)
SELECT store.note_changes(data_set, array_agg(instrument_id), array_agg(session_date)) AS changes
FROM forgotten
WHERE state = 'awaiting'
GROUP BY data_set
ORDER BY data_set
