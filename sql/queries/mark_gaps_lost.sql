-- Mark open gaps of contracts as lost, and return them; what was claimed of their slots is of no use any more.
-- $1 gap_ids bigint[]
-- $2 reasons text[]: of each gap, in words
-- $3 now timestamptz
WITH gap AS (
    UPDATE historical_data_gaps AS hole
    SET state = 'lost', lost_at = $3::timestamptz, reason = given.reason
    FROM unnest($1::bigint[], $2::text[]) AS given (id, reason)
    WHERE hole.id = given.id AND hole.state = 'open'
    RETURNING hole.*
),
forgotten AS (
    DELETE FROM negative_claims AS claim
    USING gap
    WHERE claim.instrument_id = gap.instrument_id
        AND claim.data_set = gap.data_set
        AND claim.what_to_show = gap.what_to_show
        AND claim.span && tstzrange(gap.gap_start, gap.gap_end)
),
noted AS (
    SELECT store.note_changes(data_set, array_agg(instrument_id), array_agg(day)) AS changes
    FROM gap
    CROSS JOIN LATERAL store.days_of(tstzmultirange(tstzrange(gap_start, gap_end))) AS day
    GROUP BY data_set
    ORDER BY data_set
)
SELECT
    gap.id,
    underlying.symbol,
    gap.contract_id,
    contract.contract_symbol,
    contract.expiration_date,
    gap.underlying_id,
    kind.name AS data_set,
    gap.what_to_show,
    gap.state,
    tstzrange(gap.gap_start, gap.gap_end) AS span,
    gap.gap_type,
    gap.detected_at,
    gap.reason,
    (SELECT sum(changes) FROM noted) AS changes
FROM gap
INNER JOIN data_sets AS kind ON kind.id = gap.data_set
INNER JOIN option_chains AS contract ON contract.id = gap.instrument_id
INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
ORDER BY contract.expiration_date, symbol, contract.contract_symbol, gap.what_to_show, gap.gap_start
